//! What the dev host answers under `/__nova/`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use nova_host::generation::body::Body;
use nova_host::operate::admin::Status;
use percent_encoding::percent_decode_str;

use super::client::CLIENT;
use super::guard::Guard;
use super::hub::Hub;
use super::page::{Board, View, render};
use super::paths::PREFIX;
use super::quarantine::{RETRY, Retry, SharedQuarantine};
use super::reporter::Reporter;
use super::stylesheet::Stylesheet;
use crate::dev::wire::protocol::ServerEvent;
use crate::terminal::launch::{At, Editor, EditorError, file_of_app};

/// What answers there.
pub(crate) struct Endpoints {
    pub(crate) guard: Guard,
    pub(crate) hub: Arc<Hub>,
    pub(crate) stylesheet: Arc<Stylesheet>,
    pub(crate) quarantine: Arc<SharedQuarantine>,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) board: Arc<Board>,
    /// The app's folder.
    pub(crate) dir: PathBuf,
    pub(crate) editor: Option<Editor>,
    /// What the host does now.
    pub(crate) status: Box<dyn Fn() -> Status + Send + Sync>,
}

impl Endpoints {
    /// Answers a request whose path [is its own](super::paths::is_own).
    pub(crate) fn respond<B>(&self, request: &Request<B>) -> Response<Body> {
        let name = request.uri().path().strip_prefix(PREFIX).unwrap_or_default();
        let opens = matches!(name, "open" | RETRY);
        let (fits, allowed) = match request.method() {
            &Method::POST => (opens, "GET, HEAD"),
            &Method::GET | &Method::HEAD => (!opens, "POST"),
            _ => (false, if opens { "POST" } else { "GET, HEAD" }),
        };
        if !fits {
            let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "not with this method\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            return response;
        }
        // Styles hold no secret, and a page without them is of no use: they are for every name.
        if name == "style.css" {
            return answer(StatusCode::OK, "text/css; charset=utf-8", self.stylesheet.css().into());
        }
        if !self.guard.admits(request.headers()) {
            if let Some(host) = self.guard.news(request.headers()) {
                self.reporter.report(ServerEvent::Unlisted { host });
            }
            return refuse(
                StatusCode::FORBIDDEN,
                "the dev server's own endpoints answer to localhost, addresses, the name given \
                 with --host and those in nova.toml: [dev] allowed_hosts\n",
            );
        }
        match name {
            "" => answer(StatusCode::OK, "text/html; charset=utf-8", self.page().into()),
            "client.js" => answer(StatusCode::OK, "text/javascript; charset=utf-8", CLIENT.into()),
            "events" if request.method() == Method::HEAD => {
                answer(StatusCode::OK, "text/event-stream", Body::empty())
            }
            "events" => {
                let events =
                    Body::boxed(self.hub.clone().subscribe(parameter(request.uri(), "page")));
                answer(StatusCode::OK, "text/event-stream", events)
            }
            "open" => self.open(request.uri()),
            RETRY => self.retry(request.uri()),
            _ => refuse(StatusCode::NOT_FOUND, "the dev server has no such endpoint\n"),
        }
    }
}

impl Endpoints {
    /// Shows a place of the app in the developer's editor.
    fn open(&self, uri: &Uri) -> Response<Body> {
        let number = |name| parameter(uri, name).and_then(|it| it.parse().ok()).unwrap_or(1);
        let at = At { line: number("line"), column: number("column") };
        let name = parameter(uri, "file").unwrap_or_default();
        let opened = file_of_app(&self.dir, &name).and_then(|file| match &self.editor {
            Some(editor) => editor.open(&file, at),
            None => Err(EditorError::NotNamed),
        });
        let kind = "text/plain; charset=utf-8";
        match opened {
            Ok(()) => answer(StatusCode::NO_CONTENT, kind, Body::empty()),
            Err(error) => {
                let status = match error {
                    EditorError::Foreign(_) => StatusCode::NOT_FOUND,
                    EditorError::NotNamed => StatusCode::NOT_IMPLEMENTED,
                    EditorError::Start { .. } => StatusCode::BAD_GATEWAY,
                };
                answer(status, kind, format!("{error}\n").into())
            }
        }
    }

    /// Lets a page that ended a server be called again.
    fn retry(&self, uri: &Uri) -> Response<Body> {
        let parameters = parameter(uri, "page").zip(parameter(uri, "to"));
        let Some(retry) = parameters.and_then(|(page, to)| Retry::new(page, to)) else {
            return refuse(StatusCode::BAD_REQUEST, "the query does not name a page\n");
        };
        self.quarantine.lock().release(&retry.page);
        self.reporter.report(ServerEvent::Retry { page: retry.page.clone() });
        retry.response()
    }

    fn page(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let view = View {
            state: &self.board.state(),
            status: &(self.status)(),
            problems: &self.hub.current(),
            screens: &self.hub.screens(),
            now_ms: now,
        };
        let mut page = render(&view);
        page.push_str("<script src=\"/__nova/client.js\" data-own></script>\n");
        page
    }
}

/// A parameter of the query, decoded.
fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

fn refuse(status: StatusCode, why: &'static str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", why.into())
}

fn answer(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in
        [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache"), (X_CONTENT_TYPE_OPTIONS, "nosniff")]
    {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::page::render::tests::status;
    use super::*;

    #[test]
    fn each_path_and_each_refusal() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("a b.rs"), "").expect("a file");
        let hub = Arc::new(Hub::new());
        let endpoints = Endpoints {
            guard: Guard::new("127.0.0.1".into(), Vec::new()),
            board: Arc::new(Board::new(hub.clone())),
            hub,
            stylesheet: Arc::default(),
            quarantine: Arc::default(),
            reporter: Reporter::unheard(),
            dir: dir.path().to_owned(),
            editor: None,
            status: Box::new(status),
        };
        for (method, target, host, status, kind) in [
            ("GET", "/__nova/client.js", "localhost", 200, "text/javascript; charset=utf-8"),
            ("GET", "/__nova/events", "localhost", 200, "text/event-stream"),
            ("GET", "/__nova/events?page=1", "localhost", 200, "text/event-stream"),
            ("HEAD", "/__nova/events", "localhost", 200, "text/event-stream"),
            ("GET", "/__nova", "localhost", 200, "text/html; charset=utf-8"),
            ("GET", "/__nova/", "localhost", 200, "text/html; charset=utf-8"),
            ("GET", "/__nova", "evil.example", 403, "text/plain; charset=utf-8"),
            ("GET", "/__nova/other", "localhost", 404, "text/plain; charset=utf-8"),
            ("POST", "/__nova/events", "localhost", 405, "text/plain; charset=utf-8"),
            ("GET", "/__nova/open?file=a%20b.rs", "localhost", 405, "text/plain; charset=utf-8"),
            ("POST", "/__nova/open?file=a%20b.rs", "localhost", 501, "text/plain; charset=utf-8"),
            ("POST", "/__nova/open?file=..%2Fx", "localhost", 404, "text/plain; charset=utf-8"),
            ("POST", "/__nova/open", "localhost", 404, "text/plain; charset=utf-8"),
            ("GET", "/__nova/retry?page=a&to=%2F", "localhost", 405, "text/plain; charset=utf-8"),
            ("POST", "/__nova/retry?page=a", "localhost", 400, "text/plain; charset=utf-8"),
            ("POST", "/__nova/retry?page=a&to=%2F", "b.example", 403, "text/plain; charset=utf-8"),
            (
                "POST",
                "/__nova/open?file=a%20b.rs",
                "evil.example",
                403,
                "text/plain; charset=utf-8",
            ),
            ("GET", "/__nova/events", "evil.example", 403, "text/plain; charset=utf-8"),
            ("GET", "/__nova/style.css", "tunnel.example", 200, "text/css; charset=utf-8"),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(target)
                .header("host", host)
                .body(())
                .expect("a request");
            let response = endpoints.respond(&request);
            assert_eq!(response.status(), status, "{method} {target} {host}");
            assert_eq!(response.headers()[CONTENT_TYPE], kind);
        }
    }
}
