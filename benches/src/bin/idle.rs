//! What a connection takes that rests: memory of the process for each kept HTTP/1.1 connection over
//! which one request was answered, of `nova-host` and of hyper alone.
//!
//! Each round starts both anew, in turns, and looks at the anonymous memory before and after the
//! connections. `cargo run --release -p nova-benches --bin idle [CONNECTIONS]` (1,000 and 10,000);
//! `nova-host` and `nova-bench-app` have to be built for release before.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nova_benches::stats::quantile;
use nova_tests::client::Failure;
use nova_tests::process::Process;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// Of each server.
const ROUNDS: usize = 3;

/// Connections whose memory is there before anything is counted: threads and pools have what they need.
const WARM: usize = 50;

/// What is asked over each connection.
const REQUEST: &[u8] = b"GET /text HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// What each server answers with, and where its last line ends.
const TEXT: &[u8] = b"Hello, world!";

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    raise_descriptors()?;
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("hyper") {
        return hyper_alone().await;
    }
    let counts = match argument {
        Some(count) => vec![count.parse()?],
        None => vec![1000, 10_000],
    };
    println!("anonymous memory for each resting connection, in bytes; medians of {ROUNDS} rounds");
    println!("{:<14}{:>12}{:>12}{:>18}", "connections", "nova-host", "hyper", "nova-host/hyper");
    for count in counts {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(round(nova_host()?, count).await?);
            theirs.push(round(this("hyper")?, count).await?);
        }
        let (ours, theirs) = (quantile(&mut ours, 0.5), quantile(&mut theirs, 0.5));
        println!("{count:<14}{ours:>12.0}{theirs:>12.0}{:>18.3}", ours / theirs);
    }
    Ok(())
}

fn nova_host() -> Result<Command, Failure> {
    let here = std::env::current_exe()?;
    let library = here.with_file_name("libnova_bench_app.so");
    let mut command = Command::new(here.with_file_name("nova-host"));
    command.arg("--routes").arg(library).args(["--port", "0", "--no-admin", "--no-access-log"]);
    command.args(["--threads", "2", "--max-connections", "none", "--idle-timeout", "1h"]);
    command.args(["--max-connections-per-ip", "none"]);
    Ok(command)
}

fn this(role: &str) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role);
    Ok(command)
}

/// Bytes for each of so many connections.
async fn round(command: Command, count: usize) -> Result<f64, Failure> {
    let mut process = Process::spawn(command);
    let url = process.url().await;
    let address = url.trim_start_matches("http://").parse()?;
    let mut kept = Vec::new();
    for _ in 0..WARM {
        kept.push(answered(address).await?);
    }
    let before = anonymous_bytes(process.id())?;
    for _ in 0..count {
        kept.push(answered(address).await?);
    }
    let after = anonymous_bytes(process.id())?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let each = (after as f64 - before as f64) / count as f64;
    drop(kept);
    Ok(each)
}

/// A connection over which one request was answered.
async fn answered(address: SocketAddr) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(TEXT) {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err("the server has closed a connection".into());
        }
    }
    Ok(stream)
}

/// Of a process, as the kernel says.
fn anonymous_bytes(pid: u32) -> Result<u64, Failure> {
    let status = Path::new("/proc").join(pid.to_string()).join("status");
    let status = std::fs::read_to_string(status)?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes: u64 = line.and_then(|it| it.split_whitespace().next()).unwrap_or("").parse()?;
    Ok(kibibytes * 1024)
}

/// As many as the system allows: both ends of each connection need one.
fn raise_descriptors() -> Result<(), Failure> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}

/// hyper as its documentation shows it, with nothing around it.
async fn hyper_alone() -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let service = service_fn(async |_: Request<Incoming>| {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(TEXT))))
            });
            // A client that leaves is nothing to tell of.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}
