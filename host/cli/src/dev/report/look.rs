//! How the lines of the terminal look.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::Style;

use crate::dev::wire::phases::Phases;
use crate::dev::wire::save::{Save, SaveOutcome, Scope};
use crate::terminal::style::{BAD, DIM, GOOD, NOTE, WARN, took};

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
    /// Something does not compile, or a handler answered with an error.
    Error,
    /// A library that was built is not served.
    Refused,
    /// A handler panicked.
    Panic,
    /// A page ended the server.
    Crash,
    /// The server starts anew.
    Restart,
    /// Something to know.
    Note,
}

impl Label {
    /// The word, and how it looks.
    pub(super) fn word(self) -> (&'static str, Style) {
        match self {
            Self::Build => ("build", GOOD),
            Self::Swap => ("swap", GOOD),
            Self::Same => ("same", DIM),
            Self::Style => ("style", GOOD),
            Self::Public => ("public", GOOD),
            Self::Error => ("error", BAD),
            Self::Refused => ("refused", BAD),
            Self::Panic => ("panic", BAD),
            Self::Crash => ("crash", BAD),
            Self::Restart => ("restart", WARN),
            Self::Note => ("note", NOTE),
        }
    }
}

impl From<&Save> for Label {
    fn from(save: &Save) -> Self {
        match (save.outcome, save.scope) {
            (SaveOutcome::Failed, _) => Self::Error,
            (SaveOutcome::Refused, _) => Self::Refused,
            (SaveOutcome::Same, _) => Self::Same,
            (SaveOutcome::Live, Scope::Styles) => Self::Style,
            (SaveOutcome::Live, Scope::Public) => Self::Public,
            (SaveOutcome::Live, Scope::Code) if save.files.is_empty() => Self::Build,
            (SaveOutcome::Live, Scope::Code) => Self::Swap,
        }
    }
}

/// One line: what happened to what, how long it took, and what else there is to say.
pub(super) fn line(label: Label, subject: &str, time: Option<Duration>, note: &str) -> String {
    let (word, style) = label.word();
    let time = time.map(took).unwrap_or_default();
    let middle = format!("{subject:<36} {time:>8}");
    let middle = if note.is_empty() { middle.trim_end() } else { &middle };
    let note = if note.is_empty() { String::new() } else { format!("  {DIM}{note}{DIM:#}") };
    format!("{style}{word:<8}{style:#} {middle}{note}")
}

/// The line of a save.
pub(super) fn save(save: &Save) -> String {
    let subject = match (&*save.subject, save.routes) {
        ("", Some(routes)) => format!("{routes} routes"),
        ("", None) => "the app".to_owned(),
        (subject, _) => subject.to_owned(),
    };
    let mut note = match (save.outcome, save.generation) {
        (SaveOutcome::Same, _) => "nothing to swap".to_owned(),
        (SaveOutcome::Live, Some(generation)) => format!("generation {generation}"),
        (SaveOutcome::Live, None) => String::new(),
        (SaveOutcome::Failed | SaveOutcome::Refused, _) => match save.problems {
            1 => "1 error".to_owned(),
            many => format!("{many} errors"),
        },
    };
    // A part too short to be noticed is not worth a word.
    let mut phases = Phases::NAMES
        .iter()
        .zip(save.phases.in_order())
        .filter(|(_, time)| time.as_millis() > 0)
        .peekable();
    if phases.clone().count() > 1 {
        note.push_str(if note.is_empty() { "" } else { "  " });
        while let Some((name, time)) = phases.next() {
            let comma = if phases.peek().is_some() { ", " } else { "" };
            let _ = write!(note, "{name} {}{comma}", time.as_millis());
        }
    }
    // What was in `public/` serves at once: there is nothing to time.
    let time = (save.scope != Scope::Public).then(|| save.total());
    line(Label::from(save), &subject, time, &note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::watch::change::{Change, ChangeKind};

    fn of(scope: Scope, outcome: SaveOutcome, path: &str, phases: Phases) -> Save {
        let change = Change { path: path.into(), kind: ChangeKind::Edited };
        let changes: Vec<_> = (!path.is_empty()).then_some(change).into_iter().collect();
        Save::now(scope, outcome, &changes, phases)
    }

    #[test]
    fn lines_align() {
        use SaveOutcome::{Failed, Live, Refused, Same};
        use Scope::{Code, Public, Styles};
        let phases = |watch: u64, compile: u64, load: u64, swap: u64| Phases {
            watch_us: watch * 1000,
            compile_us: compile * 1000,
            link_us: 0,
            load_us: load * 1000,
            swap_us: swap * 1000,
        };
        let long = "pages/some/very/long/path/of/a/page/[id].rs";
        let lines = [
            save(&of(Code, Live, "", phases(0, 9810, 28, 2)).in_generation(1, 12)),
            save(&of(Code, Live, "pages/index.rs", phases(16, 371, 21, 4)).in_generation(3, 12)),
            save(&of(Code, Live, long, phases(16, 371, 21, 4)).in_generation(4, 12)),
            save(&of(Code, Same, "pages/index.rs", phases(0, 371, 0, 0))),
            save(&of(Styles, Live, "styles/main.scss", phases(0, 9, 0, 0))),
            save(&of(Public, Live, "public/logo.svg", phases(0, 0, 0, 0))),
            line(Label::Restart, ".env", None, ""),
            save(&of(Code, Failed, "pages/index.rs", phases(0, 380, 0, 0)).with_problems(2)),
            save(&of(Code, Failed, "", phases(0, 380, 0, 0)).with_problems(1)),
            save(&of(Code, Refused, "app.rs", phases(15, 380, 12, 0)).with_problems(1)),
        ];
        let plain = anstream::adapter::strip_str(&lines.join("\n")).to_string();
        insta::assert_snapshot!(plain, @r"
        build    12 routes                               9.8 s  generation 1  compile 9810, load 28, swap 2
        swap     pages/index.rs                         412 ms  generation 3  watch 16, compile 371, load 21, swap 4
        swap     pages/some/very/long/path/of/a/page/[id].rs   412 ms  generation 4  watch 16, compile 371, load 21, swap 4
        same     pages/index.rs                         371 ms  nothing to swap
        style    styles/main.scss                         9 ms
        public   public/logo.svg
        restart  .env
        error    pages/index.rs                         380 ms  2 errors
        error    the app                                380 ms  1 error
        refused  app.rs                                 407 ms  1 error  watch 15, compile 380, load 12
        ");
    }
}
