//! The last rollback, and the last candidate that was refused.

use std::fmt;

use nova_host::operate::admin::Status;

use super::{age, short};
use crate::terminal::width::words;

pub(super) fn write(f: &mut fmt::Formatter<'_>, status: &Status, width: usize) -> fmt::Result {
    if let Some(rollback) = &status.last_rollback {
        let by = if rollback.automatic { "by itself" } else { "as told" };
        let (ago, from, to) =
            (age(rollback.age_seconds), short(&rollback.from), short(&rollback.to));
        let sentence = format!("last rollback, {ago} ago, {by}: from {from} to {to}");
        writeln!(f, "\n{}", words(&sentence, width))?;
        writeln!(f, "{}", words(&format!("  {}", rollback.reason), width))?;
    }
    if let Some(refusal) = &status.last_refusal {
        writeln!(f, "\nlast refused, {} ago:", age(refusal.age_seconds))?;
        for line in refusal.message.lines() {
            writeln!(f, "{}", words(&format!("  {line}"), width))?;
        }
    }
    Ok(())
}
