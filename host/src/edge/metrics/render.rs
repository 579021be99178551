//! The numbers as text, in the exposition format of Prometheus.

use std::fmt::{self, Write as _};
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use super::Metrics;
use super::host_facts::{HostFacts, LiveGeneration};
use super::route::BOUNDS;
use crate::process::footprint::Footprint;
use crate::server::{Handle, ProtocolErrorCounts};
use crate::site::Site;
use crate::swap::GenerationState;

/// What the numbers of the process are read from.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) site: &'a Site,
    pub(crate) server: &'a Handle,
    pub(crate) began: SystemTime,
}

/// The text of an answer.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// All of it.
    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// What the next lines are about.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    pub(super) fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a `String` does not fail.
        let _ = writeln!(self.0, "{line}");
    }

    pub(super) fn one(&mut self, name: &str, kind: &str, help: &str, value: impl fmt::Display) {
        self.family(name, kind, help);
        self.line(format_args!("{name} {value}"));
    }
}

/// A label's value, as the format quotes it.
pub(super) fn quoted(value: &str) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        value.chars().try_for_each(|character| match character {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            character => f.write_char(character),
        })
    })
}

/// `2500` microseconds are `0.0025` seconds; written so that no digit is lost.
fn seconds(microseconds: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let (whole, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
        let digits = format!("{rest:06}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            digits => write!(f, "{whole}.{digits}"),
        }
    })
}

impl Metrics {
    /// Everything, as of now.
    pub(crate) fn render(&self, sources: &Sources<'_>) -> String {
        let mut text = Text::default();
        self.requests(&mut text, sources.server.protocol_errors());
        self.threads(&mut text);
        host_facts(sources).write(&mut text);
        swaps(&mut text, sources);
        connections(&mut text, sources.server);
        footprint(&mut text);
        text.into_string()
    }

    fn requests(&self, text: &mut Text, errors: ProtocolErrorCounts) {
        let routes = self.routes.load();
        let name = "nova_requests_total";
        text.family(name, "counter", "Requests that were answered, by route, method and status.");
        for (route, numbers) in self.all(&routes) {
            for (method, status, count) in numbers.counts() {
                let route = quoted(route);
                text.line(format_args!(
                    "{name}{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}} {count}"
                ));
            }
        }
        let name = "nova_request_duration_seconds";
        text.family(name, "histogram", "Time until the head of the response was there.");
        for (route, numbers) in self.all(&routes) {
            let times = numbers.times();
            let count = times[BOUNDS.len()];
            if count == 0 {
                continue;
            }
            for (bound, sum) in BOUNDS.iter().zip(times) {
                let (route, bound) = (quoted(route), seconds(*bound));
                text.line(format_args!("{name}_bucket{{route=\"{route}\",le=\"{bound}\"}} {sum}"));
            }
            let route = quoted(route);
            text.line(format_args!("{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {count}"));
            let sum = seconds(numbers.microseconds());
            text.line(format_args!("{name}_sum{{route=\"{route}\"}} {sum}"));
            text.line(format_args!("{name}_count{{route=\"{route}\"}} {count}"));
        }
        // The end first: what begins in between is in flight, and never less than nothing.
        let ended = self.ended.load(Relaxed);
        let in_flight = self.begun.load(Relaxed).saturating_sub(ended);
        text.one(
            "nova_requests_in_flight",
            "gauge",
            "Requests whose response is not sent to its last byte.",
            in_flight,
        );
        let name = "nova_requests_refused_total";
        text.family(name, "counter", "Requests that a limit of the host refused, or HTTP does.");
        for (reason, count) in [
            ("busy", self.busy.load(Relaxed)),
            ("memory", self.memory.load(Relaxed)),
            ("body", self.too_large.load(Relaxed)),
            ("timeout", self.late.load(Relaxed)),
            ("stalled", self.stalled.load(Relaxed)),
            ("head", errors.head),
            ("malformed", errors.malformed + self.malformed.load(Relaxed)),
        ] {
            text.line(format_args!("{name}{{reason=\"{reason}\"}} {count}"));
        }
        text.one(
            "nova_http2_errors_total",
            "counter",
            "Connections of HTTP/2 that ended because the client broke the protocol.",
            errors.http2,
        );
        text.one(
            "nova_panics_total",
            "counter",
            "Requests in which a page panicked.",
            self.panics.load(Relaxed),
        );
        text.one(
            "nova_bodies_failed_total",
            "counter",
            "Responses that were cut because the page panicked or failed while their body was sent.",
            self.failed_bodies.load(Relaxed),
        );
    }

    fn threads(&self, text: &mut Text) {
        let Some(workers) = self.workers.get() else { return };
        let held = workers.held().len();
        text.one("nova_threads_held", "gauge", "Threads that a page does not let go of.", held);
        text.one(
            "nova_thread_holds_total",
            "counter",
            "How often a page has held its thread for a second.",
            workers.holds(),
        );
    }
}

/// What the process takes of the machine.
#[must_use]
pub(crate) fn of_process() -> String {
    let mut text = Text::default();
    footprint(&mut text);
    text.into_string()
}

fn host_facts(sources: &Sources<'_>) -> HostFacts {
    let switch = &sources.site.switch;
    let history = switch.history();
    let in_state = |state| history.iter().filter(move |record| record.state == state);
    let live = in_state(GenerationState::Live).map(|record| LiveGeneration {
        app: record.app.clone(),
        build: record.build_id.as_str().to_owned(),
        number: record.id.0,
    });
    HostFacts {
        live: live.collect(),
        draining: in_state(GenerationState::Draining).count(),
        swaps: switch.totals(),
        ready: sources.site.is_ready(),
        began: sources.began,
    }
}

fn swaps(text: &mut Text, sources: &Sources<'_>) {
    let switch = &sources.site.switch;
    let waits = switch.waits();
    for (name, help, value) in [
        ("nova_holds_total", "Times that requests had to wait for a swap.", waits.holds),
        ("nova_held_requests_total", "Requests that waited for a swap.", waits.count),
        (
            "nova_held_requests_refused_total",
            "Requests that were turned away because too many waited for a swap.",
            waits.turned_away,
        ),
    ] {
        text.one(name, "counter", help, value);
    }
    let total = waits.total.as_secs_f64();
    let help = "Time that requests have waited for swaps, all together.";
    text.one("nova_held_seconds_total", "counter", help, total);
    text.one(
        "nova_libraries_loaded",
        "gauge",
        "Libraries that are mapped; none is ever unmapped.",
        switch.loads(),
    );
}

fn connections(text: &mut Text, server: &Handle) {
    let (open, accepted) = (server.connections(), server.accepted());
    text.one("nova_connections", "gauge", "Client connections that are open.", open);
    text.one("nova_connections_total", "counter", "Client connections so far.", accepted);
    text.one(
        "nova_response_memory_bytes",
        "gauge",
        "Memory that responses hold until clients have taken them.",
        server.response_memory(),
    );
    text.one(
        "nova_responses_ended_for_memory_total",
        "counter",
        "Responses that were cut, because clients took nothing of them and memory was short.",
        server.ended_for_memory(),
    );
    text.one(
        "nova_http2_streams_timed_out_total",
        "counter",
        "Streams that were reset, because their client took nothing of them for too long.",
        server.timed_out_streams(),
    );
}

fn footprint(text: &mut Text) {
    let Footprint { anonymous_bytes, resident_bytes, mappings, threads, descriptors } =
        Footprint::now();
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Memory in use.", resident_bytes),
        ("nova_anonymous_memory_bytes", "Memory in use that belongs to no file.", anonymous_bytes),
        ("nova_mappings", "Mapped regions; the kernel limits them.", mappings),
        ("process_threads", "Threads.", threads),
        ("process_open_fds", "Open file descriptors.", descriptors),
    ] {
        if let Some(value) = value {
            text.one(name, "gauge", help, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{Method, StatusCode};

    use super::super::Responder;
    use super::*;

    #[test]
    fn numbers_lose_no_digit() {
        for (micros, text) in
            [(0, "0"), (100, "0.0001"), (2_500, "0.0025"), (1_000_000, "1"), (12_340_000, "12.34")]
        {
            assert_eq!(seconds(micros).to_string(), text);
        }
        assert_eq!(quoted("a\"b\\c\nd").to_string(), "a\\\"b\\\\c\\nd");
    }

    #[test]
    fn the_requests_of_a_route() {
        let metrics = std::sync::Arc::new(Metrics::default());
        let timer = metrics.start_timer(&Method::GET);
        timer.observe(&Responder::Route(metrics.route("/users/{id}")), StatusCode::OK);
        let again = metrics.start_timer(&Method::GET);
        metrics.route("/users/{id}").count(0, StatusCode::OK, Duration::from_micros(300));
        drop(again);
        let mut text = Text::default();
        let errors = ProtocolErrorCounts { malformed: 2, head: 1, http2: 3 };
        metrics.count_malformed();
        metrics.requests(&mut text, errors);
        let has = |line: &str| assert!(text.0.lines().any(|it| it == line), "{line}\n{}", text.0);
        has("nova_requests_total{route=\"/users/{id}\",method=\"GET\",status=\"2xx\"} 2");
        has("nova_request_duration_seconds_bucket{route=\"/users/{id}\",le=\"+Inf\"} 2");
        has("nova_request_duration_seconds_count{route=\"/users/{id}\"} 2");
        has("nova_requests_in_flight 1");
        has("nova_requests_refused_total{reason=\"malformed\"} 3");
        has("nova_requests_refused_total{reason=\"head\"} 1");
        has("nova_http2_errors_total 3");
        assert!(!text.0.contains("unmatched"), "{}", text.0);
    }

    #[test]
    fn patterns_past_the_limit_are_counted_together() {
        let metrics = Metrics::default();
        let routes = (0..super::super::MOST_ROUTES)
            .map(|n| (format!("/{n}").into(), std::sync::Arc::default()))
            .collect();
        metrics.routes.store(std::sync::Arc::new(routes));
        assert!(std::sync::Arc::ptr_eq(&metrics.route("/one-more"), &metrics.others));
        assert!(!std::sync::Arc::ptr_eq(&metrics.route("/7"), &metrics.others));
    }
}
