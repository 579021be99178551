//! What went wrong, as the overlay and the terminal show it.

use nova_route_template::{CargoError, Diagnostic, Level, Place, PrepareError, StyleError};

use super::settings::Unfit;
use crate::dev::build::builder::Failure;
use crate::dev::wire::message::{Kind, Problem};
use crate::dev::wire::protocol::Refusal;

/// The problems of a build, each with its text.
pub(crate) fn of_build(failure: &Failure) -> Vec<Problem> {
    match failure {
        Failure::App(PrepareError::Problems(problems)) => problems
            .0
            .iter()
            .map(|problem| {
                let mut text = String::new();
                for (file, position) in problem.places() {
                    let position = position.map(|at| format!(":{at}")).unwrap_or_default();
                    text.push_str(&format!("--> {file}{position}\n"));
                }
                text.push_str(&format!("help: {}", problem.help()));
                let shown = Problem::new(Kind::App, problem.to_string(), &text);
                match problem.places().first() {
                    Some((file, Some(at))) => shown.at(*file, Some(at.line), Some(at.column)),
                    Some((file, None)) => shown.at(*file, None, None),
                    None => shown,
                }
            })
            .collect(),
        Failure::App(error) => vec![whole(Kind::App, &error.to_string())],
        Failure::Cargo(CargoError::Failed { diagnostics, output }) => {
            let errors: Vec<_> = diagnostics.iter().filter(|it| is_error(it)).collect();
            if errors.is_empty() {
                return vec![cargo(output)];
            }
            errors
                .into_iter()
                .map(|error| {
                    let problem = Problem::new(Kind::Compile, &error.message, &error.rendered);
                    located(problem, error.place.as_ref())
                })
                .collect()
        }
        Failure::Cargo(error) => vec![whole(Kind::Compile, &error.to_string())],
        Failure::Refused(error) => vec![whole(Kind::Load, &error.to_string())],
    }
}

/// The same for the terminal, with its colours.
pub(crate) fn text_of_build(failure: &Failure) -> String {
    match failure {
        Failure::Cargo(CargoError::Failed { diagnostics, output }) => {
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

/// The problem of a stylesheet.
pub(crate) fn of_style(error: &StyleError) -> Problem {
    match error {
        StyleError::Sass { message, place, rendered } => {
            located(Problem::new(Kind::Style, message, rendered), place.as_ref())
        }
        other => whole(Kind::Style, &other.to_string()),
    }
}

/// The problem of a server that did not start with other settings.
pub(crate) fn of_refusal(refusal: &Refusal) -> Problem {
    whole(Kind::Load, &refusal.to_string())
}

/// The problem of `.env` or `nova.toml`.
pub(crate) fn of_settings(error: &Unfit) -> Problem {
    whole(Kind::App, &error.to_string())
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

/// A message whose first line says it and whose other lines explain it.
fn whole(kind: Kind, message: &str) -> Problem {
    let (title, text) = message.split_once('\n').unwrap_or((message, ""));
    Problem::new(kind, title, text)
}

/// What cargo says before it comes to any code: a dependency that does not resolve, a manifest
/// that does not parse.
fn cargo(output: &str) -> Problem {
    let plain = anstream::adapter::strip_str(output).to_string();
    let said = plain.lines().find_map(|line| line.strip_prefix("error: "));
    Problem::new(Kind::Compile, said.unwrap_or("cargo failed"), output)
}
