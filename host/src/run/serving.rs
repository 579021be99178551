//! A host that serves, until it is told to stop or a stand-in has taken its place.

use super::lifecycle::Lifecycle;
use super::signals::Signals;
use super::{Error, Exit};
use crate::edge::Edge;
use crate::server::Server;

/// See the [module](self).
pub(super) struct Serving {
    pub(super) signals: Signals,
    pub(super) server: Server,
    pub(super) edge: &'static Edge,
    pub(super) lifecycle: Lifecycle,
}

impl Serving {
    /// Answers requests and does what signals ask for.
    pub(super) async fn until_stopped(self) -> Result<Exit, Error> {
        let Self { mut signals, server, edge, lifecycle } = self;
        let stopped = {
            let served = server.run(|request, peer| edge.handle(request, peer));
            let mut served = std::pin::pin!(served);
            let mut recycling = std::pin::pin!(lifecycle.recycler.work());
            let mut is_recycled = false;
            loop {
                tokio::select! {
                    stopped = &mut served => break stopped,
                    () = &mut recycling, if !is_recycled => is_recycled = true,
                    action = signals.next() => {
                        if let Some(exit) = lifecycle.act(action, &mut signals).await {
                            return Ok(exit);
                        }
                    }
                }
            }
        };
        lifecycle.end(stopped, &mut signals).await
    }
}
