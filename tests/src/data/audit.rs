//! What was acknowledged beside what is there.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Deserialize;

use super::writers::{Acknowledged, Seen};

/// All that an app holds, as its page `/orders` lists it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Orders {
    /// `ok`, or what is wrong with the database.
    pub integrity: String,
    /// Number and key of each order.
    pub rows: Vec<(u64, u64)>,
}

/// What has come of the orders.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audit {
    /// How many were acknowledged.
    pub acknowledged: usize,
    /// How many of them are not there, or not under the number that was told.
    pub lost: usize,
    /// How many numbers were told to more than one, or are there more than once.
    pub doubled: usize,
    /// `ok`, or what is wrong with the database.
    pub integrity: String,
    /// What went wrong with those that were not acknowledged.
    pub failures: Vec<String>,
    /// How long the acknowledged ones took.
    pub waits: Waits,
}

/// How long orders took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waits {
    /// Half of them at most.
    pub p50: f64,
    /// 99 of 100 at most.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Audit {
    /// Compares what the writers were told with what is there.
    #[must_use]
    pub fn of(seen: Seen, orders: &Orders) -> Self {
        let there: HashSet<&(u64, u64)> = orders.rows.iter().collect();
        let missing = |it: &&Acknowledged| !there.contains(&(it.number, it.key));
        let lost = seen.acknowledged.iter().filter(missing).count();
        let told = repeated(seen.acknowledged.iter().map(|order| order.number));
        let stored = repeated(orders.rows.iter().map(|row| row.0));
        Self {
            acknowledged: seen.acknowledged.len(),
            lost,
            doubled: told.max(stored),
            integrity: orders.integrity.clone(),
            failures: seen.failures,
            waits: Waits::of(seen.waits),
        }
    }

    /// Whether all that was acknowledged is there, once, in a whole database.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.integrity == "ok" && self.acknowledged > 0
    }
}

/// How many values come again.
fn repeated(values: impl Iterator<Item = u64>) -> usize {
    let mut counts = HashMap::new();
    for value in values {
        *counts.entry(value).or_insert(0_usize) += 1;
    }
    counts.values().map(|count| count - 1).sum()
}

impl Waits {
    fn of(mut waits: Vec<f64>) -> Self {
        waits.sort_by(f64::total_cmp);
        let at = |hundredth: usize| {
            let last = waits.len().saturating_sub(1);
            waits.get(last * hundredth / 100).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99), max: at(100) }
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7.1}{:>8.1}{:>8.1}", self.p50, self.p99, self.max)
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, lost, doubled, failures, waits, .. } = self;
        let failed = failures.len();
        write!(f, "{acknowledged:>8}{lost:>6}{doubled:>8}{failed:>8}{waits}  ")?;
        // Of a database that is broken the first fault says enough.
        f.write_str(self.integrity.split(';').next().unwrap_or_default())
    }
}
