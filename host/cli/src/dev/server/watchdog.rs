//! Noticing a page that does not let go of its thread.
//!
//! A page that awaits is not polled, however long it awaits. A poll that goes on from one look to
//! the next, often enough, is an endless loop or work that blocks. Looks are counted and not
//! time: a process that was suspended has not been looking.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use nova_host::process::record::{Record, Run};

use super::end_now;
use super::reporter::Reporter;
use crate::dev::wire::flight_recorder::RunningRequest;
use crate::dev::wire::protocol::ServerEvent;

/// How many looks make up the limit.
const LOOKS: u32 = 20;

/// Ends this process when a poll takes longer than `limit`.
///
/// # Errors
/// If there are no more threads.
pub(crate) fn start(limit: Duration, reporter: Arc<Reporter>) -> io::Result<()> {
    std::thread::Builder::new().name("watchdog".into()).spawn(move || {
        let mut looks = Looks::default();
        loop {
            std::thread::sleep(limit / LOOKS);
            if let Some(request) = looks.look(polls()) {
                reporter.report(ServerEvent::Hung(request));
                end_now();
            }
        }
    })?;
    Ok(())
}

/// The polls of pages that go on now.
fn polls() -> Vec<(PollNumber, RunningRequest)> {
    let runs = Record::current().map(Record::runs).unwrap_or_default();
    let request = |run: Run| Some((run.number, RunningRequest::of(run.activity)?));
    runs.into_iter().filter_map(request).collect()
}

/// No two polls have the same.
type PollNumber = (usize, u64);

/// How often each poll that goes on was seen.
#[derive(Default)]
struct Looks(HashMap<PollNumber, u32>);

impl Looks {
    /// The request of a poll that goes on for too long.
    fn look(&mut self, polls: Vec<(PollNumber, RunningRequest)>) -> Option<RunningRequest> {
        let before = std::mem::take(&mut self.0);
        let mut hung = None;
        for (poll, request) in polls {
            let seen = before.get(&poll).map_or(0, |seen| seen + 1);
            self.0.insert(poll, seen);
            if seen >= LOOKS {
                hung = hung.or(Some(request));
            }
        }
        hung
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nova_host::generation::GenerationId;

    fn poll(number: u64) -> (PollNumber, RunningRequest) {
        let path = format!("/{number}");
        let generation = GenerationId(1);
        ((0, number), RunningRequest { method: "GET".into(), path, file: None, generation })
    }

    #[test]
    fn only_one_and_the_same_poll_is_hung() {
        let mut looks = Looks::default();
        for number in 1..100 {
            assert_eq!(looks.look(vec![poll(number)]), None, "each look sees another poll");
        }
        for _ in 0..LOOKS {
            assert_eq!(looks.look(vec![poll(200), poll(100)]), None);
        }
        assert_eq!(looks.look(vec![poll(100)]), Some(poll(100).1));
        assert_eq!(looks.look(vec![]), None);
        assert_eq!(looks.look(vec![poll(100)]), None);
    }
}
