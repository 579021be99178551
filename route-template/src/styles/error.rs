//! Why there is no stylesheet, in words and with the line.

use std::io;

use crate::source::place::{Place, Position};

/// Why there is no stylesheet.
#[derive(Debug, thiserror::Error)]
pub enum StyleError {
    /// A mistake in a file.
    #[error("{rendered}")]
    Mistake {
        /// The first line of what the compiler said.
        message: String,
        /// Where the mistake is, if that is known.
        place: Option<Place>,
        /// The message, with the line, a mark below it, and help if there is any.
        rendered: String,
    },
    /// Two files whose names differ in their endings.
    #[error("{first} and {second} are one stylesheet written twice: remove or rename one of them")]
    Twice {
        /// One file, from the app's folder.
        first: String,
        /// The other.
        second: String,
    },
    /// A file or the folder cannot be read.
    #[error("{file} cannot be read")]
    Unreadable {
        /// The file or folder, from the app's folder.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A compiler gave up in a way that it does not explain.
    #[error("the stylesheet compiler failed on {file}: {message}{help}")]
    Crashed {
        /// The file, from the app's folder.
        file: String,
        /// What it panicked with.
        message: String,
        /// What can be done, on a line of its own.
        help: &'static str,
    },
}

impl StyleError {
    pub(super) fn not_utf8(file: &str) -> Self {
        let message = "the file is not UTF-8".to_owned();
        Self::Mistake { message, place: None, rendered: format!("{file} is not UTF-8") }
    }

    /// A mistake at a place of `text`, which `file` holds or has become.
    pub(super) fn at(file: &str, text: &str, position: Position, message: String) -> Self {
        let line = text.lines().nth(position.line - 1).unwrap_or_default();
        let (line, column) = excerpt(line, position.column);
        let number = position.line.to_string();
        let margin = " ".repeat(number.len());
        let mark = format!("{}^", " ".repeat(column - 1));
        let rendered = format!(
            "Error: {message}\n{margin} ╷\n{number} │ {line}\n{margin} │ {mark}\n{margin} ╵\n\
             {file}:{}:{}",
            position.line, position.column
        );
        let place = Some(Place { file: file.to_owned(), position, function: None });
        Self::Mistake { message, place, rendered }
    }

    /// The same with a way out.
    pub(super) fn with_help(self, help: &str) -> Self {
        match self {
            Self::Mistake { message, place, rendered } => {
                Self::Mistake { message, place, rendered: format!("{rendered}\nhelp: {help}") }
            }
            other => other,
        }
    }
}

/// What fits a terminal of a line, which is all of the file if that was minified; and the column
/// in it.
fn excerpt(line: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 72;
    let column = column.clamp(1, line.chars().count() + 1);
    let skipped = column.saturating_sub(WIDTH / 2 + 1);
    let skipped = if line.chars().count() <= WIDTH { 0 } else { skipped };
    (line.chars().skip(skipped).take(WIDTH).collect(), column - skipped)
}
