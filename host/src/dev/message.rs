//! What `nova dev` tells the browser: the vocabulary that `client.js` understands.

use serde::Serialize;

use super::ansi;

/// One event on `/__nova/events`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Message {
    /// What serves now: the first event of every connection.
    Hello { version: Option<String>, style: Option<String> },
    /// Another version answers; a page served by an older one reloads.
    Reload { version: String },
    /// The stylesheet has a new address.
    Css { href: String },
    /// Everything that is wrong at present.
    Error { problems: Vec<Problem> },
    /// Nothing is wrong any more.
    Ok,
    /// A handler panicked just now.
    Panic { problem: Problem },
    /// How far the first build is.
    Progress { text: String },
}

/// What a problem is about; the overlay shows it as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
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
}

/// One entry of the overlay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    kind: Kind,
    title: String,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    /// Escaped here, so that the browser may insert it as it is.
    html: String,
}

impl Problem {
    /// `text` is what the terminal would show, with its colours.
    pub(crate) fn new(kind: Kind, title: impl Into<String>, text: &str) -> Self {
        Self {
            kind,
            title: title.into(),
            file: None,
            line: None,
            column: None,
            html: ansi::to_html(text.trim_end()),
        }
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
