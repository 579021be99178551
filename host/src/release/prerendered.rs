//! Pages that were rendered when the release was built.
//!
//! They belong to one release, and are held in memory by its generation: whoever replaces a release
//! replaces them, and what is written into its folder meanwhile is not seen.

use std::collections::HashMap;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// The pages of a release, by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Prerendered(HashMap<String, Page>);

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) html: Bytes,
    /// Its entity tag, in quotes.
    pub(crate) tag: String,
}

impl Prerendered {
    /// Adds the page at a path.
    pub(crate) fn add(&mut self, path: String, html: Bytes) {
        let digest = Sha256::digest(&html);
        let digits: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.insert(path, Page { html, tag: format!("\"{digits}\"") });
    }

    /// The page at a path.
    pub(crate) fn page(&self, path: &str) -> Option<&Page> {
        self.0.get(path)
    }

    /// Whether there is one at a path.
    pub fn holds(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
