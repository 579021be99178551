//! What was counted, what the process takes, and how long requests had to wait.

use std::fmt;
use std::time::Duration;

use nova_host::operate::admin::{Status, WaitStatus};

use super::size;
use crate::terminal::table::grouped;
use crate::terminal::width::{items, words};

pub(super) fn write(f: &mut fmt::Formatter<'_>, status: &Status, width: usize) -> fmt::Result {
    let counts = [
        (status.loads, "library loaded", "libraries loaded"),
        (status.published, "swap", "swaps"),
        (status.rollbacks, "rollback", "rollbacks"),
        (status.refused, "refused", "refused"),
        (status.connections, "connection", "connections"),
    ];
    // It happens where a page is wrong.
    let holds = (status.holds > 0).then_some((status.holds, "thread held", "threads held"));
    let counts = counts.into_iter().chain(holds);
    let counts = counts.map(|(count, one, many)| counted(count, one, many));
    writeln!(f, "{}", items(counts, width))?;
    let (process, budget) = (&status.process, &status.budget);
    let numbers = [
        process
            .anonymous_bytes
            .map(|bytes| format!("{} of anonymous memory{}", size(bytes), of(budget.memory, size))),
        process
            .mappings
            .map(|count| format!("{} mappings{}", grouped(count), of(budget.mappings, grouped))),
        process.threads.map(|count| counted(count, "thread", "threads")),
        process.descriptors.map(|count| counted(count, "descriptor", "descriptors")),
    ];
    let numbers = items(numbers.into_iter().flatten(), width);
    if !numbers.is_empty() {
        writeln!(f, "{numbers}")?;
    }
    if status.waits.holds > 0 {
        writeln!(f, "{}", words(&door(&status.waits), width))?;
    }
    Ok(())
}

/// How long the door was held, and for whom.
fn door(waits: &WaitStatus) -> String {
    let holds = counted(waits.holds, "time", "times");
    let requests = counted(waits.requests, "request", "requests");
    let longest = Duration::from_micros(waits.longest_us).as_secs_f64() * 1e3;
    let longest =
        if waits.requests > 0 { format!(", at most {longest:.1} ms") } else { String::new() };
    let turned_away = match waits.turned_away {
        0 => String::new(),
        1 => ", 1 was turned away".to_owned(),
        count => format!(", {} were turned away", grouped(count)),
    };
    format!("the door was held {holds}: {requests} waited{longest}{turned_away}")
}

/// A budget, behind what it limits.
fn of(budget: Option<u64>, show: impl Fn(u64) -> String) -> String {
    budget.map(|most| format!(" (budget {})", show(most))).unwrap_or_default()
}

/// `1 swap`, `1,002 swaps`.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}
