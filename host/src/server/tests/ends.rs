//! Clients that leave early, or send more than was read: what becomes of them, and of the others.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::*;

/// Long enough for a busy machine; it is over only where something hangs.
const LONG: Duration = Duration::from_secs(30);

/// A server that has one thread, which is not the test's.
fn on_one_thread(options: Options) -> SocketAddr {
    let (listener, addr) = listener();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::new([listener], options).unwrap();
            server.run(echo_path).await
        })
    });
    addr
}

#[test]
fn a_beginning_that_is_never_finished_holds_no_thread() {
    let plain = Options { header_timeout: HOUR, idle_timeout: HOUR, ..Options::default() };
    let proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    let proxied = Options { proxy_protocol: proxies, ..plain.clone() };
    for (options, beginning, whole) in [
        (&plain, "P", ""),
        (&plain, "PRI * HTTP/2.0\r\n", ""),
        (&proxied, "PROXY TCP4 192.0.2.1", "PROXY UNKNOWN\r\n"),
        (&proxied, "\r\n\r\n\0\r\nQUIT\n\x21", "PROXY UNKNOWN\r\n"),
        (&proxied, "PROXY UNKNOWN\r\nPRI", "PROXY UNKNOWN\r\n"),
    ] {
        let addr = on_one_thread(options.clone());
        let connect = || {
            let client = std::net::TcpStream::connect(addr).unwrap();
            client.set_read_timeout(Some(LONG)).unwrap();
            client
        };
        let mut leaving = connect();
        leaving.write_all(beginning.as_bytes()).unwrap();
        leaving.shutdown(Shutdown::Write).unwrap();
        match leaving.read(&mut [0]) {
            Ok(length) => assert_eq!(length, 0, "{beginning:?}"),
            // What it sent was looked at, and never taken.
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{beginning:?}");
            }
        }
        let mut other = connect();
        let request = "GET /other HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        other.write_all(format!("{whole}{request}").as_bytes()).unwrap();
        let mut answer = String::new();
        other.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("/other"), "{beginning:?}: {answer}");
    }
}

#[tokio::test]
async fn what_is_still_on_its_way_does_not_reset_a_connection_that_was_answered() {
    let server = start(async |_: Request<Incoming>, _: Peer| {
        let mut response = text("too much");
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        response
    });
    let post = "POST / HTTP/1.1\r\nhost: a\r\n";
    let many = (0..101).fold(String::new(), |head, n| head + &format!("x-{n}: 1\r\n"));
    for (sent, status) in [
        (format!("{post}content-length: 4000000\r\n\r\n"), 413),
        (format!("{post}transfer-encoding: chunked\r\n\r\n"), 413),
        ("this is no request\r\n\r\n".to_owned(), 400),
        (format!("{post}{many}\r\n"), 431),
    ] {
        let mut client = Client::connect(server.addr).await;
        client.send(&sent).await;
        let (head, _) = client.answer().await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        client.closed().await;
        for _ in 0..16 {
            let sent = client.0.write_all(&[b'x'; 64 * 1024]).await;
            assert!(sent.is_ok(), "{status}: {sent:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_behind_other_bytes_is_noticed() {
    const QUICK: &str = "GET /quick HTTP/1.1\r\nhost: a\r\n\r\n";
    const ENDLESS: &str = "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n";
    let (started, mut starts) = mpsc::channel(1);
    let server = start_with(
        move |request: Request<Incoming>, _: Peer| {
            let started = started.clone();
            async move {
                started.send(()).await.unwrap();
                if request.uri().path() == "/endless" {
                    std::future::pending::<()>().await;
                }
                // Long after the client's end has arrived.
                tokio::time::sleep(Duration::from_millis(50)).await;
                text("")
            }
        },
        Options { send_timeout: Duration::from_millis(160), ..Options::default() },
    );
    for (at_once, later, requests) in [
        // The end is found while the first is answered.
        (&[QUICK, ENDLESS][..], "", 2),
        (&[ENDLESS], "G", 1),
        (&[ENDLESS], QUICK, 1),
    ] {
        let mut client = Client::connect(server.addr).await;
        client.send(at_once.concat()).await;
        starts.recv().await.unwrap();
        client.send(later).await;
        client.0.shutdown().await.unwrap();
        for _ in 1..requests {
            starts.recv().await.unwrap();
        }
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(LONG, client.0.read_to_end(&mut rest)).await;
        // It is reset where not all of it was read.
        drop(ended.expect("it is cut"));
    }
}

#[tokio::test]
async fn no_more_connections_are_open_than_may_be_however_many_accept() {
    let (listener, addr) = listener();
    let options = Options { max_connections: Some(1), ..Options::default() };
    let server = Server::new([listener], options).unwrap();
    for _ in 0..3 {
        server.relief(echo_path).serve_on(&Runtime::current()).unwrap();
    }
    let handle = server.handle();
    tokio::spawn(server.run(echo_path));
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = Client::connect(addr).await;
        client.send("GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        clients.push(client);
    }
    for client in &mut clients {
        assert_eq!(client.answer().await.1, "/x");
        assert!(handle.connections() <= 1);
    }
}
