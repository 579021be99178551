//! Connections that pages take over: bytes in both directions, over swaps.

use std::net::SocketAddr;

use nova_host::swap::GenerationState;
use nova_tests::client::fresh;
use nova_tests::fixtures::{library, stamped};
use nova_tests::host::{Host, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A client that has asked for another protocol.
struct Client {
    stream: TcpStream,
    head: String,
}

impl Client {
    async fn ask(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        Self { stream, head: String::from_utf8(head).unwrap().to_lowercase() }
    }

    async fn upgraded(address: SocketAddr, path: &str) -> Self {
        let asked = "connection: keep-alive, Upgrade\r\nupgrade: other/2, echo\r\n";
        let client = Self::ask(address, path, asked).await;
        assert!(client.head.starts_with("http/1.1 101 "), "{}", client.head);
        assert!(client.head.contains("connection: upgrade\r\n"), "{}", client.head);
        client
    }

    async fn said(&mut self, text: &str) {
        let mut bytes = vec![0; text.len()];
        self.stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), text);
    }

    async fn echoes(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.said(text).await;
    }

    /// What still comes until the connection ends, in whichever way.
    async fn rest(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.stream.read_to_end(&mut bytes).await;
        bytes
    }
}

/// The counts of the fixture: pages that speak, waits of the flood, its bytes.
async fn counts(address: SocketAddr) -> [usize; 3] {
    let text = fresh(address, "/counts").await.unwrap();
    let mut numbers = text.split(' ').map(|number| number.parse().unwrap());
    std::array::from_fn(|_| numbers.next().unwrap())
}

/// Asks until the counts are so.
async fn until(address: SocketAddr, wanted: impl Fn([usize; 3]) -> bool) -> [usize; 3] {
    loop {
        let counts = counts(address).await;
        if wanted(counts) {
            return counts;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_in_both_directions_until_the_client_ends() {
    let args: &[&str] = &["--drain", "60"];
    let mut host =
        Host::start_with(&library("upgrade"), Options { args, ..Options::default() }).await;
    for path in ["/echo", "/inner/echo"] {
        let mut client = Client::upgraded(host.address, path).await;
        assert!(client.head.contains("upgrade: echo\r\n"), "{}", client.head);
        // The log has its line when the protocol is switched, not at the end of the connection.
        let line = host.process.line(&format!("GET {path}")).await;
        assert!(line.contains("101"), "{line}");
        for text in ["one\n", "two\n", "GET / HTTP/1.1\r\n\r\n"] {
            client.echoes(text).await;
        }
        assert_eq!(until(host.address, |counts| counts[0] == 1).await[0], 1);
        // The answer to the question above may still be on its way.
        while host.status().await.generations[0].in_flight != 1 {}
        client.stream.shutdown().await.unwrap();
        assert_eq!(client.rest().await, b"", "the page's end closes the connection");
        until(host.address, |counts| counts[0] == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_stays_on_its_generation_and_is_told_that_it_drains() {
    let upgrade = library("upgrade");
    let host = Host::start(&upgrade).await;
    let old = fresh(host.address, "/build").await.unwrap();
    let mut echo = Client::upgraded(host.address, "/echo").await;
    let mut polite = Client::upgraded(host.address, "/polite").await;
    echo.echoes("before\n").await;
    polite.said("hello\n").await;

    host.swap(&host.file("new.so", &stamped(&upgrade, "new"))).await.unwrap();
    let new = fresh(host.address, "/build").await.unwrap();
    assert_ne!(old, new);
    echo.said(&format!("draining {old}\n")).await;
    echo.echoes("after\n").await;
    assert_eq!(polite.rest().await, b"bye\n");
    // New connections meet the new generation, which does not drain.
    let mut fresh = Client::upgraded(host.address, "/echo").await;
    fresh.echoes("new\n").await;
    assert_eq!(host.status().await.generations[0].state, GenerationState::Draining);
    echo.stream.shutdown().await.unwrap();
    assert_eq!(echo.rest().await, b"");
    while host.status().await.generations[0].state == GenerationState::Draining {}
    fresh.echoes("still\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_cut_at_the_drain_limit() {
    let upgrade = library("upgrade");
    let args: &[&str] = &["--drain", "1"];
    let host = Host::start_with(&upgrade, Options { args, ..Options::default() }).await;
    let old = fresh(host.address, "/build").await.unwrap();
    let mut echo = Client::upgraded(host.address, "/echo").await;
    let mut handed_on = Client::upgraded(host.address, "/handed-on").await;
    echo.echoes("before\n").await;
    handed_on.said("hello\n").await;
    host.swap(&host.file("new.so", &stamped(&upgrade, "new"))).await.unwrap();
    assert_eq!(echo.rest().await, format!("draining {old}\n").as_bytes());
    assert_eq!(handed_on.rest().await, b"");
    while host.status().await.generations[0].state != GenerationState::Retired {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_floods_waits_for_its_client() {
    let host = Host::start(&library("upgrade")).await;
    let mut client = Client::upgraded(host.address, "/flood").await;
    let [_, stuck, _] = until(host.address, |counts| counts[1] > 0).await;
    // It goes on as soon as the client takes some, and is stuck again.
    let mut bytes = vec![0; 32 * 1024 * 1024];
    client.stream.read_exact(&mut bytes).await.unwrap();
    assert!(bytes.iter().all(|byte| *byte == b'x'));
    let [_, _, sent] = until(host.address, |counts| counts[1] > stuck).await;
    assert!(sent >= bytes.len());
    // A client that has gone ends the page.
    drop(client);
    until(host.address, |counts| counts[0] == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_the_connection_alone() {
    let mut host = Host::start(&library("upgrade")).await;
    let client = Client::upgraded(host.address, "/panics").await;
    assert_eq!(client.rest().await, b"");
    let line = host.process.line("panicked after its upgrade").await;
    assert!(line.contains("GET /panics"), "{line}");
    assert!(line.contains("this page panics on its connection at "), "{line}");
    assert_eq!(host.status().await.generations[0].panics, 1);
    until(host.address, |counts| counts[0] == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_switched_is_refused() {
    let mut host = Host::start(&library("upgrade")).await;
    let asked = "connection: upgrade\r\nupgrade: echo\r\n";
    // Neither the status alone is a switch, ...
    for headers in ["", asked] {
        let bare = Client::ask(host.address, "/bare", headers).await;
        assert!(bare.head.starts_with("http/1.1 500 "), "{}", bare.head);
        host.process.line("GET /bare: 101 Switching Protocols").await;
    }
    // ... nor is a request that does not ask for one, ...
    for headers in ["", "upgrade: echo\r\n", "connection: upgrade\r\n"] {
        let plain = Client::ask(host.address, "/echo", headers).await;
        assert!(plain.head.starts_with("http/1.1 400 "), "{}", plain.head);
    }
    // ... and what the page does not speak, it says.
    let other = "connection: upgrade\r\nupgrade: other\r\n";
    let other = Client::ask(host.address, "/echo", other).await;
    assert!(other.head.starts_with("http/1.1 400 "), "{}", other.head);

    let stream = TcpStream::connect(host.address).await.unwrap();
    let (mut http2, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(stream),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(format!("http://{}/echo", host.address));
    let answer = http2.send_request(request.body(String::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 501);
}
