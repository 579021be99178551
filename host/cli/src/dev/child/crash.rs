//! How a server ended, and who is to blame.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nova_host::generation::GenerationId;

use crate::dev::wire::flight_recorder::RunningRequest;
use crate::dev::wire::message::{Problem, ProblemKind};
use crate::dev::wire::quarantine::QuarantinedPage;

/// What is known of a server that ended without having been told to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    /// How the process ended, such as `it was ended by SIGSEGV`.
    pub(crate) how: String,
    /// What it printed last, since the first of the requests began.
    pub(crate) last_words: String,
    /// The page that did not return, and the limit that it was given.
    pub(crate) hung: Option<(RunningRequest, Duration)>,
    /// The requests whose code was running.
    pub(crate) requests: Vec<RunningRequest>,
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
            Some((request, _)) => vec![request],
            None => self.requests.iter().collect(),
        }
    }

    /// Each page that may have done it, for the quarantine.
    pub(crate) fn culprits(&self) -> Vec<QuarantinedPage> {
        let suspects = self.suspects();
        let mut pages: Vec<QuarantinedPage> = Vec::new();
        for request in &suspects {
            let page = request.culprit();
            if pages.iter().all(|known| known.page != page) {
                let title = format!("{} ended the server: {}", request.label(), self.cause());
                let problem = Problem::new(ProblemKind::Crash, title, &self.text(suspects.len()))
                    .during(request.label());
                let problem = match &request.file {
                    Some(file) => problem.at(file, None, None),
                    None => problem,
                };
                pages.push(QuarantinedPage { page: page.to_owned(), problem });
            }
        }
        pages
    }

    /// The pages that may have done it in code newer than `generation`.
    pub(crate) fn culprits_since(&self, generation: GenerationId) -> Vec<String> {
        let newer = self.suspects().into_iter().filter(|request| request.generation > generation);
        newer.map(|request| request.culprit().to_owned()).collect()
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

/// This many crashes without a request to blame, in [`WINDOW`] or one after the other while a server
/// starts, and what serves is given up.
const ENOUGH: usize = 3;
const WINDOW: Duration = Duration::from_secs(10);

/// When servers ended and no request was to blame.
#[derive(Debug, Default)]
pub(crate) struct UnexplainedCrashes {
    ends: VecDeque<Instant>,
    /// How many servers in a row have ended before they served, however long that took.
    failed_starts: usize,
}

impl UnexplainedCrashes {
    /// Once more, just now.
    pub(crate) fn add(&mut self) {
        self.ends.push_back(Instant::now());
        if self.ends.len() > ENOUGH {
            self.ends.pop_front();
        }
    }

    /// A server has ended while it started.
    pub(crate) fn add_start(&mut self) {
        self.failed_starts += 1;
    }

    /// A server has started.
    pub(crate) fn started(&mut self) {
        self.failed_starts = 0;
    }

    /// Whether starting the same code again is of no use.
    pub(crate) fn is_enough(&self) -> bool {
        let is_recent = self.ends.front().is_some_and(|first| first.elapsed() < WINDOW);
        self.failed_starts >= ENOUGH || self.ends.len() == ENOUGH && is_recent
    }
}

/// What of the last words is about the end: a message of Rust's runtime and what follows it, or
/// what the C library says before it aborts.
fn about_the_end(lines: &str, how: &str) -> String {
    let lines: Vec<&str> = lines.lines().filter(|line| !is_logged(line)).collect();
    let begins = lines.iter().rposition(|line| line.starts_with("thread '"));
    match (begins, lines.last()) {
        (Some(at), _) => lines[at..].join("\n"),
        (None, Some(last)) if how.contains("SIGABRT") => (*last).to_owned(),
        _ => String::new(),
    }
}

/// Whether it is a line of the log, which goes on whatever happens to the process.
fn is_logged(line: &str) -> bool {
    let plain = anstream::adapter::strip_str(line).to_string();
    let levels = ["error: ", "warning: ", "debug: ", "trace: ", "{\"time\":"];
    levels.iter().any(|level| plain.starts_with(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, file: Option<&str>) -> RunningRequest {
        let (path, file) = (path.into(), file.map(Into::into));
        RunningRequest { method: "GET".into(), path, file, generation: GenerationId(2) }
    }

    fn crash(how: &str, last_words: &str, requests: &[RunningRequest]) -> Crash {
        Crash {
            how: how.into(),
            last_words: last_words.into(),
            hung: None,
            requests: requests.into(),
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
        let one = request("/loop", Some("pages/loop.rs"));
        let hung = Crash {
            hung: Some((one.clone(), Duration::from_secs(5))),
            ..crash("it was ended by SIGKILL", "", &[one, request("/", None)])
        };
        assert_eq!(hung.cause(), "an endless loop: the page did not return for 5s");
        assert_eq!(hung.suspects().len(), 1, "the other one was only there");
    }

    #[test]
    fn the_text_is_what_the_end_itself_said() {
        let (abort, segv) = ("it was ended by SIGABRT", "it was ended by SIGSEGV");
        let panic = "thread 'main' panicked at src/lib.rs:1:1:\noops";
        let logged = "\u{1b}[1m\u{1b}[31merror: \u{1b}[0mGET /other panicked";
        for (how, said, text) in [
            (abort, "free(): invalid pointer", "free(): invalid pointer"),
            (abort, logged, ""),
            (abort, &*format!("free(): invalid pointer\n{logged}"), "free(): invalid pointer"),
            (segv, "hello", ""),
            (segv, &*format!("hello\n{panic}"), panic),
        ] {
            let one = request("/crash", Some("pages/crash.rs"));
            assert_eq!(crash(how, said, &[one]).text(1), text, "{said}");
        }
    }

    #[test]
    fn starts_that_fail_are_counted_however_long_they_take() {
        let mut crashes = UnexplainedCrashes::default();
        for _ in 1..ENOUGH {
            crashes.add_start();
            assert!(!crashes.is_enough());
        }
        crashes.started();
        for _ in 1..ENOUGH {
            crashes.add_start();
            assert!(!crashes.is_enough(), "one has started in between");
        }
        crashes.add_start();
        assert!(crashes.is_enough());
    }

    #[test]
    fn each_page_is_quarantined_once() {
        let page = Some("pages/[id].rs");
        let requests = [request("/1", page), request("/2", page), request("/none", None)];
        let pages = |crash: &Crash| crash.culprits().into_iter().map(|it| it.page).collect();
        let quarantined: Vec<String> = pages(&crash("", "", &requests));
        assert_eq!(quarantined, ["pages/[id].rs", "/none"]);
        assert_eq!(
            crash("", "", &requests[..1]).culprits_since(GenerationId(1)),
            ["pages/[id].rs"]
        );
        assert!(crash("", "", &requests).culprits_since(GenerationId(2)).is_empty());
        let none: Vec<String> = pages(&crash("", "", &[]));
        assert!(none.is_empty());
    }
}
