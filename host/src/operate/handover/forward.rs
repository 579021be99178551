//! Requests that still come to a process which another one has replaced.

use std::net::SocketAddr;

use futures_core::future::BoxFuture;
use http::{Request, Response, StatusCode};

use crate::generation::body::Body;
use crate::generation::call::plain;
use crate::server::forward::Forwarder;
use crate::swap::Forward;

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
