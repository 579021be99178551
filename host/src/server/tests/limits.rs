//! How long, and how large: what a client may ask of a connection.

use super::*;

/// A connection may rest for a moment alone.
fn resting_shortly() -> Options {
    Options { header_timeout: HOUR, idle_timeout: Duration::from_millis(50), ..Options::default() }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut() {
    /// More than the buffers of two sockets hold.
    struct Large(Vec<u8>, Option<oneshot::Sender<()>>);
    impl AsRef<[u8]> for Large {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Large {
        fn drop(&mut self) {
            self.1.take().unwrap().send(()).ok();
        }
    }
    let (dropped, drops) = oneshot::channel();
    let large = Mutex::new(Some(Large(vec![b'x'; 64 << 20], Some(dropped))));
    let large = Arc::new(large);
    let server = start_with(
        move |_: Request<Incoming>, _: Peer| {
            let large = large.lock().unwrap().take().unwrap();
            async move { text(Bytes::from_owner(large)) }
        },
        Options {
            header_timeout: HOUR,
            idle_timeout: HOUR,
            send_timeout: Duration::from_millis(50),
            ..Options::default()
        },
    );
    let mut client = Client::connect(server.addr).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    tokio::time::timeout(Duration::from_secs(30), drops).await.expect("it is cut").unwrap();
}

#[tokio::test]
async fn an_http_2_client_is_told_that_it_has_rested_too_long() {
    let server = start_with(echo_path, resting_shortly());
    let (mut client, connection) = http_2(server.addr).await;
    let request = Request::get("http://a/x").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(client.send_request(request).await.unwrap().status(), StatusCode::OK);
    // A connection that is cut is an error here; one that is told to go ends.
    connection.await.unwrap().unwrap();
    assert!(client.ready().await.is_err());
}

#[tokio::test]
async fn a_head_has_to_arrive_in_time() {
    let server = start_with(
        echo_path,
        Options {
            // Long enough for the one whole request below, on a busy machine too.
            header_timeout: Duration::from_millis(500),
            idle_timeout: HOUR,
            ..Options::default()
        },
    );
    let mut silent = Client::connect(server.addr).await;
    silent.closed().await;

    let mut slow = Client::connect(server.addr).await;
    slow.send("GET / HTTP/1.1\r\nho").await;
    slow.closed().await;

    let mut second = Client::connect(server.addr).await;
    second.get("/").await;
    second.send("GET / HTT").await;
    second.closed().await;
}

#[tokio::test]
async fn a_connection_may_rest_until_the_idle_limit() {
    let server = start_with(echo_path, resting_shortly());
    let mut client = Client::connect(server.addr).await;
    client.get("/").await;
    client.closed().await;
}

#[tokio::test]
async fn no_limit_is_set_to_an_exchange() {
    let server = start_with(
        async |request: Request<Incoming>, _: Peer| {
            text(request.collect().await.unwrap().to_bytes())
        },
        resting_shortly(),
    );
    let mut uploading = Client::connect(server.addr).await;
    uploading.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc").await;
    // Connections that come later and rest are closed in the meantime, so the limit has passed.
    for _ in 0..2 {
        let mut resting = Client::connect(server.addr).await;
        resting.get("/").await;
        resting.closed().await;
    }
    uploading.send("def").await;
    assert_eq!(uploading.answer().await.1, "abcdef");
}

#[tokio::test]
async fn a_large_head_is_refused() {
    let server = start(echo_path);

    let mut client = Client::connect(server.addr).await;
    let many = (0..101).fold(String::new(), |head, n| head + &format!("x-{n}: 1\r\n"));
    client.send(format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n")).await;
    let (head, _) = client.answer().await;
    assert!(head.starts_with("http/1.1 431 "), "{head}");

    let mut client = Client::connect(server.addr).await;
    let long = "x".repeat(200_000);
    client.send(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n")).await;
    let (head, _) = client.answer().await;
    assert!(head.starts_with("http/1.1 431 "), "{head}");
}

#[tokio::test]
async fn a_client_that_has_closed_its_side_is_answered_for_a_while() {
    let server = start_with(
        async |request: Request<Incoming>, _: Peer| {
            if request.uri().path() == "/endless" {
                std::future::pending::<()>().await;
            }
            // Long after the end of the request has arrived.
            tokio::time::sleep(Duration::from_millis(50)).await;
            text("late")
        },
        Options { send_timeout: Duration::from_millis(160), ..Options::default() },
    );
    let mut waiting = Client::connect(server.addr).await;
    waiting.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    waiting.0.shutdown().await.unwrap();
    assert_eq!(waiting.answer().await.1, "late");
    waiting.closed().await;

    // A page that does not end is dropped, and with it the connection.
    let mut patient = Client::connect(server.addr).await;
    patient.send("GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await;
    patient.0.shutdown().await.unwrap();
    patient.closed().await;
}

#[tokio::test]
async fn the_limit_of_a_head_holds_in_one_piece_and_in_many() {
    let server = start_with(echo_path, Options { max_header: 8192, ..Options::default() });
    let head =
        |length: usize| format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(length));
    for (length, status) in [(8000, "200"), (8192, "431"), (30_000, "431")] {
        for pieces in [1, 100] {
            let mut client = Client::connect(server.addr).await;
            client.0.set_nodelay(true).unwrap();
            let head = head(length);
            for piece in head.as_bytes().chunks(head.len().div_ceil(pieces)) {
                // It may be refused before the last one.
                if client.0.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let (answer, _) = client.answer().await;
            assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{length}: {answer}");
        }
    }
    assert_eq!(server.handle.protocol_errors().head, 4);
}
