//! What a page does with an upgraded connection, run by the host in the app's place.

use nova_abi::{Connection, Failure, Upgrade, UpgradeHandler};

use super::panics::{self, Caught};
use super::running::{Inside, Place};
use crate::upgrade::{TakeOver, Upgraded};

/// The page's side of another protocol.
pub(super) struct Protocol {
    place: Place,
    /// `None` only while it is dropped.
    take_over: Option<TakeOver>,
}

impl Protocol {
    pub(super) fn upgrade(place: Place, take_over: TakeOver) -> Upgrade {
        Upgrade::new(Self { place, take_over: Some(take_over) })
    }
}

impl UpgradeHandler for Protocol {
    async fn run(mut self, connection: Connection) -> Result<(), Failure> {
        let Some(take_over) = self.take_over.take() else { return Ok(()) };
        // The function is called in the app's place, too: it may spawn before it waits.
        let speaking = async move { take_over.run(Upgraded::new(connection)).await };
        let spoken = Caught::new(Inside::new(self.place.clone(), speaking)).await;
        spoken.map_err(|panic| Failure::panic(panics::describe(&panic)))
    }
}

impl Drop for Protocol {
    /// A page whose client did not hear of the 101 is dropped where it was made.
    fn drop(&mut self) {
        if self.take_over.is_some() {
            let _inside = self.place.enter();
            let _ = panics::catch(|| self.take_over = None);
        }
    }
}
