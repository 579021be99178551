//! The dev page as HTML.

use std::time::Duration;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use nova_host::operate::admin::{GenerationStatus, Status};
use nova_host::swap::State;

use super::chart::{chart, charted};
use crate::dev::wire::message::Problem;
use crate::dev::wire::phases::Phases;
use crate::dev::wire::save::{Save, SaveOutcome, Scope};
use crate::dev::wire::state::{BuildMode, DevState, RouteInfo, RouteState};
use crate::terminal::style::took;

const SHEET: &str = include_str!("page.css");

/// What there is to show.
pub(crate) struct View<'a> {
    pub(crate) state: &'a DevState,
    pub(crate) status: &'a Status,
    /// What is wrong at present.
    pub(crate) problems: &'a [Problem],
    /// The paths of the pages that are on screen.
    pub(crate) screens: &'a [String],
    /// The time in milliseconds since 1970.
    pub(crate) now_ms: u64,
}

/// The page of a session, without the dev client.
pub(crate) fn render(view: &View<'_>) -> String {
    let View { state, status, problems, screens, now_ms } = *view;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (state.app) " – nova dev" }
                style { (PreEscaped(SHEET)) }
            }
            body {
                header {
                    h1 { (state.app) }
                    p { "nova dev " (status.version) }
                    a href="/" { "Open the app" }
                }
                main {
                    (facts(state, status, screens))
                    (wrong(problems))
                    (saves(state, now_ms))
                    (routes(state))
                    (generations(status))
                }
                footer { "This page is part of nova dev alone: nothing of it is in a release." }
            }
        }
    };
    page.into_string()
}

fn facts(state: &DevState, status: &Status, screens: &[String]) -> Markup {
    let edits = charted(state.saves.iter());
    let live: Vec<_> = edits.iter().filter(|save| save.outcome == SaveOutcome::Live).collect();
    let median = median(live.iter().map(|save| save.total()).collect());
    let built = state
        .routes
        .iter()
        .filter(|route| matches!(route.state, RouteState::Live | RouteState::InApp));
    let process = &status.process;
    html! {
        section {
            dl.facts {
                (fact("Save to live", &median.map_or("–".to_owned(), took), &match live.len() {
                    0 => "no edit yet".to_owned(),
                    1 => "one edit".to_owned(),
                    many => format!("median of {many} edits"),
                }))
                (fact("Routes live", &format!("{} of {}", built.count(), state.routes.len()),
                    if is_in_parts(state) { "each page compiled by itself" } else { "compiled together" }))
                (fact("Generation", &status.published.to_string(),
                    &format!("{} refused, {} libraries mapped", status.refused, status.loads)))
                (fact("Memory kept", &process.anonymous_bytes.map_or("–".to_owned(), bytes),
                    &process.resident_bytes.map_or(String::new(), |it| format!("{} resident", bytes(it)))))
                (fact("Connections", &status.connections.to_string(),
                    &screens.last().map_or("no page on screen".to_owned(), |it| format!("on screen: {it}"))))
            }
        }
    }
}

fn is_in_parts(state: &DevState) -> bool {
    state.mode == BuildMode::Parts
}

fn fact(name: &str, value: &str, note: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) small { (note) } } } }
}

fn wrong(problems: &[Problem]) -> Markup {
    html! {
        @if !problems.is_empty() {
            section.card.wrong {
                header { h2 { "Wrong at present" } p.soft { (counted(problems.len(), "problem")) } }
                @for problem in problems {
                    div.problem {
                        @if let Some(file) = &problem.file {
                            p { code { (file) @if let Some(line) = problem.line { ":" (line) } } }
                        }
                        h3 { (problem.title) }
                    }
                }
            }
        }
    }
}

fn saves(state: &DevState, now_ms: u64) -> Markup {
    let edits = charted(state.saves.iter());
    html! {
        section.card {
            header { h2 { "Save to live" } p.soft { "from the write of the file to the new code" } }
            @if !edits.is_empty() {
                ul.legend {
                    @for name in Phases::NAMES { li style=(format!("--it: var(--{name})")) { (name) } }
                }
                (chart(&edits))
            }
            @if state.saves.is_empty() {
                p { "The first build goes on." }
            } @else {
                div.scroll {
                    table {
                        thead {
                            tr {
                                th { "What" } th { "SaveOutcome" } th.number { "Total" }
                                @for name in Phases::NAMES { th.number { (name) } }
                                th.number { "Generation" } th.number { "When" }
                            }
                        }
                        tbody { @for save in state.saves.iter().rev().take(12) { (saved(save, now_ms)) } }
                    }
                }
            }
        }
    }
}

fn saved(save: &Save, now_ms: u64) -> Markup {
    let (class, outcome) = match save.outcome {
        SaveOutcome::Live => ("live", "live"),
        SaveOutcome::Same => ("same", "nothing new"),
        SaveOutcome::Failed => ("failed", "does not compile"),
        SaveOutcome::Refused => ("refused", "refused"),
    };
    let ago = Duration::from_millis(now_ms.saturating_sub(save.at_ms));
    html! {
        tr {
            td.nowrap {
                @if save.subject.is_empty() { span.soft { "the whole app" } }
                @else { code { (save.subject) } }
            }
            td { span.state.(class) { (outcome) } }
            td.number { @if save.scope != Scope::Public { (took(save.total())) } }
            @for time in save.phases.in_order() {
                td.number.soft { @if time.as_millis() > 0 { (time.as_millis()) } }
            }
            td.number { @if let Some(generation) = save.generation { (generation) } }
            td.number.soft { (age(ago)) }
        }
    }
}

fn routes(state: &DevState) -> Markup {
    html! {
        section.card {
            header {
                h2 { "Routes" }
                p.soft {
                    @if let BuildMode::Whole { reason } = &state.mode { "compiled together: " (reason) }
                    @else {
                        @for (index, shared) in state.shared.iter().enumerate() {
                            @if index > 0 { ", " }
                            (shared.name) " " (bytes(shared.bytes))
                            @if let Some(time) = shared.compile_us {
                                " in " (took(Duration::from_micros(time)))
                            }
                        }
                    }
                }
            }
            @if state.routes.is_empty() {
                p { "There is no page yet: pages/index.rs answers at /." }
            } @else {
                div.scroll {
                    table {
                        thead {
                            tr {
                                th { "RouteInfo" } th { "Methods" } th { "File" } th { "State" }
                                @if is_in_parts(state) {
                                    th.number { "Size" } th.number { "Compile" }
                                }
                            }
                        }
                        tbody { @for it in &state.routes { (route(it, is_in_parts(state))) } }
                    }
                }
            }
        }
    }
}

fn route(route: &RouteInfo, in_parts: bool) -> Markup {
    let RouteInfo { pattern, methods, file, state, note, bytes: size, compile_us } = route;
    let (class, word) = match state {
        RouteState::NotBuilt => ("not_built", "not built"),
        RouteState::Building => ("building", "building"),
        RouteState::Live => ("live", "live"),
        RouteState::Failed => ("failed", "does not compile"),
        RouteState::InApp => ("in_app", "in the app library"),
    };
    // A pattern with a parameter is no address.
    let open = !pattern.contains('{') && methods.iter().any(|it| it == "GET" || it == "any");
    html! {
        tr {
            td.nowrap { @if open { a href=(pattern) { code { (pattern) } } } @else { code { (pattern) } } }
            td.soft { (methods.join(" ")) }
            td.nowrap { code.soft { (file) } }
            td {
                span.state.(class) { (word) }
                @if let Some(note) = note { span.soft { ": " (note) } }
            }
            @if in_parts {
                td.number { @if let Some(size) = size { (bytes(*size)) } }
                td.number { @if let Some(time) = compile_us { (took(Duration::from_micros(*time))) } }
            }
        }
    }
}

fn generations(status: &Status) -> Markup {
    html! {
        section.card {
            header {
                h2 { "Generations" }
                p.soft { "a request stays with the one that began it" }
            }
            @if status.generations.is_empty() {
                p { "Nothing serves yet." }
            } @else {
                div.scroll {
                    table {
                        thead {
                            tr {
                                th { "Number" } th { "State" } th { "Build" }
                                th.number { "In flight" } th.number { "Requests" }
                                th.number { "5xx" } th.number { "Panics" } th.number { "Age" }
                            }
                        }
                        tbody { @for it in status.generations.iter().rev().take(8) { (generation(it)) } }
                    }
                }
            }
        }
    }
}

fn generation(generation: &GenerationStatus) -> Markup {
    let class = match generation.state {
        State::Live => "live",
        State::Canary => "canary",
        State::Draining => "draining",
        State::Standby => "standby",
        State::Retired => "retired",
    };
    let build = generation.build_id.get(..12).unwrap_or(&generation.build_id);
    html! {
        tr {
            td { (generation.id) }
            td { span.state.(class) { (class) } }
            td { code.soft { (build) } }
            td.number { (generation.in_flight) }
            td.number { (generation.requests) }
            td.number { (generation.server_errors) }
            td.number { (generation.panics) }
            td.number.soft { (age(Duration::from_secs_f64(generation.age_seconds.max(0.0)))) }
        }
    }
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len().checked_sub(1)? / 2).copied()
}

/// A size in the unit that reads best.
fn bytes(bytes: u64) -> String {
    let kilobytes = bytes as f64 / 1024.0;
    if kilobytes < 999.5 {
        format!("{kilobytes:.0} KB")
    } else {
        format!("{:.1} MB", kilobytes / 1024.0)
    }
}

/// How long ago, in one unit.
fn age(duration: Duration) -> String {
    match duration.as_secs() {
        0 => "now".to_owned(),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::dev::wire::message;
    use crate::dev::wire::save::SavedFiles;
    use nova_host::operate::admin::Footprint;
    use nova_host::operate::recycle::Budget;

    pub(crate) fn status() -> Status {
        Status {
            version: "0.1.0".into(),
            abi: 1,
            pid: 1,
            url: "http://127.0.0.1:2518".into(),
            ready: true,
            stopping: false,
            uptime_seconds: 90.0,
            generations: vec![GenerationStatus {
                id: 7,
                build_id: "0123456789abcdef".into(),
                app: "app 0.1.0".into(),
                state: State::Draining,
                source: "lib.so".into(),
                routes: 2,
                age_seconds: 3.0,
                in_flight: 5,
                requests: 40,
                panics: 1,
                server_errors: 2,
            }],
            loads: 7,
            published: 7,
            refused: 1,
            last_refusal: None,
            connections: 3,
            rollbacks: 0,
            last_rollback: None,
            releases: Vec::new(),
            canary: None,
            budget: Budget::default(),
            routes: Vec::new(),
            process: Footprint {
                anonymous_bytes: Some(3 << 20),
                resident_bytes: Some(20 << 20),
                ..Footprint::default()
            },
        }
    }

    fn state() -> DevState {
        let path = "pages/a.rs".to_owned();
        let saved = SavedFiles { headline: path.clone(), files: vec![path] };
        let phases = Phases { watch_us: 15_000, compile_us: 120_000, ..Phases::default() };
        let route = RouteInfo {
            pattern: "/a/{id}".into(),
            methods: vec!["GET".into()],
            file: "pages/a/[id].rs".into(),
            state: RouteState::InApp,
            note: Some("another page uses it".into()),
            bytes: Some(70 * 1024),
            compile_us: Some(140_000),
        };
        DevState {
            app: "shop <1>".into(),
            routes: vec![RouteInfo { pattern: "/a".into(), ..route.clone() }, route],
            saves: [Save::now(Scope::Code, SaveOutcome::Live, saved, phases).in_generation(7, 2)]
                .into(),
            ..DevState::default()
        }
    }

    #[test]
    fn everything_that_is_known_is_on_the_page() {
        let mut state = state();
        state.mode = BuildMode::Parts;
        let problem = message::Problem::new(message::ProblemKind::Compile, "no <such> thing", "")
            .at("pages/b.rs", Some(3), None);
        let page = render(&View {
            state: &state,
            status: &status(),
            problems: &[problem],
            screens: &["/a".into(), "/b".into()],
            now_ms: state.saves[0].at_ms + 61_000,
        });
        for text in [
            "<h1>shop &lt;1&gt;</h1>",
            "2 of 2",
            "135 ms",
            "<td class=\"number soft\">120</td>",
            "<td class=\"number soft\">1 min</td>",
            "<a href=\"/a\"><code>/a</code></a>",
            "<td class=\"nowrap\"><code>/a/{id}</code></td>",
            "in the app library</span><span class=\"soft\">: another page uses it",
            "<td class=\"number\">70 KB</td><td class=\"number\">140 ms</td>",
            "<span class=\"state draining\">draining</span>",
            "<td class=\"number\">5</td><td class=\"number\">40</td>",
            "3.0 MB<small>20.0 MB resident</small>",
            "pages/b.rs:3",
            "on screen: /b",
            "no &lt;such&gt; thing",
        ] {
            assert!(page.contains(text), "{text}\n{page}");
        }
    }

    #[test]
    fn an_empty_session_says_what_is_missing() {
        let status = Status { generations: vec![], published: 0, ..status() };
        let page = render(&View {
            state: &DevState::default(),
            status: &status,
            problems: &[],
            screens: &[],
            now_ms: 0,
        });
        for text in ["The first build goes on.", "There is no page yet", "Nothing serves yet."] {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains("Wrong at present"));
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 1024, 1 << 20, 5_600_000].map(bytes), ["0 KB", "1 KB", "1.0 MB", "5.3 MB"]);
        let ages = [0, 59, 60, 3599, 7200].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["now", "59 s", "1 min", "59 min", "2 h"]);
        let ms = Duration::from_millis;
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![ms(3), ms(1), ms(2)]), Some(ms(2)));
    }
}
