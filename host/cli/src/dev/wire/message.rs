//! What `nova dev` tells the browser: the vocabulary that `client.js` understands.

use serde::{Deserialize, Serialize};

use super::public_file::PublicFile;
use crate::terminal::ansi;

/// One event on `/__nova/events`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Message {
    /// What serves now: the first event of every connection.
    Hello { version: Option<String>, style: Option<String> },
    /// Another version answers; a page served by an older one reloads.
    Reload { version: String },
    /// These public files are others; where none is named, any of them may be.
    Public { version: String, files: Vec<PublicFile> },
    /// The stylesheet has a new address.
    Css { href: String },
    /// Everything that is wrong at present.
    Error { problems: Vec<Problem> },
    /// Nothing is wrong any more.
    Ok,
    /// A handler panicked just now, or answered with an error.
    Panic { problem: Problem },
    /// How far the first build is.
    Progress { text: String, share: Option<f64> },
    /// What the dev page shows has changed.
    State,
    /// Something to know; shown once.
    Note { text: String },
}

/// What a problem is about; the overlay shows it as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProblemKind {
    /// rustc or cargo refused the code.
    Compile,
    /// The stylesheet does not compile.
    Style,
    /// The folder of pages or a setting is wrong.
    App,
    /// The library was built, but did not load or initialise.
    Load,
    /// A handler panicked.
    Panic,
    /// A handler answered with an error and a status of 500 and above.
    Error,
    /// A page ended the server.
    Crash,
}

/// One entry of the overlay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    pub(crate) title: String,
    /// From the app's folder.
    pub(crate) file: Option<String>,
    pub(crate) line: Option<usize>,
    pub(crate) column: Option<usize>,
    /// What was being answered, such as `GET /users`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
    /// Escaped here, so that the browser may insert it as it is.
    pub(crate) html: String,
}

impl Problem {
    /// `text` is what the terminal would show, with its colours.
    pub(crate) fn new(kind: ProblemKind, title: impl Into<String>, text: &str) -> Self {
        Self {
            kind,
            title: title.into(),
            file: None,
            line: None,
            column: None,
            request: None,
            html: ansi::to_html(text.trim_end()),
        }
    }

    /// A message whose first line says it and whose other lines explain it.
    pub(crate) fn of_message(kind: ProblemKind, message: &str) -> Self {
        let (title, text) = message.split_once('\n').unwrap_or((message, ""));
        Self::new(kind, title, text)
    }

    /// The request that met it.
    pub(crate) fn during(mut self, request: impl Into<String>) -> Self {
        self.request = Some(request.into());
        self
    }

    /// Where it is, by file and one-based line and column.
    pub(crate) fn at(
        mut self,
        file: impl Into<String>,
        line: Option<usize>,
        column: Option<usize>,
    ) -> Self {
        self.file = Some(file.into());
        (self.line, self.column) = (line, column);
        self
    }
}
