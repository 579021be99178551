//! The admin socket of a dev host: `nova status` works, and `nova swap` is told what to do instead.

use std::sync::Arc;

use nova_host::operate::admin::{
    self, AdminServer, AdminSocket, Reason, RollbackRequest, RollbackResponse, Status, SwapFailure,
    SwapRequest, SwapResponse,
};
use nova_host::operate::operator::Operator;
use nova_host::server::Handle;
use nova_host::site::Site;

/// What the socket gives access to.
pub(crate) struct Control {
    operator: Operator,
}

impl Control {
    pub(crate) fn new(site: Arc<Site>, server: Handle, url: String) -> Arc<Self> {
        Arc::new(Self { operator: Operator::new(site, server, url, None) })
    }

    /// What the host does now.
    pub(crate) fn now(&self) -> Status {
        self.operator.status_now()
    }

    /// Listens where hosts of this user do, until the server is dropped. Without a socket the
    /// session goes on.
    pub(crate) fn listen(self: &Arc<Self>, port: u16) -> Option<AdminServer> {
        match AdminSocket::bind_in_own_folder(&admin::default_socket(port)) {
            Ok(socket) => Some(socket.serve(Arc::clone(self))),
            Err(error) => {
                tracing::warn!("`nova status` cannot reach this host: {error}");
                None
            }
        }
    }
}

impl admin::Control for Control {
    async fn status(&self) -> Status {
        self.now()
    }

    async fn swap(&self, _: SwapRequest) -> Result<SwapResponse, SwapFailure> {
        Err(elsewhere())
    }

    async fn rollback(&self, _: RollbackRequest) -> Result<RollbackResponse, SwapFailure> {
        Err(elsewhere())
    }
}

fn elsewhere() -> SwapFailure {
    SwapFailure {
        reason: Reason::Invalid,
        message: "this host is `nova dev`, which serves what it builds itself: save a file of the \
                  app, or start with --routes"
            .to_owned(),
        swapped: Vec::new(),
    }
}
