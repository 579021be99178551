//! How a server ended, and who is to blame.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nova_host::generation::GenerationId;

use crate::dev::wire::flight_recorder::RunningRequest;
use crate::dev::wire::message::{Problem, ProblemKind};
use crate::dev::wire::protocol::QuarantinedPage;

/// What is known of a server that ended without having been told to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    /// How the process ended, such as `it was ended by SIGSEGV`.
    pub(crate) how: String,
    /// What it printed last.
    pub(crate) last_words: String,
    /// The page that did not return, and the limit that it was given.
    pub(crate) hung: Option<(RunningRequest, Duration)>,
    /// The requests whose code was running.
    pub(crate) flights: Vec<RunningRequest>,
}

impl Crash {
    /// What happened, in a few words.
    pub(crate) fn cause(&self) -> String {
        // The runtime of Rust says so before it aborts.
        let overflow = self.last_words.contains("has overflowed its stack");
        match &self.hung {
            Some((_, limit)) => format!("an endless loop: the page did not return for {limit:?}"),
            None if overflow => "a stack overflow".to_owned(),
            None => {
                let how = self.how.strip_prefix("it was ended by ").unwrap_or(&self.how);
                how.strip_prefix("it ").unwrap_or(how).to_owned()
            }
        }
    }

    /// The requests that may have done it; none: nothing was being answered.
    pub(crate) fn suspects(&self) -> Vec<&RunningRequest> {
        match &self.hung {
            Some((flight, _)) => vec![flight],
            None => self.flights.iter().collect(),
        }
    }

    /// A mark for each page that may have done it.
    pub(crate) fn marks(&self) -> Vec<QuarantinedPage> {
        let suspects = self.suspects();
        let mut marks: Vec<QuarantinedPage> = Vec::new();
        for flight in &suspects {
            let page = flight.culprit();
            if marks.iter().all(|mark| mark.page != page) {
                let title = format!("{} ended the server: {}", flight.request(), self.cause());
                let problem = Problem::new(ProblemKind::Crash, title, &self.text(suspects.len()))
                    .during(flight.request());
                let problem = match &flight.file {
                    Some(file) => problem.at(file, None, None),
                    None => problem,
                };
                marks.push(QuarantinedPage { page: page.to_owned(), problem });
            }
        }
        marks
    }

    /// The pages that may have done it in code newer than `generation`.
    pub(crate) fn marks_since(&self, generation: GenerationId) -> Vec<String> {
        let newer = self.suspects().into_iter().filter(|flight| flight.generation > generation);
        newer.map(|flight| flight.culprit().to_owned()).collect()
    }

    /// The problem of a server that ended with nothing to answer.
    pub(crate) fn problem(&self) -> Problem {
        Problem::new(
            ProblemKind::Crash,
            format!("The server ended: {}", self.cause()),
            &self.text(0),
        )
    }

    fn text(&self, suspects: usize) -> String {
        let mut parts = Vec::new();
        if let Some((_, limit)) = self.hung {
            parts.push(format!(
                "A page that awaits may take as long as it likes; this one held its thread for \
                 {limit:?}.\nWork that takes long belongs into `tokio::task::spawn_blocking`; \
                 `poll_limit` under [dev] in nova.toml gives it longer."
            ));
        }
        if suspects > 1 {
            parts.push(format!(
                "{suspects} requests were being answered at that moment; it may have been another."
            ));
        }
        if suspects == 0 {
            parts.push("No request was being answered: a task or a thread did it.".to_owned());
        }
        let last_words = about_the_end(&self.last_words, &self.how);
        if !last_words.is_empty() {
            parts.push(last_words);
        }
        parts.join("\n\n")
    }
}

/// This many crashes without a request to blame, in [`WINDOW`], and what serves is given up.
const ENOUGH: usize = 3;
const WINDOW: Duration = Duration::from_secs(10);

/// When servers ended and no request was to blame.
#[derive(Debug, Default)]
pub(crate) struct UnexplainedCrashes(VecDeque<Instant>);

impl UnexplainedCrashes {
    /// Once more, just now.
    pub(crate) fn add(&mut self) {
        self.0.push_back(Instant::now());
        if self.0.len() > ENOUGH {
            self.0.pop_front();
        }
    }

    /// Whether starting the same code again is of no use.
    pub(crate) fn is_enough(&self) -> bool {
        self.0.len() == ENOUGH && self.0.front().is_some_and(|first| first.elapsed() < WINDOW)
    }
}

/// What of the last words is about the end: a message of Rust's runtime and what follows it, or
/// what the C library says before it aborts.
fn about_the_end(lines: &str, how: &str) -> String {
    let lines: Vec<&str> = lines.lines().collect();
    let begins = lines.iter().rposition(|line| line.starts_with("thread '"));
    match (begins, lines.last()) {
        (Some(at), _) => lines[at..].join("\n"),
        (None, Some(last)) if how.contains("SIGABRT") => (*last).to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(path: &str, file: Option<&str>) -> RunningRequest {
        let (path, file) = (path.into(), file.map(Into::into));
        RunningRequest { method: "GET".into(), path, file, generation: GenerationId(2) }
    }

    fn crash(how: &str, last_words: &str, flights: &[RunningRequest]) -> Crash {
        Crash {
            how: how.into(),
            last_words: last_words.into(),
            hung: None,
            flights: flights.into(),
        }
    }

    #[test]
    fn the_cause_is_named() {
        for (how, last_words, cause) in [
            (
                "it was ended by SIGSEGV (a segmentation fault)",
                "",
                "SIGSEGV (a segmentation fault)",
            ),
            ("it exited with code 3", "bye", "exited with code 3"),
            (
                "it was ended by SIGABRT",
                "thread 'tokio' has overflowed its stack\nfatal runtime error",
                "a stack overflow",
            ),
        ] {
            assert_eq!(crash(how, last_words, &[]).cause(), cause);
        }
        let one = flight("/loop", Some("pages/loop.rs"));
        let hung = Crash {
            hung: Some((one.clone(), Duration::from_secs(5))),
            ..crash("it was ended by SIGKILL", "", &[one, flight("/", None)])
        };
        assert_eq!(hung.cause(), "an endless loop: the page did not return for 5s");
        assert_eq!(hung.suspects().len(), 1, "the other one was only there");
    }

    #[test]
    fn each_page_is_marked_once() {
        let page = Some("pages/[id].rs");
        let flights = [flight("/1", page), flight("/2", page), flight("/none", None)];
        let pages = |crash: &Crash| crash.marks().into_iter().map(|mark| mark.page).collect();
        let marked: Vec<String> = pages(&crash("", "", &flights));
        assert_eq!(marked, ["pages/[id].rs", "/none"]);
        assert_eq!(crash("", "", &flights[..1]).marks_since(GenerationId(1)), ["pages/[id].rs"]);
        assert!(crash("", "", &flights).marks_since(GenerationId(2)).is_empty());
        let nobody: Vec<String> = pages(&crash("", "", &[]));
        assert!(nobody.is_empty());
    }
}
