//! The address at which the numbers are read; never one that clients reach.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::Metrics;
use super::render::Sources;
use crate::server::{Handle, Options, Server};
use crate::site::Site;

/// What Prometheus calls its text.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// A socket for those who read the numbers.
#[derive(Debug)]
pub(crate) struct MetricsListener {
    /// `None`: the process before has it still.
    socket: Option<TcpListener>,
    address: SocketAddr,
}

/// How often a process looks whether the one before has let go of the address.
const LOOK: Duration = Duration::from_millis(100);

/// Why the numbers cannot be read there.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} for --metrics: {source}; give an address and a port that is free"
)]
pub struct MetricsError {
    address: String,
    source: io::Error,
}

impl MetricsListener {
    /// Binds `address`, such as `127.0.0.1:9464`. A process that takes the place of another
    /// (`inherits`) waits for an address that the other has still.
    ///
    /// # Errors
    ///
    /// When it is invalid or taken.
    pub(crate) fn bind(address: &str, inherits: bool) -> Result<Self, MetricsError> {
        let failed = |source| MetricsError { address: address.to_owned(), source };
        match TcpListener::bind(address) {
            Ok(socket) => {
                let address = socket.local_addr().map_err(failed)?;
                Ok(Self { socket: Some(socket), address })
            }
            Err(error) if inherits && error.kind() == io::ErrorKind::AddrInUse => {
                let first = address.to_socket_addrs().map_err(failed)?.next();
                Ok(Self { socket: None, address: first.ok_or_else(|| failed(error))? })
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Where it listens.
    #[must_use]
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the process ends: a host that drains is still watched.
    pub(crate) fn serve(
        self,
        metrics: Arc<Metrics>,
        site: Arc<Site>,
        server: Handle,
    ) -> io::Result<()> {
        let began = SystemTime::now();
        self.serve_text(move || {
            let sources = Sources { site: &site, server: &server, began };
            std::future::ready(metrics.render(&sources))
        })
    }

    /// The same with the text that `render` makes.
    pub(crate) fn serve_text<F>(
        self,
        render: impl Fn() -> F + Clone + Send + 'static,
    ) -> io::Result<()>
    where
        F: Future<Output = String> + Send + 'static,
    {
        let answer = move |request: Request<Incoming>, _| {
            let render = render.clone();
            async move {
                let text = if is_answered(&request) { render().await } else { String::new() };
                respond(&request, text)
            }
        };
        let Self { socket, address } = self;
        if let Some(socket) = socket {
            tokio::spawn(Server::new([socket], Options::default())?.run(answer));
            return Ok(());
        }
        tokio::spawn(async move {
            let socket = loop {
                match TcpListener::bind(address) {
                    Ok(socket) => break socket,
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                        tokio::time::sleep(LOOK).await;
                    }
                    Err(error) => {
                        return tracing::error!("metrics cannot be served at {address}: {error}");
                    }
                }
            };
            match Server::new([socket], Options::default()) {
                Ok(server) => drop(server.run(answer).await),
                Err(error) => tracing::error!("metrics cannot be served at {address}: {error}"),
            }
        });
        Ok(())
    }
}

/// Whether the answer has the numbers.
fn is_answered<B>(request: &Request<B>) -> bool {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    is_read && request.uri().path() == "/metrics"
}

fn respond<B>(request: &Request<B>, numbers: String) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        _ if is_answered(request) => (StatusCode::OK, numbers),
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, "the numbers are at /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_numbers_are_there() {
        for (method, path, status) in [
            ("GET", "/metrics", 200),
            ("POST", "/metrics", 405),
            ("GET", "/", 404),
            ("HEAD", "/metrics", 200),
        ] {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            assert_eq!(respond(&request, String::new()).status(), status, "{method} {path}");
        }
    }

    #[test]
    fn an_invalid_address() {
        let error = MetricsListener::bind("nowhere", false).unwrap_err().to_string();
        assert!(error.starts_with("cannot listen on nowhere for --metrics: "), "{error}");
    }
}
