//! HTTP/2 without TLS, by hyper's client: known beforehand (prior knowledge), not upgraded to.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use super::{Exchange, Load, LoadError, Outcome};

fn failed(error: impl std::fmt::Display) -> LoadError {
    LoadError::Answer(format!("HTTP/2 failed: {error}"))
}

/// Sends as many requests as are answered; `probe` is asked when the counted time begins and ends.
/// For the thread of a runtime that has one.
///
/// # Errors
/// If a connection breaks, or an answer is not what it should be.
pub async fn saturate(
    address: SocketAddr,
    exchanges: &[Exchange],
    load: &Load,
    mut probe: impl FnMut() -> u64,
) -> Result<Outcome, LoadError> {
    let count = Rc::new(Cell::new(0_u64));
    let streams = async {
        let mut streams = JoinSet::new();
        for _ in 0..load.connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) =
                handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(failed)?;
            tokio::task::spawn_local(connection);
            for number in 0..load.depth {
                // Streams of a connection begin at different exchanges.
                let mut turns = exchanges.to_vec();
                turns.rotate_left(number % exchanges.len());
                streams.spawn_local(ask(sender.clone(), address, turns, count.clone()));
            }
        }
        Ok::<_, LoadError>(streams)
    };
    let local = LocalSet::new();
    let measured = async {
        let mut streams = streams.await?;
        sleep(load.warm_up, &mut streams).await?;
        let (since, before) = (Instant::now(), probe());
        count.set(0);
        sleep(load.counted, &mut streams).await?;
        Ok(Outcome {
            answers: count.get(),
            seconds: since.elapsed().as_secs_f64(),
            probed: probe().saturating_sub(before),
            latencies: Vec::new(),
        })
    };
    local.run_until(measured).await
}

/// Lets the streams go on for a while; they do not end unless one fails.
async fn sleep(
    time: Duration,
    streams: &mut JoinSet<Result<(), LoadError>>,
) -> Result<(), LoadError> {
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        ended = streams.join_next() => match ended {
            Some(Ok(Err(error))) => Err(error),
            _ => Err(LoadError::Silent),
        },
    }
}

/// One request after the other.
async fn ask(
    mut sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    exchanges: Vec<Exchange>,
    count: Rc<Cell<u64>>,
) -> Result<(), LoadError> {
    for exchange in exchanges.iter().cycle() {
        let request = Request::builder()
            .method(exchange.method.clone())
            .uri(format!("http://{address}{}", exchange.path))
            .header(header::USER_AGENT, "nova-benches")
            .header(header::ACCEPT, "*/*")
            .body(Full::new(Bytes::from_static(exchange.body)))
            .map_err(failed)?;
        sender.ready().await.map_err(failed)?;
        let answer = sender.send_request(request).await.map_err(failed)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(failed)?.to_bytes();
        if status != exchange.status || body.len() as u64 != exchange.length {
            let (path, length) = (&exchange.path, body.len());
            return Err(failed(format!("{path}: unexpected {status} of {length} bytes")));
        }
        count.set(count.get() + 1);
    }
    Ok(())
}
