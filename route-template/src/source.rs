//! A source file as a value: the pure parts of the crate work on these, never on the disk.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::items::Items;
use crate::manifest::sha256;

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

/// A place in a source file, counted from one as compilers print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// The place where a span of the parsed text begins.
    pub(crate) fn of(span: proc_macro2::Span) -> Self {
        let start = span.start();
        Self { line: start.line, column: start.column + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A place in a file of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Path from the app's folder, or absolute if it is elsewhere.
    pub file: String,
    /// The place in it.
    #[serde(flatten)]
    pub position: Position,
    /// The function that stands there, where a whole function is meant.
    pub function: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.position)
    }
}
