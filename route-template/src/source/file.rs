//! A source file as a value: the pure parts of the crate work on these, never on the disk.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::sha256;
use crate::source::items::Items;

/// A file of the app: its path from the app's folder, and what reading it gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the app's folder, with `/` between its parts: `pages/users/[id].rs`.
    pub path: String,
    /// What is in it, or why it could not be read.
    pub(crate) content: Result<Arc<Content>, String>,
}

/// What a text comes to: all that this crate wants to know of it, so that it need not be read
/// again, nor kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) sha256: String,
    pub(crate) items: Items,
}

impl Content {
    /// Reads a text.
    pub(crate) fn of(text: &str) -> Self {
        Self { sha256: sha256(text.as_bytes()), items: Items::read(text) }
    }
}

impl SourceFile {
    /// A file of this text.
    pub fn new(path: impl Into<String>, text: impl AsRef<str>) -> Self {
        Self { path: path.into(), content: Ok(Arc::new(Content::of(text.as_ref()))) }
    }

    /// The SHA-256 of the text, in hex; none if it could not be read.
    pub fn sha256(&self) -> Option<&str> {
        self.content.as_ref().ok().map(|content| content.sha256.as_str())
    }
}
