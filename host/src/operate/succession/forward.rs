//! Requests that still come to a process which another one has replaced.

use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::generation::body::Body;
use crate::generation::call::plain;
use crate::server::forward::{self, ForwardError, Forwarder};
use crate::site::Site;
use crate::swap::Forward;

/// Answers the requests that another process passes on, in the background, on the threads that
/// answer the others.
pub fn answer_passed_on(listener: UnixListener, site: &Arc<Site>) {
    let threads = site.switch.settings().workers.clone();
    let (site, passed_on) = (Arc::clone(site), Arc::clone(&site.passed_on));
    let service = move |request: Request<Incoming>, peer: Option<SocketAddr>| {
        let site = Arc::clone(&site);
        async move { site.answer(request, peer).await.response }
    };
    let answering = async move {
        if let Err(error) = forward::answer(listener, service, passed_on).await {
            tracing::error!("requests that are passed on are not answered: {error}");
        }
    };
    match threads {
        Some(threads) => drop(threads.spawn(answering)),
        None => drop(tokio::spawn(answering)),
    }
}

impl Forward for Forwarder {
    fn forward(
        &self,
        request: Request<Body>,
        peer: Option<SocketAddr>,
    ) -> BoxFuture<'static, Response<Body>> {
        let forwarder = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            match forwarder.send(&head, body, peer).await {
                Ok(response) => response.map(Body::boxed),
                Err(error) => {
                    let (method, path) = (&head.method, head.uri.path());
                    let said = format_args!("{method} {path} could not be passed on: {error}");
                    match error {
                        ForwardError::RequestBody(_) => tracing::debug!("{said}"),
                        ForwardError::Full => tracing::warn!("{said}"),
                        _ => tracing::error!("{said}"),
                    }
                    instead(&error)
                }
            }
        })
    }
}

/// What a client is told whose request was not answered by the other process.
fn instead(error: &ForwardError) -> Response<Body> {
    let (status, text) = match error {
        ForwardError::RequestBody(_) => {
            (StatusCode::BAD_REQUEST, "the request's body did not arrive\n")
        }
        ForwardError::Full => {
            (StatusCode::SERVICE_UNAVAILABLE, "the server is busy; try again in a moment\n")
        }
        _ => (StatusCode::BAD_GATEWAY, "the server is being renewed; try again\n"),
    };
    let mut response = plain(status, text);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_is_told() {
        for (error, status, retries) in [
            (ForwardError::RequestBody(String::new()), 400, false),
            (ForwardError::Full, 503, true),
            (ForwardError::Stranger, 502, false),
        ] {
            let response = instead(&error);
            let is_retried = response.headers().contains_key(RETRY_AFTER);
            assert_eq!((response.status().as_u16(), is_retried), (status, retries), "{error}");
        }
    }
}
