//! What a switch hands to the next process, and takes from the one before.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;

use super::{SwapError, Switch, locked};
use crate::generation::GenerationId;
use crate::operate::succession::Will;
use crate::release::{Release, Stylesheet};

/// As long as this is kept, no swap begins.
#[derive(Debug)]
pub struct Pause(OwnedMutexGuard<()>);

impl Pause {
    /// No swap will begin any more.
    pub(crate) fn for_good(self) {
        std::mem::forget(self.0);
    }
}

impl Switch {
    /// Lets no swap begin for a while.
    ///
    /// # Errors
    /// When one is under way.
    pub(crate) async fn pause(&self) -> Result<Pause, SwapError> {
        self.no_canary()?;
        match self.swapping.clone().try_lock_owned() {
            Ok(guard) => {
                *locked(&self.under_way) = Some((PathBuf::from("recycling"), Instant::now()));
                Ok(Pause(guard))
            }
            Err(_) => Err(self.busy(PathBuf::from("recycling"))),
        }
    }

    /// The number of the last generation.
    pub(crate) fn last_generation(&self) -> GenerationId {
        GenerationId(self.last_id.load(Ordering::Relaxed))
    }

    /// The stylesheets that pages may still name, oldest first: name and text.
    pub(crate) fn stylesheets(&self) -> Vec<(String, String)> {
        let sheets = self.stylesheets.list();
        let text = |sheet: &Stylesheet| String::from_utf8(sheet.bytes.to_vec()).ok();
        sheets.iter().filter_map(|sheet| Some((sheet.name.clone(), text(sheet)?))).collect()
    }

    /// The states of the apps that serve, as far as they save them.
    pub(crate) async fn states(&self) -> Vec<Option<Vec<u8>>> {
        let mut states = Vec::new();
        for generation in self.table().generations() {
            states.push(Self::saved(generation).await.map(|state| state.to_vec()));
        }
        states
    }

    /// Goes on where another process ended. Without a folder of its own, what is remembered is
    /// what the other one did.
    pub(crate) fn inherit(&self, will: &Will) {
        self.last_id.store(will.last_generation, Ordering::Relaxed);
        self.published.store(will.totals.0, Ordering::Relaxed);
        self.refused.store(will.totals.1, Ordering::Relaxed);
        self.ledger.inherit(&will.book);
        for (name, text) in &will.stylesheets {
            let bytes = text.clone().into();
            self.stylesheets.add(Stylesheet { name: name.clone(), bytes });
        }
    }

    /// Reads the releases that served last.
    ///
    /// # Errors
    /// With the first that cannot be read.
    pub(crate) fn read_serving(&self) -> Result<Vec<Release>, SwapError> {
        let book = self.ledger.book();
        let serving = book.current.keys().filter_map(|slot| book.serving(*slot));
        let read = |kept| Ok(self.ledger.read(kept, &self.store, &self.settings.trust)?);
        serving.map(read).collect()
    }
}
