mod ends;
mod http_2;
mod limits;
mod memory;
mod stop;
mod upgrade;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::socket::Stream;
use super::*;

type Answer = Response<Full<Bytes>>;

const REFUSED: io::ErrorKind = io::ErrorKind::ConnectionRefused;
const HOUR: Duration = Duration::from_secs(3600);

struct RunningServer {
    addr: SocketAddr,
    handle: Handle,
    task: JoinHandle<StopReport>,
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

fn start_with(service: impl Service, options: Options) -> RunningServer {
    let (listener, addr) = listener();
    let server = Server::new([listener], options).unwrap();
    RunningServer { addr, handle: server.handle(), task: tokio::spawn(server.run(service)) }
}

fn start(service: impl Service) -> RunningServer {
    start_with(service, Options::default())
}

async fn echo_path(request: Request<Incoming>, _: Peer) -> Answer {
    text(request.uri().path().to_owned())
}

fn text(body: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(body.into()))
}

/// A client that speaks bytes.
struct Client(TcpStream);

impl Client {
    async fn connect(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.unwrap())
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn get(&mut self, path: &str) -> (String, String) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        self.answer().await
    }

    /// Head, in lower case, and body of the next answer.
    async fn answer(&mut self) -> (String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    async fn closed(&mut self) {
        assert_eq!(self.0.read(&mut [0; 64]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_connection_carries_many_requests() {
    let server = start(echo_path);
    let mut client = Client::connect(server.addr).await;
    for path in ["/a", "/b", "/c"] {
        let (head, body) = client.get(path).await;
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
        assert_eq!(body, path);
    }
    assert_eq!(server.handle.connections(), 1);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = start(echo_path);
    let mut client = Client::connect(server.addr).await;
    client.send("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.1, "/1");
    assert_eq!(client.answer().await.1, "/2");
}

#[tokio::test]
async fn every_listener_is_served() {
    let (first, a) = listener();
    let (second, b) = listener();
    let server = Server::new([first, second], Options::default()).unwrap();
    tokio::spawn(server.run(echo_path));
    for addr in [a, b] {
        assert_eq!(Client::connect(addr).await.get("/x").await.1, "/x");
    }
}

#[tokio::test]
async fn the_service_knows_the_peer() {
    let server =
        start(async |_: Request<Incoming>, peer: Peer| text(peer.addr.unwrap().to_string()));
    let mut client = Client::connect(server.addr).await;
    let addr = client.0.local_addr().unwrap();
    assert_eq!(client.get("/").await.1, addr.to_string());
}

/// A client that speaks HTTP/2, and its connection.
async fn http_2(
    addr: SocketAddr,
) -> (http2::SendRequest<Empty<Bytes>>, JoinHandle<hyper::Result<()>>) {
    let stream = TokioIo::new(TcpStream::connect(addr).await.unwrap());
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    (sender, tokio::spawn(connection))
}

#[tokio::test]
async fn http_2_with_prior_knowledge() {
    let server = start(echo_path);
    let (mut sender, connection) = http_2(server.addr).await;
    let url = format!("http://{}/h2", server.addr);
    let request = Request::get(url).body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(response.collect().await.unwrap().to_bytes(), "/h2");

    server.handle.stop();
    assert_eq!(server.task.await.unwrap().cut, 0);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_method_that_begins_like_the_http_2_preface() {
    let server = start(async |request: Request<Incoming>, _: Peer| {
        text(request.method().as_str().to_owned())
    });
    for method in ["POST", "PRI", "PROPFIND", "PRI-VATE"] {
        let mut client = Client::connect(server.addr).await;
        let rest = format!("{} / HTTP/1.1\r\nhost: a\r\n\r\n", &method[2..]);
        client.send(&method[..2]).await;
        // The server has seen these two bytes once the connection is counted, or later; both
        // orders have to work.
        client.send(rest).await;
        assert_eq!(client.answer().await.1, method);
    }
}

#[tokio::test]
async fn a_preface_may_arrive_in_pieces() {
    let server = start(echo_path);
    let mut client = Client::connect(server.addr).await;
    client.0.set_nodelay(true).unwrap();
    for piece in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".chunks(5) {
        client.send(piece).await;
        tokio::task::yield_now().await;
    }
    client.send([0, 0, 0, 4, 0, 0, 0, 0, 0]).await; // an empty SETTINGS frame
    let mut frame = [0; 9];
    client.0.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "the first frame of a server is SETTINGS");
}

#[tokio::test]
async fn a_client_that_goes_away_drops_the_answer() {
    struct Dropped(Option<oneshot::Sender<()>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.take().unwrap().send(()).unwrap();
        }
    }
    let (started, mut starts) = mpsc::channel(1);
    let (dropped, drops) = oneshot::channel();
    let dropped = Arc::new(Mutex::new(Some(dropped)));
    let server = start(move |_: Request<Incoming>, _: Peer| {
        let (started, dropped) = (started.clone(), Arc::clone(&dropped));
        async move {
            let _dropped = Dropped(dropped.lock().unwrap().take());
            started.send(()).await.unwrap();
            std::future::pending::<Answer>().await
        }
    });
    let mut client = Client::connect(server.addr).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    starts.recv().await.unwrap();
    drop(client);
    drops.await.unwrap();
}

#[tokio::test]
async fn a_panic_costs_one_connection() {
    let server = start(async |request: Request<Incoming>, _: Peer| {
        assert_ne!(request.uri().path(), "/panic", "as the test wants it");
        text("fine")
    });
    let mut bystander = Client::connect(server.addr).await;
    bystander.get("/").await;
    let mut client = Client::connect(server.addr).await;
    client.send("GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.closed().await;
    assert_eq!(bystander.get("/").await.1, "fine");
    assert_eq!(server.handle.connections(), 1);
}

#[tokio::test]
async fn an_answer_before_the_end_of_an_upload_arrives() {
    let server = start(async |_: Request<Incoming>, _: Peer| {
        let mut response = text("too much");
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        response
    });
    let mut client = Client::connect(server.addr).await;
    let length = 4_000_000;
    client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")).await;
    client.send(vec![b'x'; length]).await;
    let (head, body) = client.answer().await;
    assert!(head.starts_with("http/1.1 413 "), "{head}");
    assert_eq!(body, "too much");
    client.closed().await;
}

#[tokio::test]
async fn the_future_of_a_connection_stays_small() {
    let connections = Connections::new(ConnectionLimits {
        head: HOUR,
        idle: HOUR,
        send: HOUR,
        connections: None,
        per_client: None,
        memory: None,
        uncounted: Networks::default(),
    });
    let ticket = connections.enter(None).unwrap();
    let (stream, _client) = tokio::net::UnixStream::pair().unwrap();
    let protocols = Protocols::new(Options::default());
    let serving = connection::serve(Stream::Unix(stream), None, ticket, echo_path, protocols);
    // Each connection has it as long as it lasts, and most of them rest.
    let size = std::mem::size_of_val(&serving);
    assert!(size <= 1664, "{size} bytes");
}
