//! Requests that still come to a process which another one has replaced.

use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::generation::body::Body;
use crate::generation::call::plain;
use crate::server::forward::{self, Forwarder};
use crate::site::Site;
use crate::swap::Forward;

/// Answers the requests that another process passes on, in the background, on the threads that
/// answer the others.
pub fn answer_passed_on(listener: UnixListener, site: &Arc<Site>) {
    let threads = site.switch.settings().workers.clone();
    let site = Arc::clone(site);
    let service = move |request: Request<Incoming>, peer: Option<SocketAddr>| {
        let site = Arc::clone(&site);
        async move { site.answer(request, peer).await.response }
    };
    let answering = async move {
        if let Err(error) = forward::answer(listener, service).await {
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
                    tracing::error!(
                        "{method} {path} could not be passed on to the new process: {error}"
                    );
                    plain(StatusCode::BAD_GATEWAY, "the server is being renewed; try again\n")
                }
            }
        })
    }
}
