//! The terminal of `nova dev`: one calm line for each event, on standard error. Standard output
//! carries the address alone, as with every host.
//!
//! [`Voice`] decides how much of it there is, and whether it is for people or for programs;
//! the one who reports says what happened and need not know.

mod banner;
mod json;
mod look;

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::dev::wire::message::{Problem, ProblemKind};
use crate::dev::wire::progress::Progress;
use crate::dev::wire::save::{Save, SaveOutcome};
use crate::terminal::style::DIM;

pub(crate) use self::banner::Banner;
use self::json::LogEvent;
pub(crate) use self::look::Label;

/// Who listens to the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Someone who follows along.
    #[default]
    Full,
    /// Someone who wants to hear of mistakes alone.
    Quiet,
    /// A program.
    Json,
}

/// Standard error, with a last line that may still change.
pub(crate) struct Terminal {
    voice: Voice,
    /// Whether the last line is a progress line; locked for as long as something is printed.
    progressing: Mutex<bool>,
    /// Whether there is someone to see progress.
    watched: bool,
    /// When progress was told of on a line of its own.
    told: Mutex<Option<Instant>>,
}

/// How often progress is told of where the output is not a terminal.
const AGAIN: Duration = Duration::from_secs(5);

impl Terminal {
    pub(crate) fn new(voice: Voice) -> Self {
        let watched = voice == Voice::Full && std::io::stderr().is_terminal();
        Self { voice, progressing: Mutex::new(false), watched, told: Mutex::default() }
    }

    /// The server listens.
    pub(crate) fn ready(&self, banner: &Banner, keys: bool) {
        match self.voice {
            Voice::Full => self.print(&banner.lines(keys)),
            Voice::Quiet => {}
            Voice::Json => self.event(&LogEvent::ready(banner)),
        }
    }

    /// A save that came to something.
    pub(crate) fn saved(&self, save: &Save) {
        self.failed(save, &[], "");
    }

    /// A save with its problems; `text` is what the compiler said about them.
    pub(crate) fn failed(&self, save: &Save, problems: &[Problem], text: &str) {
        let bad = matches!(save.outcome, SaveOutcome::Failed | SaveOutcome::Refused);
        match self.voice {
            Voice::Json => self.event(&LogEvent::update(save, problems, text)),
            Voice::Quiet if !bad => {}
            Voice::Full | Voice::Quiet => {
                self.print(&look::save(save, look::width()));
                if !text.is_empty() {
                    self.print(text);
                }
            }
        }
    }

    /// A handler panicked while it answered `request`, or answered with an error.
    pub(crate) fn request_failed(
        &self,
        kind: ProblemKind,
        request: &str,
        message: &str,
        location: &str,
    ) {
        let (event, label) = match kind {
            ProblemKind::Panic => (LogEvent::Panic { request, message, location }, Label::Panic),
            _ => (LogEvent::Error { request, message, location }, Label::Error),
        };
        match self.voice {
            Voice::Json => self.event(&event),
            Voice::Full | Voice::Quiet => {
                let place = if location.is_empty() { "" } else { ": " };
                let note = format!("{location}{place}{message}");
                self.print(&look::line(label, request, None, &note, look::width()));
            }
        }
    }

    /// One line: what happened to what, how long it took, and what else there is to say.
    pub(crate) fn line(&self, label: Label, subject: &str, time: Option<Duration>, note: &str) {
        let bad = matches!(label, Label::Error | Label::Refused | Label::Panic | Label::Crash);
        match self.voice {
            Voice::Json => self.event(&LogEvent::line(label, subject, note)),
            Voice::Quiet if !bad => {}
            Voice::Full | Voice::Quiet => {
                self.print(&look::line(label, subject, time, note, look::width()));
            }
        }
    }

    /// What a compiler or a tool said, as it said it.
    pub(crate) fn text(&self, text: &str) {
        match self.voice {
            Voice::Json => self.event(&LogEvent::text(text)),
            Voice::Full | Voice::Quiet => self.print(text),
        }
    }

    /// A line that the server printed: its log, which has the form that was asked for, or whatever
    /// a page prints.
    pub(crate) fn passed_on(&self, line: &str) {
        match self.voice {
            Voice::Json if !line.starts_with('{') => self.event(&LogEvent::text(line)),
            _ => self.print(line),
        }
    }

    /// What the first build is at: a line that the next one replaces, or one from time to time.
    pub(crate) fn progress(&self, progress: &Progress) {
        match self.voice {
            Voice::Quiet => {}
            _ if self.watched => {
                let mut progressing = self.lock();
                let mut out = anstream::stderr().lock();
                *progressing = true;
                let text = look::fitting(&progress.to_string(), look::width());
                let _ = write!(out, "{CLEAR}{DIM}{text}{DIM:#}").and_then(|()| out.flush());
            }
            _ if !self.is_due() => {}
            Voice::Json => self.event(&LogEvent::progress(progress)),
            Voice::Full => self.line(Label::Note, &progress.to_string(), None, ""),
        }
    }

    /// Whether progress is told of again where it stays on the screen.
    fn is_due(&self) -> bool {
        let mut told = self.told.lock();
        let is_due = told.is_none_or(|told| told.elapsed() >= AGAIN);
        if is_due {
            *told = Some(Instant::now());
        }
        is_due
    }

    /// Empties the screen, and what was scrolled off it.
    pub(crate) fn clear(&self) {
        if self.watched {
            self.print("\x1b[3J\x1b[2J\x1b[H");
        }
    }

    fn event(&self, event: &LogEvent<'_>) {
        self.print(&event.render());
    }

    fn print(&self, text: &str) {
        let mut progressing = self.lock();
        let mut out = anstream::stderr().lock();
        let clear = if std::mem::take(&mut *progressing) { CLEAR } else { "" };
        // A reader that has gone away does not end the server.
        let _ = writeln!(out, "{clear}{text}").and_then(|()| out.flush());
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, bool> {
        self.progressing.lock()
    }
}

/// Back to the beginning of the line, and nothing left on it.
const CLEAR: &str = "\r\x1b[2K";
