//! The panic or the error of a handler, as overlay and terminal show it.

use std::path::Path;

use http::Extensions;
use nova_host::generation::failure::{HandlerError, HandlerPanic};

use super::backtrace;
use crate::dev::wire::message::{Problem, ProblemKind};
use crate::dev::wire::protocol::ServerEvent;

/// How a handler failed.
pub(crate) enum Failure<'a> {
    Panic(&'a HandlerPanic),
    Error(&'a HandlerError),
}

impl<'a> Failure<'a> {
    /// What the host has left in a response, if its handler failed.
    pub(crate) fn of(extensions: &'a Extensions) -> Option<Self> {
        let panic = extensions.get().map(Self::Panic);
        panic.or_else(|| extensions.get().map(Self::Error))
    }

    /// The same for the terminal; `request` is such as `GET /users`.
    pub(crate) fn event(&self, request: &str) -> ServerEvent {
        let (kind, location, message) = match self {
            Self::Panic(panic) => (ProblemKind::Panic, &panic.location, panic.message.clone()),
            Self::Error(error) => (ProblemKind::Error, &error.location, in_one_line(error)),
        };
        ServerEvent::Failed {
            kind,
            request: request.to_owned(),
            location: location.clone(),
            message,
        }
    }

    /// The same for the overlay, in the app in `dir`.
    pub(crate) fn problem(&self, request: &str, dir: &Path) -> Problem {
        match self {
            Self::Panic(panic) => {
                let text = backtrace::trim(&panic.backtrace, dir);
                let problem = Problem::new(ProblemKind::Panic, &panic.message, &text);
                at(problem.during(request), &panic.location)
            }
            Self::Error(error) => {
                // The message is often the usual phrase of the status alone.
                let (title, causes) = match error.causes.split_first() {
                    Some((first, rest)) if rest.is_empty() => {
                        (format!("{}: {first}", error.message), rest)
                    }
                    _ => (error.message.clone(), &*error.causes),
                };
                let text: Vec<String> =
                    causes.iter().map(|cause| format!("caused by: {cause}")).collect();
                let problem = Problem::new(ProblemKind::Error, title, &text.join("\n"));
                at(problem.during(request), &error.location)
            }
        }
    }
}

fn in_one_line(error: &HandlerError) -> String {
    let causes = error.causes.iter().map(String::as_str);
    std::iter::once(&*error.message).chain(causes).collect::<Vec<_>>().join(": ")
}

/// Where a problem is: `file:line:column`, and the file may hold colons itself, or a file alone.
fn at(problem: Problem, location: &str) -> Problem {
    let mut parts = location.rsplitn(3, ':');
    let (column, line, file) = (parts.next(), parts.next(), parts.next());
    let number = |part: Option<&str>| part.and_then(|part| part.parse().ok());
    match file {
        Some(file) => problem.at(file, number(line), number(column)),
        None if location.is_empty() => problem,
        None => problem.at(location, None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_a_place_and_its_causes() {
        let shown = |causes: &[&str], location: &str| {
            let error = HandlerError {
                message: "Internal Server Error".into(),
                causes: causes.iter().map(|&cause| cause.to_owned()).collect(),
                location: location.into(),
            };
            let problem = Failure::Error(&error).problem("GET /boom", Path::new("/app"));
            (problem.title, problem.html, problem.file, problem.line, problem.column)
        };
        let file = || Some("pages/boom.rs".to_owned());
        let phrase = "Internal Server Error";
        assert_eq!(
            shown(&["invalid digit"], "pages/boom.rs:12:9"),
            (format!("{phrase}: invalid digit"), String::new(), file(), Some(12), Some(9))
        );
        assert_eq!(
            shown(&["no user", "no <database>"], "pages/boom.rs"),
            (
                phrase.to_owned(),
                "caused by: no user\ncaused by: no &lt;database&gt;".to_owned(),
                file(),
                None,
                None
            )
        );
        assert_eq!(shown(&[], ""), (phrase.to_owned(), String::new(), None, None, None));
    }
}
