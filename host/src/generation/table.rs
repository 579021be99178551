//! The route table: every route of every live library, behind the one matcher.
//!
//! A table never changes. A swap builds a new one beside it, and publishes it whole.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nova_routing::{BadPath, Match, Pattern, Router};

use crate::generation::Generation;

/// The routes that answer now, and the generations behind them.
#[derive(Debug, Default)]
pub struct Table {
    slots: Vec<Arc<Generation>>,
    router: Router<Entry>,
    /// Whether any generation has pages that were rendered when it was built.
    prerendered: bool,
    canary: Option<CanaryTable>,
}

/// Another table, which answers a share of the requests.
#[derive(Debug)]
struct CanaryTable {
    table: Arc<Table>,
    share: Share,
}

/// A share of the requests.
#[derive(Debug)]
pub(crate) struct Share {
    /// In parts of 2^32.
    share: u32,
    turn: AtomicU32,
}

impl Share {
    /// A share, from 0 to 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    pub(crate) fn new(share: f64) -> Self {
        Self { share: (share * f64::from(u32::MAX)) as u32, turn: AtomicU32::new(0) }
    }

    /// Whether the next request is one of them.
    pub(crate) fn next(&self) -> bool {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        turn.wrapping_mul(GOLDEN) < self.share
    }
}

/// The fractional part of the golden ratio, in parts of 2^32: its multiples are spread evenly, so
/// that a share is kept over few requests, too, and never comes in a run.
const GOLDEN: u32 = 0x9e37_79b9;

/// Where a pattern leads.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Which of the table's generations.
    pub slot: usize,
    /// Which of its routes.
    pub route: u32,
}

/// Why libraries do not make a table.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum TableError {
    #[error(
        "two libraries claim one route: {existing} of {} ({}) and {new} of {} ({}); \
         move one of the pages, or serve one of the libraries elsewhere",
        .old_library.display(), .old_file, .new_library.display(), .new_file
    )]
    Conflict {
        existing: String,
        old_library: PathBuf,
        old_file: String,
        new: String,
        new_library: PathBuf,
        new_file: String,
    },
    #[error("{}: {file} declares an invalid route: {reason}", .library.display())]
    Pattern { library: PathBuf, file: String, reason: String },
}

impl Table {
    /// The table of these generations, one slot each.
    ///
    /// # Errors
    /// If two of them claim one route, or one declares an invalid pattern.
    pub fn build(slots: Vec<Arc<Generation>>) -> Result<Self, TableError> {
        let mut router: Router<Entry> = Router::new();
        for (slot, generation) in slots.iter().enumerate() {
            for (index, route) in generation.routes.iter().enumerate() {
                let pattern =
                    Pattern::parse(&route.pattern).map_err(|error| TableError::Pattern {
                        library: generation.origin.source.clone(),
                        file: route.file.to_string(),
                        reason: error.to_string(),
                    })?;
                // A library of more than four billion routes does not link.
                let entry = Entry { slot, route: u32::try_from(index).unwrap_or(u32::MAX) };
                router.insert(pattern, entry).map_err(|conflict| {
                    let file = |entry: &Entry| {
                        let generation = &slots[entry.slot];
                        let route = &generation.routes[entry.route as usize];
                        (generation.origin.source.clone(), route.file.to_string())
                    };
                    let old = router.routes().find(|(pattern, _)| **pattern == conflict.existing);
                    let (old_library, old_file) =
                        old.map(|(_, entry)| file(entry)).unwrap_or_default();
                    let (new_library, new_file) = file(&entry);
                    TableError::Conflict {
                        existing: conflict.existing.to_string(),
                        old_library,
                        old_file,
                        new: conflict.new.to_string(),
                        new_library,
                        new_file,
                    }
                })?;
            }
        }
        let prerendered = slots.iter().any(|slot| !slot.origin.assets.prerendered.is_empty());
        Ok(Self { slots, router, prerendered, canary: None })
    }

    /// The same table, where `other` answers a share of the requests, from 0 to 1.
    #[must_use]
    pub(crate) fn with_canary(self, other: Table, share: f64) -> Self {
        let canary = CanaryTable { table: Arc::new(other), share: Share::new(share) };
        Self { canary: Some(canary), ..self }
    }

    /// The table that answers the next request.
    pub(crate) fn choose(&self) -> &Self {
        match &self.canary {
            None => self,
            Some(canary) if canary.share.next() => &canary.table,
            Some(_) => self,
        }
    }

    /// The generations, in the order of the libraries.
    #[must_use]
    pub fn generations(&self) -> &[Arc<Generation>] {
        &self.slots
    }

    /// The generations to ask for pages that were rendered when they were built.
    pub(crate) fn prerendering(&self) -> impl Iterator<Item = &Arc<Generation>> {
        self.slots.iter().take(if self.prerendered { usize::MAX } else { 0 })
    }

    /// How many routes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.router.routes().len()
    }

    /// Whether there is no route at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file of the page that answers at a path.
    pub fn file_at(&self, path: &str) -> Option<&str> {
        let found = self.find(path).ok()??;
        let generation = self.slots.get(found.value.slot)?;
        generation.routes.get(found.value.route as usize).map(|route| route.file.as_str())
    }

    /// The route of a path, as `nova_routing` finds it.
    pub fn find<'t, 'p>(&'t self, path: &'p str) -> Result<Option<Match<'t, 'p, Entry>>, BadPath> {
        self.router.find(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_kept_from_the_beginning() {
        for (share, requests, expected) in [
            (0.05, 100, 5),
            (0.05, 1_000, 50),
            (0.5, 100, 50),
            (0.01, 1_000, 10),
            (1.0, 100, 100),
            (0.0, 100, 0),
        ] {
            let table = Table::default().with_canary(Table::default(), share);
            let chosen = (0..requests).filter(|_| !std::ptr::eq(table.choose(), &table)).count();
            assert!(chosen.abs_diff(expected) <= 1, "{share} of {requests}: {chosen}");
        }
    }
}
