//! What a swap did, and how many there were.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nova_abi::SwapMode;
use serde::{Deserialize, Serialize};

use super::{SwapError, Waits};
use crate::generation::{Generation, GenerationId};
use crate::library::loader::BuildId;
use crate::release::swap_plan;

/// What a swap did, with the time of each step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SwapReport {
    /// The generation that serves now.
    pub generation: GenerationId,
    /// Its build id.
    pub build_id: BuildId,
    /// The generation that it replaced.
    pub replaced: Option<GenerationId>,
    /// How many routes it has.
    pub routes: usize,
    /// The folder of public files to serve with it.
    #[serde(default)]
    pub public: Option<PathBuf>,
    /// What is to be said of routes that did not do well in the preflight, or were not asked.
    pub unwell: Vec<String>,
    /// What went wrong without keeping it from serving.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What becomes of it when the host starts again, where that is not what its settings name.
    #[serde(default)]
    pub after_restart: Option<String>,
    /// The preflight, in microseconds; 0 without one.
    pub preflight_us: u64,
    /// Copying, mapping and checking the library, in microseconds.
    pub load_us: u64,
    /// `init`, in microseconds.
    pub init_us: u64,
    /// From the candidate's reading to the publish, in microseconds.
    pub total_us: u64,
    /// How it was done.
    #[serde(default, with = "swap_plan::as_text")]
    pub mode: SwapMode,
    /// For how long requests had to wait; none where the door was not held.
    #[serde(default)]
    pub held: Option<Box<HeldReport>>,
    /// What is said of the state of the generation before, if it is lost.
    #[serde(default)]
    pub state_lost: Option<String>,
}

/// For how long the door was held, and who waited; times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldReport {
    /// From the moment from which requests had to wait to that in which they went on.
    pub held_us: u64,
    /// How many requests waited.
    pub waited: u64,
    /// How long half of them waited at most.
    pub median_us: u64,
    /// How long the first one waited.
    pub longest_us: u64,
    /// How many were turned away, because too many waited.
    pub turned_away: u64,
}

impl SwapReport {
    /// A swap to this generation, which began at `began` and had no other steps.
    #[must_use]
    pub fn of(generation: &Generation, began: Instant) -> Self {
        Self {
            generation: generation.id,
            build_id: generation.build_id().clone(),
            replaced: None,
            routes: generation.routes.len(),
            public: None,
            unwell: Vec::new(),
            warnings: Vec::new(),
            after_restart: None,
            preflight_us: 0,
            load_us: 0,
            init_us: 0,
            total_us: micros(began),
            mode: SwapMode::Overlap,
            held: None,
            state_lost: None,
        }
    }

    /// Notes that the door was held for so long, and who waited.
    pub(super) fn held(&mut self, held: Duration, waits: &Waits) {
        self.held = Some(Box::new(HeldReport::new(held, waits)));
    }
}

impl HeldReport {
    /// The door was held for so long, and these waited.
    pub(crate) fn new(held: Duration, waits: &Waits) -> Self {
        Self {
            held_us: in_micros(held),
            waited: waits.count,
            median_us: in_micros(waits.median),
            longest_us: in_micros(waits.longest),
            turned_away: waits.turned_away,
        }
    }
}

impl fmt::Display for HeldReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |us: u64| Duration::from_micros(us).as_secs_f64() * 1e3;
        let (held, waited) = (ms(self.held_us), self.waited);
        write!(f, "the door was held for {held:.1} ms, {waited} requests waited")?;
        if waited > 0 {
            write!(f, ", at most {:.1} ms", ms(self.longest_us))?;
        }
        match self.turned_away {
            0 => Ok(()),
            count => write!(f, ", {count} were turned away"),
        }
    }
}

/// How many swaps were published, and how many candidates refused.
#[derive(Debug, Default)]
pub(super) struct SwapTotals {
    published: AtomicU64,
    refused: AtomicU64,
}

impl SwapTotals {
    /// Counts how a swap ended.
    pub(super) fn count(&self, result: &Result<SwapReport, SwapError>) {
        match result {
            Ok(_) => self.published.fetch_add(1, Ordering::Relaxed),
            Err(SwapError::AlreadyLive { .. }) => 0,
            Err(_) => self.refused.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// Counts a swap that another part of the host has done.
    pub(super) fn published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a candidate that another part of the host has refused.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Swaps that were published, and candidates that were refused.
    pub(super) fn get(&self) -> (u64, u64) {
        (self.published.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    /// Goes on from these.
    pub(super) fn set(&self, (published, refused): (u64, u64)) {
        self.published.store(published, Ordering::Relaxed);
        self.refused.store(refused, Ordering::Relaxed);
    }
}

/// Microseconds since a moment.
pub(super) fn micros(since: Instant) -> u64 {
    in_micros(since.elapsed())
}

fn in_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
