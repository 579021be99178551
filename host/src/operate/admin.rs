//! The way into a running host: HTTP over a socket that only its own user can reach.
//!
//! `GET /status` says what the host does, `POST /swap` gives it other releases, `POST /canary` lets
//! one answer a share of the requests, `POST /rollback` takes it back to one before. `nova status`,
//! `nova swap` and `nova rollback` speak it; so does `curl --unix-socket`. Everything here asks a
//! [`Control`], which does what is asked; [`api`] is what is said.

pub mod api;
mod client;
mod server;
mod sockets;

pub use self::api::*;
pub use self::client::{AdminClient, AdminError};
pub use self::server::{AdminServer, AdminSocket, BindError};
pub use self::sockets::{default_socket, find, runtime_folder};

/// What the socket gives access to.
pub trait Control: Send + Sync + 'static {
    /// What the host does now.
    fn status(&self) -> impl Future<Output = Status> + Send;

    /// Swaps in the releases at some paths, one after the other, until one is refused.
    fn swap(
        &self,
        request: SwapRequest,
    ) -> impl Future<Output = Result<SwapResponse, SwapFailure>> + Send;

    /// Lets a release answer a share of the requests for a while.
    fn canary(
        &self,
        request: CanaryRequest,
    ) -> impl Future<Output = Result<SwapResponse, SwapFailure>> + Send {
        async move {
            let path = request.path.display();
            let message = format!("{path}: this host tries no canaries");
            Err(SwapFailure { reason: Reason::Invalid, message, swapped: Vec::new() })
        }
    }

    /// Goes back to a release that served before.
    fn rollback(
        &self,
        request: RollbackRequest,
    ) -> impl Future<Output = Result<RollbackResponse, SwapFailure>> + Send;
}

#[cfg(test)]
mod tests;
