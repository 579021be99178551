//! What is answered instead of a page in [`Quarantine`], and the way out of it.

use parking_lot::{Mutex, MutexGuard};

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use nova_host::generation::body::Body;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::waiting::wants_page;
use crate::dev::wire::message::Problem;
use crate::dev::wire::quarantine::Quarantine;
use crate::terminal::ansi::escaped;

/// Where a page is asked for once more, from [`PREFIX`](super::paths::PREFIX).
pub(crate) const RETRY: &str = "retry";

/// The quarantine of this server.
#[derive(Debug, Default)]
pub(crate) struct SharedQuarantine(Mutex<Quarantine>);

impl SharedQuarantine {
    /// The pages that are not called.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Quarantine> {
        self.0.lock()
    }

    /// What is answered instead of the page in `file`, or at `path` where there is none.
    pub(crate) fn respond(
        &self,
        file: Option<&str>,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<Response<Body>> {
        respond(&self.lock(), file, path, wants_page(headers))
    }
}

/// What is answered instead of a page: to a browser, or to a tool.
pub(crate) fn respond(
    quarantine: &Quarantine,
    file: Option<&str>,
    path: &str,
    wants_page: bool,
) -> Option<Response<Body>> {
    let page = file.unwrap_or(path);
    let problem = quarantine.problem_of(page)?;
    let (kind, text) = if wants_page {
        ("text/html; charset=utf-8", document(page, path, problem))
    } else {
        let text = format!(
            "{}\nthis page is not called again until its code changes; to try it all the same, open it in a browser\n",
            problem.title
        );
        ("text/plain; charset=utf-8", text)
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}

/// A wish to see a page once more, and where to go then.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) page: String,
    to: HeaderValue,
}

impl Retry {
    /// The wish to see `page` once more and to go to `to` then; `None` if that is elsewhere.
    pub(crate) fn new(page: String, to: String) -> Option<Self> {
        // `//other.example` is an address elsewhere, and browsers read a backslash as a slash.
        let here = to.starts_with('/') && !to[1..].starts_with(['/', '\\']);
        let to = HeaderValue::try_from(to).ok().filter(|_| here)?;
        Some(Self { page, to })
    }

    /// Sends the browser back to the page.
    pub(crate) fn response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(LOCATION, self.to);
        response
    }
}

fn document(page: &str, path: &str, problem: &Problem) -> String {
    let query = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    include_str!("quarantine.html")
        .replace("{title}", &escaped(&problem.title))
        .replace(
            "{action}",
            &format!("/__nova/{RETRY}?page={}&amp;to={}", query(page), query(path)),
        )
        .replace("{page}", &escaped(page))
        // Last: it is HTML already, and may hold anything.
        .replace("{details}", &problem.html)
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;
    use crate::dev::wire::message::ProblemKind;
    use crate::dev::wire::quarantine::QuarantinedPage;

    fn quarantine() -> SharedQuarantine {
        let quarantine = SharedQuarantine::default();
        let problem =
            Problem::new(ProblemKind::Crash, "GET /<a> ended the server", "it <was> ended");
        quarantine.lock().add(QuarantinedPage { page: "pages/[id].rs".into(), problem });
        quarantine
    }

    #[test]
    fn only_a_page_in_quarantine_is_not_called_and_only_until_it_is_released() {
        let (quarantine, none) = (quarantine(), HeaderMap::new());
        let status = |file, path| quarantine.respond(file, path, &none).map(|it| it.status());
        let broken = Some(StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(status(Some("pages/[id].rs"), "/7"), broken);
        assert_eq!(status(Some("pages/other.rs"), "/7"), None);
        assert_eq!(status(None, "/7"), None);
        quarantine.lock().keep_only(&["pages/[id].rs".into()]);
        assert_eq!(
            (status(Some("pages/[id].rs"), "/7"), quarantine.lock().problems().len()),
            (broken, 1)
        );
        quarantine.lock().release("pages/[id].rs");
        assert_eq!(status(Some("pages/[id].rs"), "/7"), None);
    }

    #[test]
    fn the_document_names_the_page_and_the_way_back() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/html"));
        let response = quarantine().respond(Some("pages/[id].rs"), "/a b&c", &headers);
        let response = response.expect("a page in quarantine");
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let problem = Problem::new(ProblemKind::Crash, "GET /<a>", "it <was> ended");
        let document = document("pages/[id].rs", "/a b&c", &problem);
        for part in [
            "GET /&lt;a&gt;",
            "it &lt;was&gt; ended",
            "data-nova-crash=\"GET /&lt;a&gt;\"",
            "action=\"/__nova/retry?page=pages%2F%5Bid%5D%2Ers&amp;to=%2Fa%20b%26c\"",
        ] {
            assert!(document.contains(part), "{part} in {document}");
        }
    }

    #[test]
    fn no_browser_is_sent_elsewhere() {
        let retry = |to: &str| Retry::new("pages/a.rs".into(), to.into());
        for to in ["", "a", "//b", "/\\b", "http://b", "/\n"] {
            assert_eq!(retry(to), None, "{to:?}");
        }
        let response = retry("/b?c").expect("a wish").response();
        assert_eq!(response.headers()[LOCATION], "/b?c");
    }
}
