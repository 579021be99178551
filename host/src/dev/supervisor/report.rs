//! The terminal of `nova dev`: one calm line for each event, on standard error. Standard output
//! carries the address alone, as with every host.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anstyle::Style;

use crate::cli::style::{BAD, DIM, GOOD, NOTE, WARN, took};

/// What happened; the first word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// The first build serves.
    Build,
    /// A newer build serves.
    Swap,
    /// A build that is the one which serves.
    Same,
    /// The stylesheet was compiled.
    Style,
    /// Files under `public/` changed.
    Public,
    /// Something does not compile.
    Error,
    /// A library that was built is not served.
    Refused,
    /// A handler panicked.
    Panic,
    /// This process starts anew.
    Restart,
    /// Something to know.
    Note,
}

impl Label {
    fn word(self) -> (&'static str, Style) {
        match self {
            Self::Build => ("build", GOOD),
            Self::Swap => ("swap", GOOD),
            Self::Same => ("same", DIM),
            Self::Style => ("style", GOOD),
            Self::Public => ("public", GOOD),
            Self::Error => ("error", BAD),
            Self::Refused => ("refused", BAD),
            Self::Panic => ("panic", BAD),
            Self::Restart => ("restart", WARN),
            Self::Note => ("note", NOTE),
        }
    }
}

/// Standard error, with a last line that may still change.
pub(crate) struct Terminal {
    /// Whether the last line is a progress line; locked for as long as something is printed.
    progressing: Mutex<bool>,
    /// Whether there is someone to see progress.
    watched: bool,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self { progressing: Mutex::new(false), watched: std::io::stderr().is_terminal() }
    }

    /// One line: what happened to what, how long it took, and what else there is to say.
    pub(crate) fn line(&self, label: Label, subject: &str, time: Option<Duration>, note: &str) {
        self.text(&line(label, subject, time, note));
    }

    /// Text as it is.
    pub(crate) fn text(&self, text: &str) {
        let mut progressing = self.lock();
        let mut out = anstream::stderr().lock();
        let clear = if std::mem::take(&mut *progressing) { CLEAR } else { "" };
        // A reader that has gone away does not end the server.
        let _ = writeln!(out, "{clear}{text}").and_then(|()| out.flush());
    }

    /// A line that the next one replaces.
    pub(crate) fn progress(&self, text: &str) {
        if self.watched {
            let mut progressing = self.lock();
            let mut out = anstream::stderr().lock();
            *progressing = true;
            let _ = write!(out, "{CLEAR}{DIM}{text}{DIM:#}").and_then(|()| out.flush());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        self.progressing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Back to the beginning of the line, and nothing left on it.
const CLEAR: &str = "\r\x1b[2K";

fn line(label: Label, subject: &str, time: Option<Duration>, note: &str) -> String {
    let (word, style) = label.word();
    let time = time.map(took).unwrap_or_default();
    let middle = format!("{subject:<36} {time:>8}");
    let middle = if note.is_empty() { middle.trim_end() } else { &middle };
    let note = if note.is_empty() { String::new() } else { format!("  {DIM}{note}{DIM:#}") };
    format!("{style}{word:<8}{style:#} {middle}{note}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_align() {
        let ms = |milliseconds| Some(Duration::from_millis(milliseconds));
        let lines = [
            line(Label::Build, "12 routes", ms(9_840), "generation 1"),
            line(Label::Swap, "pages/index.rs", ms(412), "generation 3"),
            line(
                Label::Swap,
                "pages/some/very/long/path/of/a/page/[id].rs",
                ms(412),
                "generation 4",
            ),
            line(Label::Style, "styles/main.scss", ms(9), ""),
            line(Label::Restart, ".env", None, ""),
            line(Label::Error, "pages/index.rs", ms(380), "2 errors; generation 3 keeps serving"),
        ];
        let plain = anstream::adapter::strip_str(&lines.join("\n")).to_string();
        insta::assert_snapshot!(plain, @r"
        build    12 routes                               9.8 s  generation 1
        swap     pages/index.rs                         412 ms  generation 3
        swap     pages/some/very/long/path/of/a/page/[id].rs   412 ms  generation 4
        style    styles/main.scss                         9 ms
        restart  .env
        error    pages/index.rs                         380 ms  2 errors; generation 3 keeps serving
        ");
    }
}
