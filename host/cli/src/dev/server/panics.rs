//! The panic of a handler, as overlay and terminal show it.

use std::path::Path;

use nova_host::generation::call::HandlerPanic;

use super::backtrace;
use crate::dev::wire::message::{Problem, ProblemKind};

/// The panic of a handler of the app in `dir` that answered `request`, such as `GET /users`.
pub(crate) fn of_panic(request: &str, panic: &HandlerPanic, dir: &Path) -> Problem {
    let text = backtrace::trim(&panic.backtrace, dir);
    let problem = Problem::new(ProblemKind::Panic, &panic.message, &text).during(request);
    // `file:line:column`, and the file may hold colons itself.
    let mut parts = panic.location.rsplitn(3, ':');
    let (column, line, file) = (parts.next(), parts.next(), parts.next());
    let number = |part: Option<&str>| part.and_then(|part| part.parse().ok());
    match file {
        Some(file) => problem.at(file, number(line), number(column)),
        None => problem,
    }
}
