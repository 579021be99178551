//! A stop: who is refused, what ends at once, and what has its time.

use nova_tests::PATIENCE;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ground::{Answer, Ground, Host};

/// A request whose page waits for the rest of its body.
async fn upload(host: &Host, path: &str) -> TcpStream {
    let mut upload = host.connect().await;
    let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n");
    upload.write_all(format!("{head}content-length: 4\r\n\r\n").as_bytes()).await.unwrap();
    let mut continued = [0; 25];
    upload.read_exact(&mut continued).await.unwrap();
    assert_eq!(&continued, b"HTTP/1.1 100 Continue\r\n\r\n");
    upload
}

/// A response of which `first` is there.
async fn stream(host: &Host, path: &str, first: &[u8]) -> (TcpStream, Vec<u8>) {
    let mut stream = host.connect().await;
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !read.windows(first.len()).any(|window| window == first) {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "{path}");
    }
    (stream, read)
}

/// Waits until nobody listens any more.
async fn refused(host: &Host) {
    let refused = async {
        loop {
            match TcpStream::connect(host.address).await {
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    timeout(PATIENCE, refused).await.expect("the sockets are closed");
}

/// Waits for the end of a connection; `true`: what was on it is whole.
async fn whole((mut stream, mut read): (TcpStream, Vec<u8>)) -> bool {
    let end = timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("it ends");
    end.is_ok() && read.ends_with(b"\r\n0\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn new_clients_are_refused_streams_end_and_requests_finish() {
    let ground = Ground::of("edge");
    for more in [&[][..], &["--workers", "2"]] {
        let mut args = vec!["--grace", "1h", "--stream-grace", "100ms"];
        args.extend(more);
        let mut host = ground.start(&args).await;
        let mut upload = upload(&host, "/tell").await;
        let events = stream(&host, "/events", b"data: one").await;
        let endless = stream(&host, "/pause", b"the same line").await;
        host.process.signal(Signal::TERM);
        // The request goes on meanwhile.
        refused(&host).await;
        assert!(whole(events).await, "events end between two of them");
        assert!(!whole(endless).await, "what has no end is cut");
        upload.write_all(b"body").await.unwrap();
        assert_eq!(Answer::read(&mut upload).await.text(), "4");
        assert!(host.process.ended().await.success(), "{more:?}\n{}", host.process);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_pieces_has_the_time_of_a_request() {
    let ground = Ground::of("edge");
    let mut host = ground.start(&["--grace", "1h", "--stream-grace", "1ms"]).await;
    let mut upload = upload(&host, "/tell").await;
    let (story, endless) = (
        stream(&host, "/story", b"Once upon a time").await,
        stream(&host, "/pause", b"the same line").await,
    );
    host.process.signal(Signal::TERM);
    assert!(!whole(endless).await);
    upload.write_all(b"body").await.unwrap();
    assert_eq!(Answer::read(&mut upload).await.text(), "4");
    assert!(whole(story).await, "{}", host.process);
    assert!(host.process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_has_left_http_is_told_and_then_cut() {
    let ground = Ground::of("upgrade");
    let mut host = ground.start(&["--grace", "1h", "--stream-grace", "100ms"]).await;
    let mut stream = host.connect().await;
    let head = "GET /echo HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
    }
    assert!(read.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&read));
    host.process.signal(Signal::TERM);
    // This page says when it is told, and goes on.
    read.clear();
    timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("it is cut").ok();
    assert!(read.starts_with(b"draining "), "{}", String::from_utf8_lossy(&read));
    assert!(host.process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_delay_of_a_stop_comes_before_all_of_it() {
    let ground = Ground::of("edge");
    let args = ["--grace", "1h", "--stop-delay", "1s", "--stream-grace", "500ms"];
    let mut host = ground.start(&args).await;
    let (events, mut read) = stream(&host, "/events", b"data: one").await;
    host.process.signal(Signal::TERM);
    host.process.line("stopping in 1s").await;
    assert_eq!(host.get("/readyz", "").await.status(), 503);
    let later = events.try_read_buf(&mut read).map_err(|error| error.kind());
    assert_eq!(later, Err(std::io::ErrorKind::WouldBlock), "the stream goes on");
    host.process.line("requests that are under way finish").await;
    refused(&host).await;
    assert!(whole((events, read)).await);
    assert!(host.process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_without_their_supervisor_refuse_clients_at_once() {
    let ground = Ground::of("edge");
    let args = ["--workers", "2", "--grace", "1h", "--stop-delay", "50m"];
    let mut host = ground.start(&args).await;
    let mut upload = upload(&host, "/tell").await;
    host.process.signal(Signal::KILL);
    refused(&host).await;
    upload.write_all(b"body").await.unwrap();
    assert_eq!(Answer::read(&mut upload).await.text(), "4");
    // Standard error is open until the last of them is gone.
    host.process.read_to_end().await;
}
