//! What the dev host answers under `/__nova/`.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

use super::guard::Guard;
use super::hub::Hub;

/// Every path of the dev host's own begins with this; no page can.
pub(crate) const PREFIX: &str = "/__nova/";

const CLIENT: &str = include_str!("client.js");

/// The body of an answer: text, or events without end.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Answers a request whose path begins with [`PREFIX`].
pub(crate) fn respond<B>(guard: &Guard, hub: &Arc<Hub>, request: &Request<B>) -> Response<Body> {
    if !guard.admits(request.uri(), request.headers()) {
        return refuse(
            StatusCode::FORBIDDEN,
            "the dev server's own endpoints answer to localhost, addresses and the name given with --host\n",
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        let allowed = http::HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    match &request.uri().path()[PREFIX.len()..] {
        "client.js" => answer(StatusCode::OK, "text/javascript; charset=utf-8", text(CLIENT)),
        "events" if request.method() == Method::HEAD => {
            answer(StatusCode::OK, "text/event-stream", text(""))
        }
        "events" => {
            answer(StatusCode::OK, "text/event-stream", UnsyncBoxBody::new(hub.clone().subscribe()))
        }
        _ => refuse(StatusCode::NOT_FOUND, "the dev server has no such endpoint\n"),
    }
}

fn text(text: &'static str) -> Body {
    Full::from(text).boxed_unsync()
}

fn refuse(status: StatusCode, why: &'static str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", text(why))
}

fn answer(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .header(CACHE_CONTROL, "no-cache")
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(body)
        .expect("the headers are constants")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_and_each_refusal() {
        let guard = Guard::new("127.0.0.1");
        let hub = Arc::new(Hub::new());
        for (method, target, host, status, kind) in [
            ("GET", "/__nova/client.js", "localhost", 200, "text/javascript; charset=utf-8"),
            ("GET", "/__nova/events", "localhost", 200, "text/event-stream"),
            ("GET", "/__nova/events?page=1", "localhost", 200, "text/event-stream"),
            ("HEAD", "/__nova/events", "localhost", 200, "text/event-stream"),
            ("GET", "/__nova/other", "localhost", 404, "text/plain; charset=utf-8"),
            ("POST", "/__nova/events", "localhost", 405, "text/plain; charset=utf-8"),
            ("GET", "/__nova/events", "evil.example", 403, "text/plain; charset=utf-8"),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(target)
                .header("host", host)
                .body(())
                .expect("a request");
            let response = respond(&guard, &hub, &request);
            assert_eq!(response.status(), status, "{method} {target} {host}");
            assert_eq!(response.headers()[CONTENT_TYPE], kind);
        }
    }
}
