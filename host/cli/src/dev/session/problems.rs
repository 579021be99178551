//! What went wrong, as the overlay and the terminal show it.

use nova_route_template::{
    CargoError, Diagnostic, Level, OpenError, Place, PrepareError, StyleError,
};

use crate::dev::build::failure::BuildFailure;
use crate::dev::settings::DevSettingsError;
use crate::dev::wire::message::{Problem, ProblemKind};

/// The file of cargo in the app's folder.
const MANIFEST: &str = "Cargo.toml";

/// The problems of a build, each with its text.
pub(crate) fn of_build(failure: &BuildFailure) -> Vec<Problem> {
    match failure {
        BuildFailure::App(PrepareError::Problems(problems)) => problems
            .0
            .iter()
            .map(|problem| {
                let mut text = String::new();
                for (file, position) in problem.places() {
                    let position = position.map(|at| format!(":{at}")).unwrap_or_default();
                    text.push_str(&format!("--> {file}{position}\n"));
                }
                text.push_str(&format!("help: {}", problem.help()));
                let shown = Problem::new(ProblemKind::App, problem.to_string(), &text);
                match problem.places().first() {
                    Some((file, Some(at))) => shown.at(*file, Some(at.line), Some(at.column)),
                    Some((file, None)) => shown.at(*file, None, None),
                    None => shown,
                }
            })
            .collect(),
        BuildFailure::App(PrepareError::Open(OpenError::BadManifest { place, cause, .. })) => {
            let title = format!("Cargo.toml: {}", cause.message());
            let (line, column) = place.unzip();
            vec![
                Problem::new(ProblemKind::App, title, &cause.to_string())
                    .at(MANIFEST, line, column),
            ]
        }
        BuildFailure::App(error) => vec![Problem::of_message(ProblemKind::App, &error.to_string())],
        BuildFailure::Cargo(CargoError::Failed { diagnostics, output }) => {
            let errors: Vec<_> = diagnostics.iter().filter(|it| is_error(it)).collect();
            if errors.is_empty() {
                return vec![cargo(output)];
            }
            errors
                .into_iter()
                .map(|error| {
                    let problem =
                        Problem::new(ProblemKind::Compile, &error.message, &error.rendered);
                    located(problem, error.place.as_ref())
                })
                .collect()
        }
        BuildFailure::Cargo(error) => {
            vec![Problem::of_message(ProblemKind::Compile, &error.to_string())]
        }
        BuildFailure::Refused(refusal) => vec![refusal.problem()],
    }
}

/// The same for the terminal, with its colours.
pub(crate) fn text_of_build(failure: &BuildFailure) -> String {
    match failure {
        BuildFailure::Cargo(CargoError::Failed { diagnostics, output }) => {
            let errors: Vec<_> = diagnostics.iter().filter(|it| is_error(it)).collect();
            if errors.is_empty() {
                return output.trim_end().to_owned();
            }
            let texts = errors.into_iter().map(|error| {
                let note = error.note().map(|note| format!("\n{note}")).unwrap_or_default();
                error.rendered.trim_end().to_owned() + &note
            });
            texts.collect::<Vec<_>>().join("\n\n")
        }
        other => other.to_string().trim_end().to_owned(),
    }
}

/// Why an app is not served in parts, of which the server has said this about one.
pub(crate) fn reason_of_part(refusal: &str) -> String {
    match refusal.split_once("undefined symbol: ") {
        Some((_, symbol)) => {
            let symbol = symbol.split([',', '\n', ' ']).next().unwrap_or(symbol);
            format!(
                "a page or the app library needs `{}`, which the dependencies do not share with \
                 libraries beside them",
                rustc_demangle::demangle(symbol)
            )
        }
        None => {
            format!("a part of it does not load: {}", refusal.lines().next().unwrap_or(refusal))
        }
    }
}

/// The problem of a stylesheet.
pub(crate) fn of_style(error: &StyleError) -> Problem {
    match error {
        StyleError::Mistake { message, place, rendered } => {
            located(Problem::new(ProblemKind::Style, message, rendered), place.as_ref())
        }
        other => Problem::of_message(ProblemKind::Style, &other.to_string()),
    }
}

/// The problem of `.env` or `nova.toml`.
pub(crate) fn of_settings(error: &DevSettingsError) -> Problem {
    Problem::of_message(ProblemKind::App, &error.to_string())
}

/// The closing lines of rustc, which count the errors, are errors by name only.
fn is_error(diagnostic: &Diagnostic) -> bool {
    let counts = diagnostic.place.is_none() && diagnostic.message.starts_with("aborting due to");
    diagnostic.level == Level::Error && !counts
}

fn located(problem: Problem, place: Option<&Place>) -> Problem {
    match place {
        Some(Place { file, position, .. }) => {
            problem.at(file, Some(position.line), Some(position.column))
        }
        None => problem,
    }
}

/// What cargo says before it comes to any code: a dependency that does not resolve, a manifest
/// that does not parse.
fn cargo(output: &str) -> Problem {
    let plain = anstream::adapter::strip_str(output).to_string();
    let said = plain.lines().find_map(|line| line.strip_prefix("error: "));
    Problem::new(ProblemKind::Compile, said.unwrap_or("cargo failed"), output)
}
