//! The generations that serve, stand by or have served, and the canary among them.

use std::fmt;

use nova_host::operate::admin::{GenerationStatus, Status};
use nova_host::swap::{GenerationState, percent};

use super::{age, short};
use crate::terminal::table::Align::{self, Left, Right};
use crate::terminal::table::{fitting, grouped};
use crate::terminal::width::words;

const HEADINGS: [&str; 9] =
    ["generation", "state", "build", "swap", "in flight", "requests", "errors", "age", "release"];

const ALIGN: [Align; 9] = [Right, Left, Left, Left, Right, Right, Right, Right, Left];

pub(super) fn write(f: &mut fmt::Formatter<'_>, status: &Status, width: usize) -> fmt::Result {
    if status.generations.is_empty() {
        writeln!(f, "no generation has served yet")?;
    } else {
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(status.generations.iter().rev().map(row));
        f.write_str(&fitting(&rows, ALIGN, width))?;
    }
    writeln!(f)?;
    let Some(canary) = &status.canary else { return Ok(()) };
    let sentence = format!(
        "canary: build {} of generation {} answers {} of the requests for {} more",
        short(&canary.build_id),
        canary.generation,
        percent(canary.share),
        age(canary.left_seconds)
    );
    writeln!(f, "{}\n", words(&sentence, width))
}

fn row(generation: &GenerationStatus) -> [String; 9] {
    let errors = generation.server_errors.max(generation.panics);
    [
        generation.id.to_string(),
        match generation.state {
            GenerationState::Live => "live",
            GenerationState::Canary => "canary",
            GenerationState::Draining => "draining",
            GenerationState::Standby => "standby",
            GenerationState::Retired => "retired",
        }
        .to_owned(),
        short(&generation.build_id),
        generation.mode.to_string(),
        grouped(generation.in_flight),
        grouped(generation.requests),
        grouped(errors),
        age(generation.age_seconds),
        generation.source.display().to_string(),
    ]
}
