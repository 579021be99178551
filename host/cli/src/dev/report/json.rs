//! The terminal for programs: every event is an object on a line of its own.
//!
//! `docs/dev.md` lists the events and their fields; a field may be added, and none changes its
//! meaning. What pages log through `tracing` comes between them, with `level` where these have
//! `event`.

use nova_host::process::log::timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::banner::Banner;
use super::look::Label;
use crate::dev::wire::message::Problem;
use crate::dev::wire::progress::Progress;
use crate::dev::wire::save::Save;

/// One event of a dev session.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum LogEvent<'a> {
    /// The server listens; the first build goes on.
    Ready { version: &'a str, url: &'a str, network: Option<&'a str>, ready_us: u64 },
    /// One save, and what came of it.
    Update {
        #[serde(flatten)]
        save: &'a Save,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        errors: Vec<Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A handler panicked.
    Panic { request: &'a str, message: &'a str, location: &'a str },
    /// A handler answered with an error and a status of 500 and above.
    Error { request: &'a str, message: &'a str, location: &'a str },
    /// Anything else that the terminal would have a line for; `label` is its first word.
    Line { label: &'a str, subject: &'a str, note: &'a str },
    /// What the first build is at.
    Progress {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        share: Option<f64>,
    },
    /// What a compiler or a tool said, as it said it, without colours.
    Text { text: String },
}

impl<'a> LogEvent<'a> {
    pub(super) fn ready(banner: &'a Banner) -> Self {
        Self::Ready {
            version: banner.version,
            url: &banner.url,
            network: banner.network.as_deref(),
            ready_us: crate::dev::wire::phases::micros(banner.ready),
        }
    }

    pub(super) fn update(save: &'a Save, problems: &[Problem], text: &str) -> Self {
        let errors = problems.iter().map(|problem| {
            json!({
                "kind": problem.kind,
                "title": problem.title,
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
            })
        });
        let text = (!text.is_empty()).then(|| plain(text));
        Self::Update { save, errors: errors.collect(), text }
    }

    pub(super) fn line(label: Label, subject: &'a str, note: &'a str) -> Self {
        Self::Line { label: label.word().0, subject, note }
    }

    pub(super) fn progress(progress: &Progress) -> Self {
        Self::Progress { text: progress.to_string(), share: progress.share() }
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Text { text: plain(text) }
    }

    /// The object, with the time first.
    pub(super) fn render(&self) -> String {
        #[derive(Serialize)]
        struct Timed<'a> {
            time: String,
            #[serde(flatten)]
            event: &'a LogEvent<'a>,
        }
        serde_json::to_string(&Timed { time: timestamp(), event: self })
            .expect("an event has only string keys")
    }
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text.trim_end()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::wire::message::ProblemKind;
    use crate::dev::wire::phases::Phases;
    use crate::dev::wire::save::{SaveOutcome, SavedFiles, Scope};

    /// The object without the times, which differ.
    fn steady(event: &LogEvent<'_>) -> Value {
        let mut value: Value = serde_json::from_str(&event.render()).expect("JSON");
        let object = value.as_object_mut().expect("an object");
        let time = object.remove("time").expect("a time");
        assert!(time.as_str().is_some_and(|time| time.ends_with('Z')), "{time}");
        object.remove("at_ms");
        value
    }

    #[test]
    fn an_update_has_its_phases_and_its_errors() {
        let phases = Phases { watch_us: 15_000, compile_us: 120_000, ..Phases::default() };
        let save = Save::now(Scope::Code, SaveOutcome::Failed, SavedFiles::default(), phases)
            .with_problems(1);
        let problem = Problem::new(ProblemKind::Compile, "no such thing", "").at(
            "pages/a.rs",
            Some(3),
            Some(9),
        );
        let event = LogEvent::update(&save, &[problem], "\x1b[31merror\x1b[0m: no such thing\n");
        assert_eq!(
            steady(&event),
            json!({
                "event": "update", "scope": "code", "outcome": "failed", "subject": "", "files": [],
                "phases": { "watch_us": 15_000, "compile_us": 120_000, "link_us": 0, "load_us": 0, "swap_us": 0 },
                "total_us": 135_000, "generation": null, "routes": null, "problems": 1,
                "errors": [{ "kind": "compile", "title": "no such thing", "file": "pages/a.rs", "line": 3, "column": 9 }],
                "text": "error: no such thing",
            })
        );
    }

    #[test]
    fn other_events_have_a_name_each() {
        let panic = LogEvent::Panic { request: "GET /", message: "no", location: "pages/a.rs:1:2" };
        assert_eq!(
            steady(&panic),
            json!({ "event": "panic", "request": "GET /", "message": "no", "location": "pages/a.rs:1:2" })
        );
        assert_eq!(
            steady(&LogEvent::line(Label::Restart, ".env", "")),
            json!({ "event": "line", "label": "restart", "subject": ".env", "note": "" })
        );
        assert_eq!(
            steady(&LogEvent::progress(&Progress::App)),
            json!({ "event": "progress", "text": "compiling the app" })
        );
        assert_eq!(
            steady(&LogEvent::text("\x1b[1mwarning\x1b[0m: unused\n")),
            json!({ "event": "text", "text": "warning: unused" })
        );
    }
}
