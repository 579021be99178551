//! How the lines of the terminal look.

use std::time::Duration;

use anstyle::Style;

use crate::dev::wire::phases::Phases;
use crate::dev::wire::save::{Save, SaveOutcome, Scope};
use crate::terminal::style::{BAD, DIM, GOOD, NOTE, WARN, took};
use crate::terminal::width::{self, columns};

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

/// The columns of the terminal; without one, lines are as long as they are.
pub(super) fn width() -> usize {
    width::of(std::io::stderr())
}

/// Before the subject of a line.
const INDENT: usize = 9;

/// One line: what happened to what, how long it took, and what else there is to say. What does not
/// fit beside the rest goes below.
pub(super) fn line(
    label: Label,
    subject: &str,
    time: Option<Duration>,
    note: &str,
    width: usize,
) -> String {
    let (word, style) = label.word();
    let first = |middle: &str| format!("{style}{word:<8}{style:#} {middle}");
    if time.is_none() && note.is_empty() {
        return first(&wrapped(subject, width));
    }
    let one = middle(subject, time, !note.is_empty(), width);
    match note {
        "" => first(&one),
        _ if columns(&one) + INDENT + 2 + columns(note) <= width => {
            first(&format!("{one}  {DIM}{note}{DIM:#}"))
        }
        _ => {
            let (one, below) = (one.trim_end(), wrapped(note, width));
            first(&format!("{one}\n{:INDENT$}{DIM}{below}{DIM:#}", ""))
        }
    }
}

/// Subject and time, in columns of their own where something follows.
fn middle(subject: &str, time: Option<Duration>, follows: bool, width: usize) -> String {
    let time = time.map(took).unwrap_or_default();
    let room = if width < WIDE { NARROW } else { 36 };
    let subject = shortened(subject, width.saturating_sub(INDENT + 1 + time.len().max(8)));
    let middle = format!("{subject:<room$} {time:>8}");
    if follows { middle } else { middle.trim_end().to_owned() }
}

/// On fewer columns than these subjects get less room, so that something of the phases is seen.
const WIDE: usize = 110;
const NARROW: usize = 28;

/// The text, or as much of its end as fits: of a path the file is worth most.
fn shortened(text: &str, width: usize) -> String {
    match columns(text) {
        long if long > width && width > 1 => {
            let end: String = text.chars().skip(long - (width - 1)).collect();
            format!("…{end}")
        }
        _ => text.to_owned(),
    }
}

/// The text, or as much of its beginning as fits on one line.
pub(super) fn fitting(text: &str, width: usize) -> String {
    match text.char_indices().nth(width.saturating_sub(1)) {
        Some((end, _)) if columns(text) > width => format!("{}…", text[..end].trim_end()),
        _ => text.to_owned(),
    }
}

/// The text broken between words, so that each line fits below the subject.
fn wrapped(text: &str, width: usize) -> String {
    let room = width.saturating_sub(INDENT).max(20);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && columns(&line) + 1 + columns(word) > room {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join(&format!("\n{:INDENT$}", ""))
}

/// The line of a save: with as many of its phases as fit.
pub(super) fn save(save: &Save, width: usize) -> String {
    let subject = match (&*save.subject, save.routes) {
        ("", Some(1)) => "1 route".to_owned(),
        ("", Some(routes)) => format!("{routes} routes"),
        ("", None) => "the app".to_owned(),
        (subject, _) => subject.to_owned(),
    };
    let said = match (save.outcome, save.generation) {
        (SaveOutcome::Same, _) => "nothing to swap".to_owned(),
        (SaveOutcome::Live, Some(generation)) => format!("generation {generation}"),
        (SaveOutcome::Live, None) => String::new(),
        (SaveOutcome::Failed | SaveOutcome::Refused, _) => match save.problems {
            1 => "1 error".to_owned(),
            many => format!("{many} errors"),
        },
    };
    // What was in `public/` serves at once: there is nothing to time.
    let time = (save.scope != Scope::Public).then(|| save.total());
    let used = INDENT + columns(&middle(&subject, time, true, width)) + 2;
    let mut notes = notes(&said, save);
    let note = notes.find(|note| used + columns(note) <= width).unwrap_or_default();
    line(Label::from(save), &subject, time, &note, width)
}

/// What is said of a save, and where its time went: all of it first, then less and less.
fn notes(said: &str, save: &Save) -> impl Iterator<Item = String> {
    // A part too short to be noticed is not worth a word.
    let phases: Vec<_> = Phases::NAMES
        .into_iter()
        .zip(save.phases.in_order().map(|time| time.as_millis()))
        .filter(|(_, time)| *time > 0)
        .collect();
    let longest = phases.iter().max_by_key(|(_, time)| *time).copied();
    let all = phases.iter().map(|(name, time)| format!("{name} {time}")).collect::<Vec<_>>();
    let few = longest.map(|(name, time)| format!("{name} {time}"));
    let parts = match phases.len() {
        0 | 1 => vec![],
        _ => vec![all.join(", "), few.unwrap_or_default()],
    };
    let gap = if said.is_empty() { "" } else { "  " };
    let with: Vec<_> = parts.into_iter().map(|it| format!("{said}{gap}{it}")).collect();
    with.into_iter().chain([said.to_owned()])
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
        let at = |width| {
            [
                save(&of(Code, Live, "", phases(0, 9810, 28, 2)).in_generation(1, 12), width),
                save(
                    &of(Code, Live, "pages/index.rs", phases(16, 371, 21, 4)).in_generation(3, 12),
                    width,
                ),
                save(&of(Code, Live, long, phases(16, 371, 21, 4)).in_generation(4, 12), width),
                save(&of(Code, Same, "pages/index.rs", phases(0, 371, 0, 0)), width),
                save(&of(Styles, Live, "styles/main.scss", phases(0, 9, 0, 0)), width),
                save(&of(Public, Live, "public/logo.svg", phases(0, 0, 0, 0)), width),
                line(Label::Restart, ".env", None, "", width),
                save(
                    &of(Code, Failed, "pages/index.rs", phases(0, 380, 0, 0)).with_problems(2),
                    width,
                ),
                save(&of(Code, Failed, "", phases(0, 380, 0, 0)).with_problems(1), width),
                save(&of(Code, Refused, "app.rs", phases(15, 380, 12, 0)).with_problems(1), width),
            ]
        };
        let plain = |width| anstream::adapter::strip_str(&at(width).join("\n")).to_string();
        insta::assert_snapshot!(plain(usize::MAX), @r"
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
        let narrow = plain(80);
        assert!(narrow.lines().all(|line| columns(line) <= 80), "{narrow}");
        insta::assert_snapshot!(narrow);
    }

    #[test]
    fn long_texts_are_broken_between_words() {
        let long = "pages under app.test have no overlay and no updates: other sites could use it";
        let lines = [
            line(Label::Note, long, None, "", 40),
            line(Label::Panic, "GET /fail", None, "pages/fail.rs:3:5: index out of bounds", 40),
            line(Label::Panic, "GET /", None, "pages/a.rs:3:5: no", 80),
        ];
        let plain = anstream::adapter::strip_str(&lines.join("\n")).to_string();
        insta::assert_snapshot!(plain);
        assert_eq!(fitting("compiling", 9), "compiling");
        assert_eq!(fitting("compiling x", 9), "compilin…");
    }
}
