//! Pages that were rendered when the release was built.
//!
//! They belong to one release, and are held in memory by its generation: what replaces a release
//! replaces them, and what is written into its folder meanwhile is not seen.

use std::collections::HashMap;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::library::digest::hex;

/// The pages of a release, by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Prerendered(HashMap<String, PrerenderedPage>);

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub struct PrerenderedPage {
    /// The document.
    pub html: Bytes,
    /// Its entity tag, with the quotation marks.
    pub tag: String,
}

impl Prerendered {
    /// Adds the page at a path.
    pub(crate) fn add(&mut self, path: String, html: Bytes) {
        let tag = format!("\"{}\"", hex(&Sha256::digest(&html)[..8]));
        self.0.insert(path, PrerenderedPage { html, tag });
    }

    /// The page at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&PrerenderedPage> {
        self.0.get(path)
    }

    /// Whether there is one at a path.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
