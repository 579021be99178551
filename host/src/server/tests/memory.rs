//! How much memory the answers may hold that clients do not take.

use std::sync::OnceLock;
use std::time::Instant;

use bytes::Buf;
use tokio::net::TcpSocket;

use super::*;

/// More than the buffers of two sockets hold.
const LARGE: usize = 16 << 20;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two of them, and something.
const MOST: usize = 40 << 20;

/// A server that may hold so much, and answers `/large` as long as there is memory for it.
fn limited() -> RunningServer {
    let options = Options {
        // A sixteenth of it is what the clock may be behind.
        header_timeout: Duration::from_secs(8),
        idle_timeout: HOUR,
        send_timeout: HOUR,
        max_response_memory: Some(MOST),
        ..Options::default()
    };
    let handle = Arc::new(OnceLock::<Handle>::new());
    let asked = Arc::clone(&handle);
    let server = start_with(
        move |request: Request<Incoming>, _: Peer| {
            let handle = Arc::clone(&asked);
            async move {
                if request.uri().path() != "/large" {
                    return text("small");
                }
                if handle.get().unwrap().has_memory_for(LARGE) {
                    return text(vec![b'x'; LARGE]);
                }
                let mut busy = text("busy");
                *busy.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                busy
            }
        },
        options,
    );
    handle.set(server.handle.clone()).unwrap();
    server
}

impl Client {
    /// One whose system takes little for it.
    async fn slow(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self(socket.connect(addr).await.unwrap())
    }

    /// The head of an answer whose body is left where it is, or all of a short one.
    async fn ask_for_large(&mut self) -> String {
        self.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        if head.starts_with(b"HTTP/1.1 503") {
            self.0.read_exact(&mut [0; 4]).await.unwrap();
        }
        String::from_utf8(head).unwrap()
    }

    /// Asks until there is memory, while `meanwhile` goes on.
    async fn has_large(&mut self, mut meanwhile: impl AsyncFnMut()) {
        let asking = async {
            while !self.ask_for_large().await.starts_with("HTTP/1.1 200") {
                meanwhile().await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("room is made");
    }
}

#[tokio::test]
async fn answers_of_which_clients_take_nothing_make_room_for_others() {
    let server = limited();
    let mut normal = Client::connect(server.addr).await;
    let mut steady = Client::connect(server.addr).await;
    assert!(steady.ask_for_large().await.starts_with("HTTP/1.1 200"));
    let (mut taken, mut last) = (0, Instant::now());
    let mut stuck = Vec::new();
    for number in 0..3 {
        let mut client = Client::slow(server.addr).await;
        let meanwhile = async || {
            assert_eq!(normal.get("/").await.1, "small");
            let held = server.handle.response_memory();
            assert!(held <= MOST, "{held} bytes");
            // So slow that it is not done before the others.
            if last.elapsed() > Duration::from_millis(200) {
                let mut some = vec![0; 200_000];
                steady.0.read_exact(&mut some).await.unwrap();
                (taken, last) = (taken + some.len(), Instant::now());
            }
        };
        client.has_large(meanwhile).await;
        assert_eq!(server.handle.ended_for_memory(), number);
        stuck.push(client);
    }
    // All but the last one were ended, and who has taken something was not.
    while server.handle.connections() > 3 {
        assert_eq!(normal.get("/").await.1, "small");
    }
    let mut rest = vec![0; LARGE - taken];
    steady.0.read_exact(&mut rest).await.unwrap();
    assert_eq!(steady.get("/").await.1, "small");
}

#[tokio::test]
async fn streams_whose_windows_are_closed_make_room_for_others() {
    let server = limited();
    let stream = TokioIo::new(TcpStream::connect(server.addr).await.unwrap());
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(0);
    let (mut attacker, connection) = builder.handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let large = || Request::get("http://a/large").body(Empty::<Bytes>::new()).unwrap();
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(attacker.send_request(large()).await.unwrap());
        assert!(server.handle.response_memory() <= MOST);
    }
    let sent = answers.iter().filter(|answer| answer.status() == StatusCode::OK).count();
    assert_eq!(sent, 2, "the others are told that there is no memory");
    let mut normal = Client::connect(server.addr).await;
    let mut client = Client::slow(server.addr).await;
    let meanwhile = async || assert_eq!(normal.get("/").await.1, "small");
    client.has_large(meanwhile).await;
    assert_eq!(server.handle.ended_for_memory(), 1);
    // A stream was reset, and not the connection.
    let (first, second) = (answers.remove(0).into_body(), answers.remove(0).into_body());
    let reset = tokio::select! {
        ended = first.collect() => ended,
        ended = second.collect() => ended,
    };
    let cause = std::error::Error::source(&reset.unwrap_err()).unwrap().to_string();
    assert!(cause.contains("stream no longer needed"), "CANCEL, not {cause}");
    assert!(!connection.is_finished());
    drop((answers, client));
    connection.abort();
    while server.handle.response_memory() > 0 {
        normal.get("/").await;
    }
}

#[tokio::test]
async fn a_trickle_of_streams_makes_room_for_others() {
    let server = limited();
    let stream = TokioIo::new(TcpStream::connect(server.addr).await.unwrap());
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1);
    let (mut attacker, connection) = builder.handshake(stream).await.unwrap();
    let _connection = tokio::spawn(connection);
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let large = Request::get("http://a/large").body(Empty::<Bytes>::new()).unwrap();
        bodies.push(attacker.send_request(large).await.unwrap().into_body());
    }
    let trickle = async {
        let mut pace = tokio::time::interval(Duration::from_millis(100));
        loop {
            for body in &mut bodies {
                // One of them is reset.
                body.frame().await;
            }
            pace.tick().await;
        }
    };
    let mut normal = Client::connect(server.addr).await;
    let mut client = Client::slow(server.addr).await;
    let meanwhile = async || assert_eq!(normal.get("/").await.1, "small");
    tokio::select! {
        () = trickle => unreachable!("it does not end"),
        () = client.has_large(meanwhile) => {}
    }
    assert_eq!(server.handle.ended_for_memory(), 1);
}

#[tokio::test]
async fn a_connection_that_keeps_short_answers_is_cut_while_it_asks_for_more() {
    let options = Options {
        header_timeout: Duration::from_secs(8),
        idle_timeout: HOUR,
        send_timeout: HOUR,
        max_response_memory: Some(400_000),
        ..Options::default()
    };
    let service = async |request: Request<Incoming>, _: Peer| match request.uri().path() {
        "/short" => text(vec![b'x'; 15_000]),
        path => text(path.to_owned()),
    };
    let server = start_with(service, options);
    let stream = TokioIo::new(TcpStream::connect(server.addr).await.unwrap());
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1);
    let (mut client, connection) = builder.handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let get = |path| Request::get(format!("http://a{path}")).body(Empty::<Bytes>::new()).unwrap();
    let mut answers = Vec::new();
    for _ in 0..30 {
        answers.push(client.send_request(get("/short")).await.unwrap());
    }
    let asking = async {
        let mut has_room = false;
        while let Ok(answer) = client.send_request(get("/other")).await
            && answer.collect().await.is_ok()
        {
            has_room |= server.handle.has_memory_for(16_384);
        }
        has_room
    };
    let has_room = tokio::time::timeout(PATIENCE, asking).await.expect("it is cut");
    assert!(has_room, "for that reason");
    connection.await.unwrap().ok();
    assert_eq!(server.handle.ended_for_memory(), 1);
}

/// How much is held while a client of each protocol takes nothing of this chunk.
async fn held_of<D>(chunk: D) -> [usize; 2]
where
    D: Buf + Into<Chunk> + Clone + Send + Sync + 'static,
{
    let service = move |_: Request<Incoming>, _: Peer| {
        let chunk = chunk.clone();
        async move { Response::new(Full::new(chunk)) }
    };
    let server = start_with(service, Options::default());
    let mut client = Client::slow(server.addr).await;
    client.ask_for_large().await;
    let over_http_1 = server.handle.response_memory();
    drop(client);
    let emptied = async {
        while server.handle.connections() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, emptied).await.expect("the client has gone");
    let stream = TokioIo::new(TcpStream::connect(server.addr).await.unwrap());
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(0);
    let (mut client, connection) = builder.handshake(stream).await.unwrap();
    let _connection = tokio::spawn(connection);
    let request = Request::get("http://a/large").body(Empty::<Bytes>::new()).unwrap();
    let _answer = client.send_request(request).await.unwrap();
    [over_http_1, server.handle.response_memory()]
}

#[tokio::test]
async fn each_chunk_is_counted_as_a_whole_unless_it_is_shared() {
    // As a library hands it over; such bytes are never unique.
    let owned = Bytes::from_owner(vec![b'x'; LARGE]);
    assert!(!owned.is_unique());
    assert_eq!(held_of(owned.clone()).await, [LARGE; 2]);
    assert_eq!(held_of(Chunk::shared(owned.clone())).await, [0; 2]);
    let short = owned.slice(..64 * 1024);
    assert_eq!(held_of(Chunk::shared(short)).await, [0; 2]);
}
