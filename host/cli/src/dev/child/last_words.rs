//! What a server printed, as far as it may say why it ended.
//!
//! A server says in its own stream, standard error, that a request begins: that line is not passed
//! on, and tells what a request printed from what was there before.

use std::collections::VecDeque;

use crate::dev::wire::flight_recorder::BEGINS;

/// How many lines are kept.
const LINES: usize = 12;

/// How many requests are remembered with the place where they began: as many may be under way.
const REQUESTS: usize = 64;

/// The lines and the requests that came last, in one order.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    lines: VecDeque<String>,
    /// How many lines came, with those that are not kept any more.
    count: usize,
    /// Each with the number of lines before it.
    requests: VecDeque<(String, usize)>,
}

impl LastWords {
    /// One line; `false`: it is not for people.
    pub(super) fn hear(&mut self, line: &str) -> bool {
        if let Some(request) = line.strip_prefix(BEGINS) {
            push(&mut self.requests, REQUESTS, (request.to_owned(), self.count));
            return false;
        }
        push(&mut self.lines, LINES, line.to_owned());
        self.count += 1;
        true
    }

    /// The lines since the first of these requests began; without a request, all that are kept.
    pub(super) fn since<'a>(&self, requests: impl Iterator<Item = &'a str>) -> String {
        let began = requests.filter_map(|request| {
            let mut latest = self.requests.iter().rev();
            latest.find_map(|(began, at)| (began == request).then_some(*at))
        });
        let dropped = self.count - self.lines.len();
        let before = began.min().unwrap_or(0).saturating_sub(dropped);
        let lines = self.lines.iter().skip(before).map(String::as_str);
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn push<T>(last: &mut VecDeque<T>, most: usize, next: T) {
    if last.len() == most {
        last.pop_front();
    }
    last.push_back(next);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_before_the_request_is_not_its_own() {
        let mut said = LastWords::default();
        let begin = |said: &mut LastWords, request: &str| {
            assert!(!said.hear(&format!("{BEGINS}{request}")));
        };
        begin(&mut said, "GET /panic");
        assert!(said.hear("thread 'tokio' panicked at pages/panic.rs:6:5:"));
        begin(&mut said, "GET /slow");
        said.hear("slow");
        begin(&mut said, "GET /crash");
        let since = |said: &LastWords, requests: &[&str]| said.since(requests.iter().copied());
        assert_eq!(since(&said, &["GET /crash"]), "");
        said.hear("corrupted");
        assert_eq!(since(&said, &["GET /crash"]), "corrupted");
        assert_eq!(since(&said, &["GET /crash", "GET /slow"]), "slow\ncorrupted");
        assert_eq!(since(&said, &[]).lines().count(), 3, "a task or a thread did it");
        // Lines that are not kept any more count.
        for n in 0..LINES {
            said.hear(&n.to_string());
        }
        begin(&mut said, "GET /late");
        said.hear("late");
        assert_eq!(since(&said, &["GET /late"]), "late");
        assert_eq!(since(&said, &["GET /panic"]).lines().count(), LINES);
    }
}
