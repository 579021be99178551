//! `/healthz` and `/readyz`: what a supervisor and a load balancer ask.
//!
//! A route or a file of the app at the same path comes first; these answer where nothing else
//! does.

use http::{HeaderValue, Response, StatusCode, header};

use crate::generation::body::Body;

/// Answers `/healthz`, which the process being alive is enough for, and `/readyz`, which says
/// whether it `is_ready` for requests; `None` for any other path.
#[must_use]
pub fn respond(path: &str, is_ready: impl FnOnce() -> bool) -> Option<Response<Body>> {
    let (status, text) = match path {
        "/healthz" => (StatusCode::OK, "ok\n"),
        "/readyz" if is_ready() => (StatusCode::OK, "ready\n"),
        "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        _ => return None,
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alive_and_ready_are_two_things() {
        for (path, ready, status) in [
            ("/healthz", true, StatusCode::OK),
            ("/healthz", false, StatusCode::OK),
            ("/readyz", true, StatusCode::OK),
            ("/readyz", false, StatusCode::SERVICE_UNAVAILABLE),
        ] {
            let response = respond(path, || ready).unwrap();
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(response.headers()["cache-control"], "no-store");
        }
        for path in ["/", "/healthz/", "/health", "/Readyz"] {
            assert!(respond(path, || true).is_none(), "{path}");
        }
    }
}
