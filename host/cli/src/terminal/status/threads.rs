//! The threads that pages do not let go of.

use std::fmt;

use nova_host::operate::admin::Status;

use super::age;
use crate::terminal::width::words;

pub(super) fn write(f: &mut fmt::Formatter<'_>, status: &Status, width: usize) -> fmt::Result {
    for held in &status.held {
        let (activity, since) = (&held.activity, age(held.seconds));
        let generation = held.generation;
        let sentence =
            format!("{activity} holds a thread, for {since}, in generation {generation}");
        writeln!(f, "{}", words(&sentence, width))?;
    }
    if status.held.is_empty() { Ok(()) } else { writeln!(f) }
}
