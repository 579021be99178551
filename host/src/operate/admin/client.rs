//! The other end of the socket, for commands.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::{
    CanaryRequest, RollbackRequest, RollbackResponse, Status, SwapFailure, SwapRequest,
    SwapResponse,
};

/// A host that says nothing for so long about itself is not well.
const PATIENCE: Duration = Duration::from_secs(10);

/// Speaks to the host behind a socket.
#[derive(Clone, Debug)]
pub struct AdminClient {
    socket: PathBuf,
}

/// Why a host did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// No host has a socket where they usually have it.
    #[error(
        "no nova-host of yours is running here (there is no socket in {}); \
         start one, or name its socket with --admin", .folder.display()
    )]
    NoHost {
        /// Where hosts have their sockets.
        folder: PathBuf,
    },
    /// More than one host runs, and it was not said which is meant.
    #[error("several hosts are running; say which with --admin: {}", list(.sockets))]
    ManyHosts {
        /// Their sockets.
        sockets: Vec<PathBuf>,
    },
    /// There is no answer on the socket.
    #[error("{}: no nova-host answers on this socket: {cause}", .socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The host does not answer any more.
    #[error("{}: the host did not answer within {PATIENCE:?}", .socket.display())]
    Silent {
        /// The socket.
        socket: PathBuf,
    },
    /// What answers is not a host, or another version of it.
    #[error("{}: the answer is not that of a nova-host: {message}", .socket.display())]
    Foreign {
        /// The socket.
        socket: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The host says no.
    #[error(transparent)]
    Swap(#[from] SwapFailure),
}

fn list(sockets: &[PathBuf]) -> String {
    sockets.iter().map(|socket| socket.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl AdminClient {
    /// The host behind `socket`; where none is named, the one host of this user that runs.
    ///
    /// # Errors
    ///
    /// When none is named, and none or more than one runs.
    pub fn new(socket: Option<PathBuf>) -> Result<Self, AdminError> {
        let socket = match socket {
            Some(socket) => socket,
            None => super::find()?,
        };
        Ok(Self { socket })
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What the host does.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn status(&self) -> Result<Status, AdminError> {
        let request = self.request(Method::GET, "/status", Bytes::new());
        let (status, body) = tokio::time::timeout(PATIENCE, request)
            .await
            .map_err(|_| AdminError::Silent { socket: self.socket.clone() })??;
        if status != StatusCode::OK {
            return Err(self.foreign(&format!("it is {status}")));
        }
        serde_json::from_slice(&body).map_err(|error| self.foreign(&error))
    }

    /// Swaps in other releases. Relative paths are those of this process. This takes as long as
    /// the host does.
    ///
    /// # Errors
    ///
    /// When it does not answer, or does not swap.
    pub async fn swap(&self, mut request: SwapRequest) -> Result<SwapResponse, AdminError> {
        for path in &mut request.paths {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        }
        self.order("/swap", &request).await
    }

    /// Lets a release answer a share of the requests. A relative path is that of this process.
    ///
    /// # Errors
    ///
    /// When it does not answer, or refuses the release.
    pub async fn canary(&self, mut request: CanaryRequest) -> Result<SwapResponse, AdminError> {
        if let Ok(absolute) = std::path::absolute(&request.path) {
            request.path = absolute;
        }
        self.order("/canary", &request).await
    }

    /// Goes back to a release that served before. This takes as long as the host does.
    ///
    /// # Errors
    ///
    /// When it does not answer, or does not go back.
    pub async fn rollback(
        &self,
        request: &RollbackRequest,
    ) -> Result<RollbackResponse, AdminError> {
        self.order("/rollback", request).await
    }

    async fn order<T: DeserializeOwned>(
        &self,
        path: &str,
        order: &impl Serialize,
    ) -> Result<T, AdminError> {
        let body = serde_json::to_vec(order).map_err(|error| self.foreign(&error))?;
        let (status, body) = self.request(Method::POST, path, body.into()).await?;
        if status == StatusCode::OK {
            serde_json::from_slice(&body).map_err(|error| self.foreign(&error))
        } else {
            let failure: SwapFailure = serde_json::from_slice(&body)
                .map_err(|_| self.foreign(&format!("it is {status}")))?;
            Err(failure.into())
        }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), AdminError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|cause| AdminError::Unreachable { socket: self.socket.clone(), cause })?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.foreign(&error))?;
        let mut request = Request::new(Full::<Bytes>::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = http::Uri::try_from(path).map_err(|error| self.foreign(&error))?;
        let host = http::HeaderValue::from_static("nova-host");
        request.headers_mut().insert(header::HOST, host);
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok::<_, hyper::Error>((status, response.into_body().collect().await?.to_bytes()))
        };
        // The connection is done when the answer is: its own end says nothing more.
        let mut connection = std::pin::pin!(connection);
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            ended = &mut connection => match ended {
                Ok(()) => exchange.await,
                Err(error) => Err(error),
            },
        }
        .map_err(|error| self.foreign(&error))
    }

    fn foreign(&self, message: &impl ToString) -> AdminError {
        AdminError::Foreign { socket: self.socket.clone(), message: message.to_string() }
    }
}
