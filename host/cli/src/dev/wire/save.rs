//! One save, and what came of it.
//!
//! The same record is a line in the terminal, an object in the JSON log and a bar of the chart on
//! the dev page, so that the three never disagree.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::phases::{Phases, micros};

/// Which part of the app was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Rust, and what cargo reads.
    Code,
    /// The stylesheet.
    Styles,
    /// Files under `public/`.
    Public,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SaveOutcome {
    /// It serves.
    Live,
    /// What was built is what serves already.
    Same,
    /// It does not compile.
    Failed,
    /// It compiled, and was not fit to serve.
    Refused,
}

/// The files of a save; none at the first build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SavedFiles {
    /// All of them in a few words.
    pub(crate) headline: String,
    /// Their paths, from the app's folder.
    pub(crate) files: Vec<String>,
}

/// One save; the first build of a session is one without files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Save {
    /// When it was over, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// What was saved.
    pub(crate) scope: Scope,
    /// What came of it.
    pub(crate) outcome: SaveOutcome,
    /// The files in a few words; empty for the first build.
    pub(crate) subject: String,
    /// The files, from the app's folder.
    pub(crate) files: Vec<String>,
    /// Where the time went.
    pub(crate) phases: Phases,
    /// From the write of the file to the end, in microseconds; at least the sum of the phases.
    pub(crate) total_us: u64,
    /// The generation that serves it.
    pub(crate) generation: Option<u64>,
    /// How many routes that has.
    pub(crate) routes: Option<u64>,
    /// How many problems it has.
    pub(crate) problems: u64,
}

impl Save {
    /// What came of saved files, just now.
    pub(crate) fn now(
        scope: Scope,
        outcome: SaveOutcome,
        saved: impl Into<SavedFiles>,
        phases: Phases,
    ) -> Self {
        let SavedFiles { headline, files } = saved.into();
        Self {
            at_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| micros(since) / 1000),
            scope,
            outcome,
            subject: headline,
            files,
            phases,
            total_us: micros(phases.total()),
            generation: None,
            routes: None,
            problems: 0,
        }
    }

    /// The same with the generation that serves it.
    pub(crate) fn in_generation(mut self, generation: u64, routes: usize) -> Self {
        (self.generation, self.routes) = (Some(generation), Some(routes as u64));
        self
    }

    /// The same with a number of problems.
    pub(crate) fn with_problems(mut self, count: usize) -> Self {
        self.problems = count as u64;
        self
    }

    /// From the write of the file to the end.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_micros(self.total_us)
    }
}
