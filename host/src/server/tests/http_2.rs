//! What is special about HTTP/2: windows, and frames that ask for nothing.

use hyper::body::Frame;

use super::*;

type Sender = http2::SendRequest<Empty<Bytes>>;

/// Much more than the windows below, and than a piece.
const LARGE: usize = 2 << 20;

/// A client that takes so many bytes of each answer until it has read them.
async fn with_window(addr: SocketAddr, size: u32) -> (Sender, JoinHandle<hyper::Result<()>>) {
    let stream = TokioIo::new(TcpStream::connect(addr).await.unwrap());
    let mut client = http2::Builder::new(TokioExecutor::new());
    client.initial_stream_window_size(size);
    let (sender, connection) = client.handshake(stream).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://a{path}")).body(Empty::new()).unwrap()
}

async fn ask(client: &mut Sender, path: &str) -> Response<Incoming> {
    client.send_request(get(path)).await.unwrap()
}

async fn large_or_path(request: Request<Incoming>, _: Peer) -> Answer {
    match request.uri().path() {
        "/large" => text(vec![b'x'; LARGE]),
        path => text(path.to_owned()),
    }
}

#[tokio::test]
async fn an_answer_that_is_taken_slowly_is_whole_whatever_the_idle_limit() {
    let short = Duration::from_millis(50);
    let options = Options { header_timeout: HOUR, idle_timeout: short, ..Options::default() };
    let server = start_with(large_or_path, options);
    let (mut client, connection) = with_window(server.addr, 16 * 1024).await;
    let mut body = ask(&mut client, "/large").await.into_body();
    let first = body.frame().await.unwrap().unwrap();
    let mut length = first.data_ref().map_or(0, Bytes::len);
    // Connections that come later and rest are closed in the meantime, so the limit has passed.
    for _ in 0..2 {
        let mut resting = Client::connect(server.addr).await;
        resting.get("/").await;
        resting.closed().await;
    }
    let answer = ask(&mut client, "/other").await.collect().await.unwrap();
    assert_eq!(answer.to_bytes(), "/other", "the connection goes on");
    while let Some(frame) = body.frame().await {
        length += frame.as_ref().ok().and_then(Frame::data_ref).expect("data").len();
    }
    assert_eq!(length, LARGE);
    // Now it rests, and is told that it has rested too long.
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_whose_window_stays_closed_is_cut() {
    let options = Options {
        header_timeout: HOUR,
        idle_timeout: HOUR,
        send_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let server = start_with(large_or_path, options);
    for window in [0, 16 * 1024] {
        let (mut client, connection) = with_window(server.addr, window).await;
        let response = ask(&mut client, "/large").await;
        let ended = tokio::time::timeout(Duration::from_secs(30), connection).await;
        assert!(ended.is_ok(), "it is cut, although it answers each PING");
        drop(response);
    }
}

#[tokio::test]
async fn a_stream_of_which_its_client_takes_nothing_is_reset_and_the_others_go_on() {
    // One that fits into a piece, and so could be buffered with its end.
    const MIDDLE: usize = 40_000;
    let options = Options {
        header_timeout: HOUR,
        idle_timeout: HOUR,
        send_timeout: Duration::from_secs(1),
        ..Options::default()
    };
    let kept = Arc::new(());
    let users = Arc::clone(&kept);
    let service = move |request: Request<Incoming>, _: Peer| {
        let kept = Arc::clone(&kept);
        async move {
            let length = match request.uri().path() {
                "/large" => LARGE,
                "/middle" => MIDDLE,
                path => return text(path.to_owned()),
            };
            text(Bytes::from_owner(Kept { bytes: vec![b'x'; length], _kept: kept }))
        }
    };
    let server = start_with(service, options);
    // Less than a frame, and more, so that some of the second frame is buffered.
    for window in [10_000, 20_000] {
        let (mut client, _connection) = with_window(server.addr, window).await;
        let before = server.handle.timed_out_streams();
        ask(&mut client, "/other").await;
        let resting = Arc::strong_count(&users);
        let bodies = [ask(&mut client, "/large").await, ask(&mut client, "/middle").await];
        // The window of this one is opened, so that the connection is not silent.
        let mut other = ask(&mut client, "/large").await.into_body();
        let mut taken = 0;
        let taking = async {
            while Arc::strong_count(&users) > resting + 1 {
                let frame = other.frame().await.expect("it goes on").unwrap();
                taken += frame.data_ref().map_or(0, Bytes::len);
                if taken == LARGE {
                    taken = 0;
                    other = ask(&mut client, "/large").await.into_body();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), taking).await.expect("two are reset");
        assert_eq!(server.handle.timed_out_streams(), before + 2);
        for body in bodies {
            let error = body.into_body().collect().await.unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("stream no longer needed"), "CANCEL, not {cause}");
        }
        let rest = other.collect().await.unwrap().to_bytes();
        assert_eq!(taken + rest.len(), LARGE);
    }
}

#[tokio::test]
async fn a_client_that_keeps_short_answers_is_cut_whatever_else_it_takes() {
    let options = Options {
        header_timeout: HOUR,
        idle_timeout: HOUR,
        send_timeout: Duration::from_secs(1),
        ..Options::default()
    };
    let service = async |request: Request<Incoming>, _: Peer| match request.uri().path() {
        "/short" => text(vec![b'x'; 15_000]),
        path => text(path.to_owned()),
    };
    let server = start_with(service, options);
    for is_trickle in [true, false] {
        // Their ends are buffered with them.
        let (mut client, mut connection) = with_window(server.addr, 1).await;
        let mut answers = Vec::new();
        for _ in 0..50 {
            answers.push(ask(&mut client, "/short").await.into_body());
        }
        let taking = async {
            if is_trickle {
                let mut pace = tokio::time::interval(Duration::from_millis(50));
                while answers[0].frame().await.is_some_and(|frame| frame.is_ok()) {
                    pace.tick().await;
                }
            } else {
                while let Ok(answer) = client.send_request(get("/other")).await
                    && answer.collect().await.is_ok()
                {}
            }
        };
        let ended = async { tokio::join!(taking, &mut connection) };
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
        assert!(ended.is_ok(), "it is cut (trickle: {is_trickle})");
    }
}

#[tokio::test]
async fn a_client_whose_line_is_slow_is_not_cut() {
    let options = Options {
        header_timeout: HOUR,
        idle_timeout: HOUR,
        send_timeout: Duration::from_secs(1),
        ..Options::default()
    };
    let server = start_with(large_or_path, options);
    let (mut client, connection) = with_window(server.addr, 100).await;
    let mut body = ask(&mut client, "/large").await.into_body();
    let started = std::time::Instant::now();
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    // A KiB a second, for longer than it might have taken nothing.
    while started.elapsed() < Duration::from_secs(3) {
        body.frame().await.expect("it goes on").unwrap();
        pace.tick().await;
    }
    assert!(!connection.is_finished());
    assert_eq!(server.handle.timed_out_streams(), 0);
}

/// Bytes whose end can be seen.
struct Kept {
    bytes: Vec<u8>,
    _kept: Arc<()>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[tokio::test]
async fn frames_that_ask_for_nothing_are_limited() {
    let options = Options { header_timeout: HOUR, idle_timeout: HOUR, ..Options::default() };
    let server = start_with(echo_path, options);
    for (kind, length) in [(2, 5), (4, 0), (6, 8), (8, 4)] {
        let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, u8::from(kind == 2)];
        frame.resize(frame.len() + usize::from(length), 1);
        let mut client = Client::connect(server.addr).await;
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
        client.send(frame.repeat(50)).await;
        let mut settings = [0; 9];
        client.0.read_exact(&mut settings).await.unwrap();
        let (mut reads, mut writes) = client.0.split();
        let mut answers = Vec::new();
        let ended = async {
            let flood = async { while writes.write_all(&frame.repeat(100)).await.is_ok() {} };
            // Reset, because not all of it was read.
            tokio::join!(flood, reads.read_to_end(&mut answers)).1.ok();
        };
        tokio::time::timeout(Duration::from_secs(30), ended).await.expect("it is cut");
    }
    assert_eq!(server.handle.protocol_errors().http2, 4);
}
