//! Places in source files, as compilers print them.

use std::fmt;

use serde::{Deserialize, Serialize};

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
