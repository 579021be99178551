//! What a host does not let clients do, and how it says so.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ground::Ground;

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_kept() {
    let ground = Ground::new();
    let args = ["--max-body", "1000", "--handler-timeout", "1s", "--header-timeout", "500ms"];
    let mut args = args.to_vec();
    args.extend(["--max-header", "8k"]);
    let host = ground.start(&args).await;

    // A body that says how long it is, and one that does not.
    let answer = host
        .raw(b"POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1001\r\n\r\n")
        .await;
    assert_eq!(answer.status(), 413);
    let mut chunked = b"POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
        transfer-encoding: chunked\r\n\r\n3e9\r\n"
        .to_vec();
    chunked.resize(chunked.len() + 1001, b'x');
    chunked.extend(b"\r\n0\r\n\r\n");
    assert_eq!(host.raw(&chunked).await.status(), 413);
    let fits =
        b"POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbody";
    assert_eq!(host.raw(fits).await.text(), "4");

    let long = format!("x-long: {}\r\n", "x".repeat(9000));
    assert_eq!(host.get("/text", &long).await.status(), 431);

    // A page that takes too long, and a stream that may.
    assert_eq!(host.get("/sleep/60000", "").await.status(), 504);
    assert_eq!(host.get("/sleep/1", "").await.text(), "slept");
    let mut stream = host.connect().await;
    stream.write_all(b"GET /forever HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut piece = Vec::new();
    while !piece.ends_with(b"\n\r\n") || piece.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut piece).await.unwrap(), 0);
    }
    assert_eq!(host.get("/sleep/60000", "").await.status(), 504);
    let later = stream.try_read(&mut [0; 64]).map_err(|error| error.kind());
    assert_eq!(later, Err(std::io::ErrorKind::WouldBlock), "the stream goes on");

    // A head that never ends.
    let mut slow = host.connect().await;
    slow.write_all(b"GET / HT").await.unwrap();
    assert_eq!(slow.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_host_says_so() {
    let ground = Ground::new();
    let mut host = ground.start(&["--max-requests", "2"]).await;
    // The third request at once; those that ask how the host is are answered.
    let mut waiting = [host.connect().await, host.connect().await];
    for upload in &mut waiting {
        let head = "POST /length HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n";
        upload.write_all(format!("{head}content-length: 4\r\n\r\n").as_bytes()).await.unwrap();
        upload.read_exact(&mut [0; 25]).await.unwrap();
    }
    let busy = host.get("/text", "").await;
    assert_eq!((busy.status(), busy.header("retry-after")), (503, Some("1")));
    assert_eq!(host.get("/healthz", "").await.status(), 200);
    host.process.line("503 GET /text").await;
    drop(waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_rests_makes_room() {
    let ground = Ground::new();
    let host = ground.start(&["--max-connections", "2"]).await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = host.connect().await;
        stream.write_all(b"GET /text HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
        kept.push(stream);
    }
    assert_eq!(host.get("/text", "").await.text(), "hello");
    assert_eq!(kept[0].read(&mut [0; 1]).await.unwrap(), 0, "the first has rested longest");
}
