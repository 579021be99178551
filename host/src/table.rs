//! The route table: every route of every live library, behind the one matcher.
//!
//! A table never changes. A swap builds a new one beside it, and publishes it whole.

use std::{path::PathBuf, sync::Arc};

use nova::routing::{BadPath, Match, Pattern, Router};

use crate::generation::Generation;

/// The routes that answer now, and the generations behind them.
#[derive(Debug, Default)]
pub struct Table {
    slots: Vec<Arc<Generation>>,
    router: Router<Entry>,
}

/// Where a pattern leads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
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
    #[error("{}: {file} declares a route that is none: {reason}", .library.display())]
    Pattern { library: PathBuf, file: String, reason: String },
}

impl Table {
    /// The table of these generations, one slot each.
    ///
    /// # Errors
    /// If two of them claim one route, or one declares a pattern that is none.
    pub fn build(slots: Vec<Arc<Generation>>) -> Result<Self, TableError> {
        let mut router: Router<Entry> = Router::new();
        for (slot, generation) in slots.iter().enumerate() {
            for (index, route) in generation.routes.iter().enumerate() {
                let pattern =
                    Pattern::parse(&route.pattern).map_err(|error| TableError::Pattern {
                        library: generation.source.clone(),
                        file: route.file.to_string(),
                        reason: error.to_string(),
                    })?;
                // A library of more than four billion routes does not link.
                let entry = Entry { slot, route: u32::try_from(index).unwrap_or(u32::MAX) };
                router.insert(pattern, entry).map_err(|conflict| {
                    let file = |entry: &Entry| {
                        let generation = &slots[entry.slot];
                        let route = &generation.routes[entry.route as usize];
                        (generation.source.clone(), route.file.to_string())
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
        Ok(Self { slots, router })
    }

    /// The generations, in the order of the libraries.
    #[must_use]
    pub fn generations(&self) -> &[Arc<Generation>] {
        &self.slots
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
    #[cfg(feature = "cli")]
    pub(crate) fn file_at(&self, path: &str) -> Option<&str> {
        let found = self.find(path).ok()??;
        let generation = self.slots.get(found.value.slot)?;
        generation.routes.get(found.value.route as usize).map(|route| route.file.as_str())
    }

    /// The route of a path, as `nova::routing` finds it.
    pub(crate) fn find<'t, 'p>(
        &'t self,
        path: &'p str,
    ) -> Result<Option<Match<'t, 'p, Entry>>, BadPath> {
        self.router.find(path)
    }
}
