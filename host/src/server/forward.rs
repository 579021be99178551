//! Requests that one process passes on to another: the one that came for the request keeps the
//! client, the other one answers.
//!
//! They meet at a socket in the abstract namespace, which needs no folder that can be written to. Its
//! name is no secret: each side looks who is at the other end. HTTP/1.1 is spoken on it, with who
//! sent the request in a header.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::BoxError;
use super::accept::AcceptErrors;
use super::backoff::Backoff;

/// Says who sent a request.
const PEER: HeaderName = HeaderName::from_static("x-nova-peer");

/// How many connections are kept for the next requests.
const KEPT: usize = 64;

/// The first and the longest pause where the queue of the socket is full, and how long that is borne.
const PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(2);

/// Those of one connection; they are said of the next one by who speaks there.
const OF_THE_CONNECTION: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    HeaderName::from_static("keep-alive"),
];

type Connection = SendRequest<UnsyncBoxBody<Bytes, BoxError>>;

/// Why another process did not answer a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// Its queue stayed full.
    #[error("it accepted no connection for {:?}", PATIENCE)]
    Full,
    /// Its socket cannot be reached.
    #[error("its socket cannot be reached: {0}")]
    Unreachable(io::Error),
    /// Somebody else has taken the name of its socket.
    #[error("another user answers in its place")]
    Stranger,
    /// What came of the request's own body: the client went, or sent more than it may.
    #[error("the body of the request ended early: {0}")]
    RequestBody(String),
    /// It ended, or what it said is not HTTP.
    #[error("it did not answer: {0}")]
    Unanswered(hyper::Error),
}

/// An error of the body of a request, among those of the connection that it was sent on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct RequestBodyError(String);

impl From<hyper::Error> for ForwardError {
    fn from(error: hyper::Error) -> Self {
        let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
        let of_body = causes.find_map(|cause| cause.downcast_ref::<RequestBodyError>());
        match of_body.map(ToString::to_string) {
            Some(reason) => Self::RequestBody(reason),
            None => Self::Unanswered(error),
        }
    }
}

/// The way to the process that answers.
#[derive(Debug, Clone)]
pub struct Forwarder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    idle: Mutex<Vec<Connection>>,
}

impl Forwarder {
    /// The way to the socket of this name.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self(Arc::new(Inner { name, idle: Mutex::default() }))
    }

    /// Lets the other process answer a request.
    ///
    /// # Errors
    /// If the other process is gone, takes too long to accept, or ends before it has answered; and
    /// if the body fails.
    pub async fn send<B>(
        &self,
        head: &Parts,
        body: B,
        peer: Option<SocketAddr>,
    ) -> Result<Response<Incoming>, ForwardError>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Display,
    {
        let body = body.map_err(|error| BoxError::from(RequestBodyError(error.to_string())));
        let body = body.boxed_unsync();
        let mut request = Request::new(body);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = local_part(&head.uri);
        *request.headers_mut() = head.headers.clone();
        let headers = request.headers_mut();
        OF_THE_CONNECTION.iter().for_each(|name| drop(headers.remove(name)));
        // What a client says of itself is not believed.
        headers.remove(PEER);
        if let Some(peer) = peer
            && let Ok(peer) = HeaderValue::from_str(&peer.to_string())
        {
            headers.insert(PEER, peer);
        }
        // HTTP/2 says it elsewhere.
        if let Some(authority) = head.uri.authority()
            && !headers.contains_key(header::HOST)
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            headers.insert(header::HOST, host);
        }
        let mut connection = self.connection().await?;
        let mut response = connection.send_request(request).await?;
        let headers = response.headers_mut();
        OF_THE_CONNECTION.iter().for_each(|name| drop(headers.remove(name)));
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            // Ready again when the answer has been read to its end.
            if connection.ready().await.is_ok() {
                let mut idle = inner.idle.lock();
                if idle.len() < KEPT {
                    idle.push(connection);
                }
            }
        });
        Ok(response)
    }

    async fn connection(&self) -> Result<Connection, ForwardError> {
        loop {
            let Some(idle) = self.0.idle.lock().pop() else { break };
            if idle.is_ready() {
                return Ok(idle);
            }
        }
        let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
        let began = Instant::now();
        let stream = loop {
            match UnixStream::connect(format!("\0{}", self.0.name)).await {
                // Many come at once: the other process is about to accept.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if began.elapsed() >= PATIENCE {
                        return Err(ForwardError::Full);
                    }
                    tokio::time::sleep(backoff.pause()).await;
                }
                connected => break connected.map_err(ForwardError::Unreachable)?,
            }
        };
        if !is_ours(&stream) {
            return Err(ForwardError::Stranger);
        }
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn local_part(uri: &Uri) -> Uri {
    let local = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    // It was a part of an URI.
    local.parse().unwrap_or_default()
}

/// A socket for requests that are passed on, and its name.
///
/// # Errors
/// If the system refuses.
pub fn bind() -> io::Result<(UnixListener, String)> {
    use std::hash::{BuildHasher, RandomState};
    let number = RandomState::new().hash_one(std::process::id());
    let name = format!("nova-forward-{}-{number:016x}", std::process::id());
    Ok((UnixListener::bind_addr(&UnixAddress::from_abstract_name(&name)?)?, name))
}

/// The connections over which requests are passed on to this process.
#[derive(Debug, Default)]
pub struct PassedOn {
    ending: CancellationToken,
    open: watch::Sender<usize>,
}

impl PassedOn {
    /// Closes the connections, each when it has carried its answer to the end, and waits for that.
    pub async fn finish(&self) {
        self.ending.cancel();
        // The sender is our own.
        self.open.subscribe().wait_for(|open| *open == 0).await.ok();
    }
}

/// One of them.
struct OpenConnection(Arc<PassedOn>);

impl OpenConnection {
    fn new(passed_on: &Arc<PassedOn>) -> Self {
        passed_on.open.send_modify(|open| *open += 1);
        Self(Arc::clone(passed_on))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

/// Answers the requests that are passed on to `listener`, for as long as this is polled.
///
/// # Errors
/// If the socket cannot be registered with the runtime.
pub async fn answer<S, F, B>(
    listener: UnixListener,
    service: S,
    passed_on: Arc<PassedOn>,
) -> io::Result<()>
where
    S: Fn(Request<Incoming>, Option<SocketAddr>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let mut errors = AcceptErrors::new("requests that are passed on");
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                if let Some(pause) = errors.pause(&error) {
                    tokio::time::sleep(pause).await;
                }
                continue;
            }
        };
        errors.accepted();
        if !is_ours(&stream) {
            continue;
        }
        let service = service.clone();
        let each = service_fn(move |mut request: Request<Incoming>| {
            let peer = request.headers_mut().remove(PEER);
            let peer = peer.and_then(|peer| peer.to_str().ok()?.parse().ok());
            let answer = service(request, peer);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let open = OpenConnection::new(&passed_on);
        tokio::spawn(async move {
            let http1 = hyper::server::conn::http1::Builder::new();
            let mut connection = std::pin::pin!(http1.serve_connection(TokioIo::new(stream), each));
            // How it ended is the other process's affair.
            tokio::select! {
                _ = &mut connection => {}
                () = open.0.ending.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await.ok();
                }
            }
        });
    }
}

/// Whether our own user is at the other end.
fn is_ours(stream: &UnixStream) -> bool {
    let us = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == us)
}

#[cfg(test)]
mod tests {
    use http_body_util::{Collected, Full};
    use tokio::sync::Notify;

    use super::*;

    fn head(request: Request<()>) -> Parts {
        request.into_parts().0
    }

    #[tokio::test]
    async fn a_request_is_answered_elsewhere() {
        let (listener, name) = bind().unwrap();
        let echo = |request: Request<Incoming>, peer: Option<SocketAddr>| async move {
            let line = format!("{} {} {peer:?} ", request.method(), request.uri());
            let host = request.headers()[header::HOST].to_str().unwrap().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let text = format!("{line}{host} {}", String::from_utf8_lossy(&body));
            Response::new(Full::from(text))
        };
        tokio::spawn(answer(listener, echo, Arc::default()));
        let forwarder = Forwarder::new(name);
        for n in 0..3 {
            let uri = format!("http://example.org/a%20b?n={n}");
            let request = Request::post(uri)
                .header("connection", "close, x-nova-peer")
                .header("x-nova-peer", "9.9.9.9:9")
                .body(())
                .unwrap();
            let peer = "1.2.3.4:5".parse().ok();
            let response = forwarder.send(&head(request), Full::from("body"), peer).await.unwrap();
            let text = response.into_body().collect().await.unwrap().to_bytes();
            let expected = format!("POST /a%20b?n={n} Some(1.2.3.4:5) example.org body");
            assert_eq!(text, expected);
        }
        assert!(forwarder.0.idle.lock().len() <= 1, "one connection was enough");
    }

    #[tokio::test]
    async fn what_was_passed_on_is_answered_before_the_end() {
        let (listener, name) = bind().unwrap();
        let (begun, goes_on) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let slow = {
            let (begun, goes_on) = (Arc::clone(&begun), Arc::clone(&goes_on));
            move |_: Request<Incoming>, _: Option<SocketAddr>| {
                let (begun, goes_on) = (Arc::clone(&begun), Arc::clone(&goes_on));
                async move {
                    begun.notify_one();
                    goes_on.notified().await;
                    Response::new(Full::from("done"))
                }
            }
        };
        let passed_on = Arc::<PassedOn>::default();
        let answering = tokio::spawn(answer(listener, slow, Arc::clone(&passed_on)));
        let request = tokio::spawn(sent(name, Full::<Bytes>::default()));
        begun.notified().await;
        let mut finished = Box::pin(passed_on.finish());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(finished.as_mut().poll(&mut context).is_pending());
        goes_on.notify_one();
        finished.await;
        let answer = request.await.unwrap().unwrap().into_body().collect().await.unwrap();
        assert_eq!(answer.to_bytes(), "done");
        answering.abort();
    }

    /// What comes of a request to the socket of this name.
    async fn sent<B>(name: String, body: B) -> Result<Response<Incoming>, ForwardError>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Display,
    {
        let request = head(Request::post("/").header("host", "a").body(()).unwrap());
        Forwarder::new(name).send(&request, body, None).await
    }

    #[tokio::test]
    async fn a_process_that_is_gone_is_an_error() {
        let (listener, name) = bind().unwrap();
        drop(listener);
        let sent = sent(name, Full::<Bytes>::default()).await;
        assert!(matches!(sent, Err(ForwardError::Unreachable(_))), "{sent:?}");
    }

    async fn whole(request: Request<Incoming>, _: Option<SocketAddr>) -> Response<Full<Bytes>> {
        let body = request.into_body().collect().await;
        Response::new(Full::new(body.map(Collected::to_bytes).unwrap_or_default()))
    }

    #[tokio::test]
    async fn a_body_that_fails_is_the_requests_own_affair() {
        struct Failing;
        impl HttpBody for Failing {
            type Data = Bytes;
            type Error = &'static str;

            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, &'static str>>>
            {
                std::task::Poll::Ready(Some(Err("the client left")))
            }
        }
        let (listener, name) = bind().unwrap();
        tokio::spawn(answer(listener, whole, Arc::default()));
        match sent(name, Failing).await {
            Err(ForwardError::RequestBody(reason)) => assert_eq!(reason, "the client left"),
            sent => panic!("{sent:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_is_borne_for_a_while() {
        for (accepts_after, is_answered) in [(Some(Duration::from_millis(50)), true), (None, false)]
        {
            let (listener, name) = bind().unwrap();
            rustix::net::listen(&listener, 0).unwrap();
            let address = UnixAddress::from_abstract_name(&name).unwrap();
            let _first = std::os::unix::net::UnixStream::connect_addr(&address).unwrap();
            let began = Instant::now();
            let accepting = async {
                match accepts_after {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
                answer(listener, whole, Arc::default()).await
            };
            let sent = tokio::select! {
                sent = sent(name, Full::from("all of it")) => sent,
                ended = accepting => panic!("{ended:?}"),
            };
            match sent {
                Ok(_) => assert!(is_answered),
                Err(ForwardError::Full) => {
                    assert!(!is_answered);
                    assert!(began.elapsed() < PATIENCE + 2 * LONGEST_PAUSE);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}
