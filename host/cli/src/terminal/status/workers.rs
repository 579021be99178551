//! The processes that answer, where they are not the one that was asked.

use std::fmt;

use nova_host::operate::admin::{Status, WorkerStatus};

use super::{age, size};
use crate::terminal::table::Align::{Left, Right};
use crate::terminal::table::{fitting, grouped};

const HEADINGS: [&str; 7] =
    ["worker", "process", "generation", "age", "restarts", "connections", "memory"];

pub(super) fn write(f: &mut fmt::Formatter<'_>, status: &Status, width: usize) -> fmt::Result {
    if status.workers.is_empty() {
        return Ok(());
    }
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(status.workers.iter().map(row));
    let align = [Left, Right, Right, Right, Right, Right, Right];
    writeln!(f, "{}", fitting(&rows, align, width))
}

fn row(worker: &WorkerStatus) -> [String; 7] {
    let leaving = if worker.leaving { " (leaving)" } else { "" };
    [
        format!("{}{leaving}", worker.number),
        worker.pid.to_string(),
        worker.generation.to_string(),
        age(worker.age_seconds),
        grouped(worker.restarts),
        grouped(worker.connections),
        worker.process.anonymous_bytes.map(size).unwrap_or_default(),
    ]
}
