//! How far the first build is, in the words of terminal and browser.

use nova_route_template::Event;
use serde::{Deserialize, Serialize};

/// What is being done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Progress {
    /// Cargo looks for the dependencies; its own words.
    Fetching(String),
    /// The dependencies are compiled: how many are ready, of how many if that is known, and the
    /// latest.
    Dependencies { ready: usize, total: Option<usize>, latest: String },
    /// The app itself is compiled.
    App,
}

impl Progress {
    /// What an event of cargo says of it.
    pub(crate) fn of(event: Event) -> Option<Self> {
        match event {
            Event::Compiled { name, fresh: false, ready, total } => {
                Some(Self::Dependencies { ready, total, latest: name })
            }
            // What it waits for or downloads; what it compiles is counted.
            Event::Line(line) if line.trim_start().starts_with(['B', 'D', 'U', 'L']) => {
                Some(Self::Fetching(line.trim().to_owned()))
            }
            _ => None,
        }
    }

    /// The part of it that is done, from 0 to 1.
    pub(crate) fn share(&self) -> Option<f64> {
        match self {
            Self::Dependencies { ready, total: Some(total), .. } => {
                Some(*ready as f64 / (*total).max(1) as f64)
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fetching(words) => write!(f, "looking for dependencies: {words}"),
            Self::Dependencies { ready, total: Some(total), latest } => {
                write!(f, "compiling dependencies, {ready} of {total}: {latest}")
            }
            Self::Dependencies { ready, total: None, latest } => {
                write!(f, "compiling dependencies, {ready} are ready: {latest}")
            }
            Self::App => write!(f, "compiling the app"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_has_its_words() {
        let compiled = |fresh, total| {
            Progress::of(Event::Compiled { name: "serde".into(), fresh, ready: 3, total })
        };
        let line = |line: &str| Progress::of(Event::Line(line.into()));
        let said: Vec<_> = [
            compiled(false, Some(12)),
            compiled(false, None),
            compiled(true, Some(12)),
            line("    Updating crates.io index"),
            line("   Compiling serde v1.0.0"),
            Some(Progress::App),
        ]
        .into_iter()
        .map(|it| it.map(|it| format!("{it} {:?}", it.share())).unwrap_or_default())
        .collect();
        assert_eq!(
            said,
            [
                "compiling dependencies, 3 of 12: serde Some(0.25)",
                "compiling dependencies, 3 are ready: serde None",
                "",
                "looking for dependencies: Updating crates.io index None",
                "",
                "compiling the app None",
            ]
        );
    }
}
