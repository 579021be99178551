//! What a page does with an upgraded connection, run by the host in the app's context.

use nova_abi::{Connection, Failure, Upgrade, UpgradeHandler};

use super::context::{AppContext, InContext};
use super::panics::{self, Caught};
use crate::upgrade::connection::{TakeOver, Upgraded};

/// The page's side of another protocol.
pub(super) struct Protocol {
    context: AppContext,
    /// `None` only while it is dropped.
    take_over: Option<TakeOver>,
}

impl Protocol {
    pub(super) fn upgrade(context: AppContext, take_over: TakeOver) -> Upgrade {
        Upgrade::new(Self { context, take_over: Some(take_over) })
    }
}

impl UpgradeHandler for Protocol {
    async fn run(mut self, connection: Connection) -> Result<(), Failure> {
        let Some(take_over) = self.take_over.take() else { return Ok(()) };
        // The function is called in the app's context, too: it may spawn before it waits.
        let speaking = async move { take_over.run(Upgraded::new(connection)).await };
        let spoken = Caught::new(InContext::new(self.context.clone(), speaking)).await;
        spoken.map_err(|panic| Failure::panic(panics::describe(&panic)))
    }
}

impl Drop for Protocol {
    /// A page whose client did not hear of the 101 is dropped where it was made.
    fn drop(&mut self) {
        if self.take_over.is_some() {
            let _inside = self.context.enter();
            let _ = panics::catch(|| self.take_over = None);
        }
    }
}
