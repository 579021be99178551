//! What the dev host answers under `/__nova/`.

use std::sync::Arc;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use super::guard::Guard;
use super::hub::Hub;
use crate::body::Body;
use crate::dev::supervisor::styles::Styles;

/// Every path of the dev host's own begins with this; no page can.
pub(crate) const PREFIX: &str = "/__nova/";

const CLIENT: &str = include_str!("client.js");

/// What answers there.
pub(crate) struct Endpoints {
    pub(crate) guard: Guard,
    pub(crate) hub: Arc<Hub>,
    pub(crate) styles: Arc<Styles>,
}

impl Endpoints {
    /// Answers a request whose path begins with [`PREFIX`].
    pub(crate) fn respond<B>(&self, request: &Request<B>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return response;
        }
        let name = &request.uri().path()[PREFIX.len()..];
        // Styles hold no secret, and a page without them helps nobody: they are for every name.
        if name == "style.css" {
            return answer(StatusCode::OK, "text/css; charset=utf-8", self.styles.css().into());
        }
        if !self.guard.admits(request.uri(), request.headers()) {
            return refuse(
                StatusCode::FORBIDDEN,
                "the dev server's own endpoints answer to localhost, addresses and the name \
                 given with --host\n",
            );
        }
        match name {
            "client.js" => answer(StatusCode::OK, "text/javascript; charset=utf-8", CLIENT.into()),
            "events" if request.method() == Method::HEAD => {
                answer(StatusCode::OK, "text/event-stream", Body::empty())
            }
            "events" => {
                let events = Body::boxed(self.hub.clone().subscribe());
                answer(StatusCode::OK, "text/event-stream", events)
            }
            _ => refuse(StatusCode::NOT_FOUND, "the dev server has no such endpoint\n"),
        }
    }
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
    use super::*;

    #[test]
    fn each_path_and_each_refusal() {
        let endpoints = Endpoints {
            guard: Guard::new("127.0.0.1"),
            hub: Arc::new(Hub::new()),
            styles: Arc::default(),
        };
        for (method, target, host, status, kind) in [
            ("GET", "/__nova/client.js", "localhost", 200, "text/javascript; charset=utf-8"),
            ("GET", "/__nova/events", "localhost", 200, "text/event-stream"),
            ("GET", "/__nova/events?page=1", "localhost", 200, "text/event-stream"),
            ("HEAD", "/__nova/events", "localhost", 200, "text/event-stream"),
            ("GET", "/__nova/other", "localhost", 404, "text/plain; charset=utf-8"),
            ("POST", "/__nova/events", "localhost", 405, "text/plain; charset=utf-8"),
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
