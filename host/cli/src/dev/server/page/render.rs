//! The dev page as HTML.

use std::time::Duration;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use nova_host::operate::admin::{GenerationStatus, Status};
use nova_host::swap::GenerationState;

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

/// The page of a session, without the dev client. What names a place in the app is a button with
/// `data-file`, which the client takes to the editor.
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
                    p.now role="status" { (latest(state)) }
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
                    &format!("{} refused, {} mapped", status.refused, libraries(status.loads))))
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
                            p { code { (place(file, problem.line, problem.column)) } }
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
                div.scroll tabindex="0" role="region" aria-label="Table of saves" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "What" } th scope="col" { "Outcome" } th.number scope="col" { "Total" }
                                @for name in Phases::NAMES { th.number scope="col" { (name) } }
                                th.number scope="col" { "Generation" } th.number scope="col" { "When" }
                            }
                        }
                        tbody { @for save in state.saves.iter().rev().take(12) { (saved(save, now_ms)) } }
                    }
                }
            }
        }
    }
}

/// What became of the latest save, as it is read out.
fn latest(state: &DevState) -> String {
    let Some(save) = state.saves.back() else { return "The first build goes on.".to_owned() };
    let subject = if save.subject.is_empty() { "The app" } else { &save.subject };
    let outcome = outcome(save.outcome).1;
    if save.scope == Scope::Public {
        return format!("{subject}: {outcome}");
    }
    format!("{subject}: {outcome}, after {}", took(save.total()))
}

/// A file of the app, or a place in it.
fn place(file: &str, line: Option<usize>, column: Option<usize>) -> Markup {
    html! {
        button.place type="button" title="Open in the editor"
            data-file=(file) data-line=[line] data-column=[column] {
            (file) @if let Some(line) = line { ":" (line) }
        }
    }
}

/// The class and the word of an outcome.
fn outcome(outcome: SaveOutcome) -> (&'static str, &'static str) {
    match outcome {
        SaveOutcome::Live => ("live", "live"),
        SaveOutcome::Same => ("same", "nothing new"),
        SaveOutcome::Failed => ("failed", "does not compile"),
        SaveOutcome::Refused => ("refused", "refused"),
    }
}

fn saved(save: &Save, now_ms: u64) -> Markup {
    let (class, outcome) = outcome(save.outcome);
    let ago = Duration::from_millis(now_ms.saturating_sub(save.at_ms));
    html! {
        tr {
            td.nowrap {
                @if save.subject.is_empty() { span.soft { "the whole app" } }
                @else if let [file] = save.files.as_slice() && save.subject == *file {
                    code { (place(file, None, None)) }
                } @else { code { (save.subject) } }
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
                div.scroll tabindex="0" role="region" aria-label="Table of routes" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Route" } th scope="col" { "Methods" } th scope="col" { "File" } th scope="col" { "State" }
                                @if is_in_parts(state) {
                                    th.number scope="col" { "Size" } th.number scope="col" { "Compile" }
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
            td.nowrap { code.soft { (place(file, None, None)) } }
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
                div.scroll tabindex="0" role="region" aria-label="Table of generations" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Number" } th scope="col" { "State" } th scope="col" { "Build" }
                                th.number scope="col" { "In flight" } th.number scope="col" { "Requests" }
                                th.number scope="col" { "5xx" } th.number scope="col" { "Panics" } th.number scope="col" { "Age" }
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
        GenerationState::Live => "live",
        GenerationState::Canary => "canary",
        GenerationState::Draining => "draining",
        GenerationState::Standby => "standby",
        GenerationState::Retired => "retired",
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

fn libraries(count: u64) -> String {
    if count == 1 { "1 library".to_owned() } else { format!("{count} libraries") }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
pub(crate) mod tests;
