//! The numbers as text, in the exposition format of Prometheus.

use std::fmt::{self, Write as _};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Metrics;
use super::route::BOUNDS;
use crate::process::footprint::Footprint;
use crate::server::Handle;
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
struct Text(String);

impl Text {
    /// What the next lines are about.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a `String` does not fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl fmt::Display) {
        self.family(name, kind, help);
        self.line(format_args!("{name} {value}"));
    }
}

/// A label's value, as the format quotes it.
fn quoted(value: &str) -> impl fmt::Display {
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
        self.requests(&mut text);
        self.threads(&mut text);
        generations(&mut text, sources);
        process(&mut text, sources);
        text.0
    }

    fn requests(&self, text: &mut Text) {
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
        text.family(name, "counter", "Requests that a limit of the host refused.");
        for (reason, count) in [
            ("busy", &self.busy),
            ("body", &self.too_large),
            ("timeout", &self.late),
            ("stalled", &self.stalled),
        ] {
            text.line(format_args!("{name}{{reason=\"{reason}\"}} {}", count.load(Relaxed)));
        }
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

fn generations(text: &mut Text, sources: &Sources<'_>) {
    let switch = &sources.site.switch;
    let history = switch.history();
    let name = "nova_generations";
    text.family(name, "gauge", "Generations that serve, and that finish what they have.");
    for (state, label) in [(GenerationState::Live, "live"), (GenerationState::Draining, "draining")]
    {
        let count = history.iter().filter(|record| record.state == state).count();
        text.line(format_args!("{name}{{state=\"{label}\"}} {count}"));
    }
    let name = "nova_generation";
    text.family(name, "gauge", "The number of the generation that serves, with its build.");
    for record in history.iter().filter(|record| record.state == GenerationState::Live) {
        let (app, build, id) = (quoted(&record.app), record.build_id.as_str(), record.id);
        text.line(format_args!("{name}{{app=\"{app}\",build=\"{build}\"}} {id}"));
    }
    let (published, refused) = switch.totals();
    text.one("nova_swaps_total", "counter", "Swaps that were published.", published);
    text.one("nova_swaps_refused_total", "counter", "Candidates that were refused.", refused);
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
    let ready = u8::from(sources.site.is_ready());
    text.one("nova_ready", "gauge", "1 while requests are wanted, as /readyz says.", ready);
}

fn process(text: &mut Text, sources: &Sources<'_>) {
    let (open, accepted) = (sources.server.connections(), sources.server.accepted());
    text.one("nova_connections", "gauge", "Client connections that are open.", open);
    text.one("nova_connections_total", "counter", "Client connections so far.", accepted);
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
    let began = sources.began.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    text.one("process_start_time_seconds", "gauge", "When the host began, in Unix time.", began);
    let name = "nova_host_info";
    text.family(name, "gauge", "The host's version.");
    text.line(format_args!("{name}{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
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
        metrics.requests(&mut text);
        let has = |line: &str| assert!(text.0.lines().any(|it| it == line), "{line}\n{}", text.0);
        has("nova_requests_total{route=\"/users/{id}\",method=\"GET\",status=\"2xx\"} 2");
        has("nova_request_duration_seconds_bucket{route=\"/users/{id}\",le=\"+Inf\"} 2");
        has("nova_request_duration_seconds_count{route=\"/users/{id}\"} 2");
        has("nova_requests_in_flight 1");
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
