//! What every path answers before the first good build.
//!
//! A page that carries the dev client, which reloads it when something serves; plain text for
//! requests for anything else. 503 says that this is not the answer yet.

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use nova_host::generation::body::Body;

use crate::dev::wire::message::Problem;

/// The answer to a request with these headers.
pub(crate) fn response(headers: &HeaderMap) -> Response<Body> {
    later(wants_page(headers), "the app is being built; try again in a moment\n")
}

/// The answer to a request that the end of a server interrupted.
pub(crate) fn interrupted(wants_page: bool) -> Response<Body> {
    later(
        wants_page,
        "the server ended while it answered this, and another one takes its place; try again in a \
         moment\n",
    )
}

fn later(wants_page: bool, text: &'static str) -> Response<Body> {
    let (kind, body) = if wants_page {
        ("text/html; charset=utf-8", include_str!("waiting.html"))
    } else {
        ("text/plain; charset=utf-8", text)
    };
    Response::builder()
        .status(StatusCode::SERVICE_UNAVAILABLE)
        .header(CONTENT_TYPE, kind)
        .header(CACHE_CONTROL, "no-store")
        .header(RETRY_AFTER, "1")
        .body(Body::from(body))
        .expect("the headers are constants")
}

/// The same, unless this `problem` keeps the app from being built: then there is nothing to try again
/// before it is mended. A browser shows it in the page that waits.
pub(crate) fn response_unless(problem: Option<&Problem>, headers: &HeaderMap) -> Response<Body> {
    let Some(problem) = problem.filter(|_| !wants_page(headers)) else { return response(headers) };
    let place = problem.file.as_ref().map_or_else(String::new, |file| {
        let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("  --> {file}{line}\n")
    });
    let text = format!("the app cannot be built: {}\n{place}", problem.title);
    Response::builder()
        .status(StatusCode::INTERNAL_SERVER_ERROR)
        .header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .header(CACHE_CONTROL, "no-store")
        .body(Body::from(text))
        .expect("the headers are constants")
}

/// Whether the sender of these headers shows what comes back.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.into_iter().any(|value| value.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::wire::message::ProblemKind;

    #[test]
    fn browsers_get_a_page_and_tools_a_line() {
        for (accept, kind) in [
            (Some("text/html,application/xhtml+xml;q=0.9"), "text/html; charset=utf-8"),
            (Some("application/json"), "text/plain; charset=utf-8"),
            (Some("*/*"), "text/plain; charset=utf-8"),
            (None, "text/plain; charset=utf-8"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, accept.parse().expect("a header"));
            }
            let waiting = response_unless(None, &headers);
            assert_eq!(waiting.status(), 503);
            assert_eq!(waiting.headers()[CONTENT_TYPE], kind, "{accept:?}");
            let problem = Problem::new(ProblemKind::App, "no handler", "");
            let failed = response_unless(Some(&problem), &headers).status();
            assert_eq!(failed, if kind.starts_with("text/html") { 503 } else { 500 }, "{accept:?}");
        }
    }
}
