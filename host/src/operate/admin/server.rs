//! The host's end of the socket.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::{CanaryRequest, Control, Reason, RollbackRequest, SwapFailure, SwapRequest};
use crate::server::unix_socket::{SocketFile, SocketFileError};

/// How long to wait after an error that the next attempt would meet again.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest request for a swap.
const MAX_REQUEST: usize = 64 * 1024;

/// A socket that is bound. Dropping it removes it.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    handle: OwnedFd,
    file: SocketFile,
}

/// A socket that answers, until this is dropped.
#[derive(Debug)]
#[must_use = "dropping it closes the socket"]
pub struct AdminServer {
    task: JoinHandle<()>,
    /// Not in the task, which may outlive the moment in which the process ends.
    file: SocketFile,
    handle: OwnedFd,
}

impl AdminServer {
    /// Another handle of the socket, for the process that takes over.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn socket(&self) -> io::Result<OwnedFd> {
        self.handle.try_clone()
    }

    /// Leaves the socket to another process: it stays in its folder.
    pub fn hand_over(mut self) {
        self.file.leave();
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why the socket cannot be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another host is there.
    #[error(
        "{}: another host answers on this admin socket; choose another with --admin", .path.display()
    )]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// Something else is there.
    #[error(
        "{}: is not a socket; choose another path with --admin, or remove it",
        .path.display()
    )]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// The folder of the socket, belongs to another user.
    #[error("{}: belongs to user {owner}, not to the user of this host; choose a socket with --admin", .path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The system refuses.
    #[error("{}: the admin socket cannot be bound: {cause}", .path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl AdminSocket {
    /// Binds the socket at `path`. What a host that was killed has left there is replaced.
    ///
    /// # Errors
    ///
    /// When a host answers there already, or the path cannot be used.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        let (listener, file) = SocketFile::bind(path, 0o600).map_err(|error| {
            let path = path.to_owned();
            match error {
                SocketFileError::Taken => BindError::Taken { path },
                SocketFileError::NoSocket => BindError::NoSocket { path },
                SocketFileError::Io(cause) => BindError::Io { path, cause },
            }
        })?;
        Self::of(listener, file).map_err(|cause| BindError::Io { path: path.to_owned(), cause })
    }

    /// Takes over a socket that another process has bound at `path`.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn inherit(
        listener: std::os::unix::net::UnixListener,
        path: &Path,
    ) -> Result<Self, BindError> {
        let failed = |cause| BindError::Io { path: path.to_owned(), cause };
        let file = SocketFile::of(path).map_err(failed)?;
        Self::of(listener, file).map_err(failed)
    }

    fn of(listener: std::os::unix::net::UnixListener, file: SocketFile) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        let handle = listener.as_fd().try_clone_to_owned()?;
        Ok(Self { listener, handle, file })
    }

    /// Binds the socket at `path` in a folder of our own, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind); and when the folder is not ours alone.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn bind_in_own_folder(path: &Path) -> Result<Self, BindError> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let failed = |cause| BindError::Io { path: folder.to_owned(), cause };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let metadata = std::fs::symlink_metadata(folder).map_err(failed)?;
        if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(BindError::Foreign { path: folder.to_owned(), owner: metadata.uid() });
        }
        Self::bind(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Answers in the background.
    pub fn serve<C: Control>(self, control: Arc<C>) -> AdminServer {
        let Self { listener, file, handle } = self;
        AdminServer { task: tokio::spawn(accept(listener, control)), file, handle }
    }
}

async fn accept<C: Control>(listener: UnixListener, control: Arc<C>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_ours(&stream) => {
                tokio::spawn(converse(stream, Arc::clone(&control)));
            }
            // The mode of the socket lets no other user in, except before it was set.
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("the admin socket cannot accept: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Whether our own user is at the other end, or root.
fn is_ours(stream: &UnixStream) -> bool {
    let us = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == us || peer.uid() == 0)
}

async fn converse<C: Control>(stream: UnixStream, control: Arc<C>) {
    let service = service_fn(|request| {
        let control = Arc::clone(&control);
        async move { Ok::<_, Infallible>(answer(request, control).await) }
    });
    let mut http1 = http1::Builder::new();
    // How it ended is the client's affair.
    http1.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await.ok();
}

async fn answer<C: Control>(request: Request<Incoming>, control: Arc<C>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/status") => json(StatusCode::OK, &control.status().await),
        (&Method::POST, "/swap") => match swap(request, control).await {
            Ok(report) => json(StatusCode::OK, &report),
            Err(failure) => json(status_of(failure.reason), &failure),
        },
        (&Method::POST, "/canary") => match canary(request, control).await {
            Ok(report) => json(StatusCode::OK, &report),
            Err(failure) => json(status_of(failure.reason), &failure),
        },
        (&Method::POST, "/rollback") => match rollback(request, control).await {
            Ok(report) => json(StatusCode::OK, &report),
            Err(failure) => json(status_of(failure.reason), &failure),
        },
        (_, path @ ("/status" | "/swap" | "/canary" | "/rollback")) => {
            let allowed = if path == "/status" { "GET" } else { "POST" };
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
            response
        }
        _ => {
            let text = "there are GET /status, POST /swap, POST /canary and POST /rollback\n";
            let mut response = Response::new(Full::from(text));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

async fn swap<C: Control>(
    request: Request<Incoming>,
    control: Arc<C>,
) -> Result<super::SwapResponse, SwapFailure> {
    let wanted: SwapRequest = wanted(request, "swap").await?;
    if wanted.paths.is_empty() || wanted.paths.iter().any(|path| path.is_relative()) {
        let message = "name at least one release, by an absolute path".to_owned();
        return Err(SwapFailure::new(Reason::Invalid, message));
    }
    to_the_end(async move { control.swap(wanted).await }).await
}

async fn canary<C: Control>(
    request: Request<Incoming>,
    control: Arc<C>,
) -> Result<super::SwapResponse, SwapFailure> {
    let wanted: CanaryRequest = wanted(request, "try a canary").await?;
    if wanted.path.is_relative() {
        return Err(SwapFailure::new(
            Reason::Invalid,
            "name a release by an absolute path".to_owned(),
        ));
    }
    to_the_end(async move { control.canary(wanted).await }).await
}

async fn rollback<C: Control>(
    request: Request<Incoming>,
    control: Arc<C>,
) -> Result<super::RollbackResponse, SwapFailure> {
    let wanted: RollbackRequest = wanted(request, "roll back").await?;
    to_the_end(async move { control.rollback(wanted).await }).await
}

/// What a request asks for.
async fn wanted<T: DeserializeOwned>(
    request: Request<Incoming>,
    to: &str,
) -> Result<T, SwapFailure> {
    let body = Limited::new(request.into_body(), MAX_REQUEST)
        .collect()
        .await
        .map_err(|error| SwapFailure::new(Reason::Invalid, error.to_string()))?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| {
        SwapFailure::new(Reason::Invalid, format!("invalid request to {to}: {error}"))
    })
}

/// In a task of its own: a client that goes away must not stop a swap half-way.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, SwapFailure>> + Send + 'static,
) -> Result<T, SwapFailure> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(SwapFailure::new(Reason::Refused, error.to_string())))
}

fn status_of(reason: Reason) -> StatusCode {
    match reason {
        Reason::Invalid => StatusCode::BAD_REQUEST,
        Reason::Busy | Reason::AlreadyLive => StatusCode::CONFLICT,
        Reason::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        Reason::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
