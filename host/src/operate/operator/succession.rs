//! Leaving the place to another process, and taking one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nova_abi::OwnedBytes;

use super::{Operator, locked, say};
use crate::operate::succession::Will;
use crate::swap::{Pause, SwapError};

impl Operator {
    /// How many libraries are mapped.
    pub(crate) fn loads(&self) -> usize {
        self.site.switch.loads()
    }

    /// Why this is no good time to leave, if it is none.
    pub(crate) fn busy(&self) -> Option<&'static str> {
        if self.site.switch.canary().is_some() {
            return Some("a canary is under way");
        }
        let trial = !locked(&self.trials).is_empty();
        trial.then_some("a generation is on trial")
    }

    /// Lets no swap begin as long as what this gives back is kept.
    ///
    /// # Errors
    /// When one is under way.
    pub(crate) async fn pause(&self) -> Result<Pause, SwapError> {
        let pause = self.site.switch.pause().await?;
        // Everything is written before another process reads it.
        self.site.switch.keep().await;
        Ok(pause)
    }

    /// What the next process has to know; it gets `sockets` sockets to listen on.
    pub(crate) async fn will(&self, sockets: usize) -> Will {
        let switch = &self.site.switch;
        let states = switch.states().await;
        Will {
            pid: std::process::id(),
            sockets,
            book: switch.ledger().book(),
            last_generation: switch.last_generation().0,
            stylesheets: switch.stylesheets(),
            folders: locked(&self.brought).clone(),
            states,
            totals: switch.totals(),
        }
    }

    /// Accepts nothing any more: each connection is told with its next answer that it was the last
    /// one, and the rest is closed after `last_answers`.
    pub(crate) async fn leave(&self, last_answers: Duration) {
        self.site.leave();
        locked(&self.trials).clear();
        tokio::time::sleep(last_answers).await;
        // The successor answers already: an open stream may end as it does after a swap.
        self.server.hand_over(self.site.switch.drain_limit());
    }

    /// Starts what the process before served.
    ///
    /// # Errors
    /// When one of the releases does not start.
    pub async fn take_over(&self, will: Will) -> Result<(), SwapError> {
        let switch = Arc::clone(&self.site.switch);
        switch.inherit(&will);
        if self.public.is_none() {
            locked(&self.brought).clone_from(&will.folders);
            self.arrange_folders().await;
        } else {
            let folders = self.public.iter().cloned().collect();
            self.change_folders(move |served| *served = folders).await;
        }
        let reading = Arc::clone(&switch);
        let read = tokio::task::spawn_blocking(move || reading.read_serving());
        let releases =
            read.await.map_err(|error| SwapError::Inherited(io::Error::other(error)))??;
        let sources: Vec<_> = releases.iter().map(|release| release.source.clone()).collect();
        let info = self.info(self.site.assets.favicon());
        let states = will.states.into_iter().map(|state| state.map(OwnedBytes::from_vec)).collect();
        let swapped = switch.start_with(releases, &info, states).await?;
        for (source, swapped) in sources.iter().zip(&swapped) {
            say(source, swapped);
        }
        Ok(())
    }
}
