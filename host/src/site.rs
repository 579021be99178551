//! Everything that answers a request: routes, public files, stylesheets, health.
//!
//! In this order: a page that was rendered with the release; a route whose pattern is the path; a
//! public file; a kept stylesheet; `/healthz` and `/readyz`; a route with parameters; the app's
//! error page.

pub mod dispatch;
pub mod files;
pub mod health;
pub mod prerendered;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body::Body as HttpBody;

use self::dispatch::Answered;
use self::files::Assets;
use crate::generation::body::Body;
use crate::swap::{STYLESHEETS, Switch};

/// What a host serves. One per process, shared by all connections.
#[derive(Debug)]
pub struct Site {
    /// The routes.
    pub switch: Arc<Switch>,
    /// The public files.
    pub assets: Arc<Assets>,
    stopping: AtomicBool,
    leaving: AtomicBool,
}

impl Site {
    /// A site of these routes and files.
    #[must_use]
    pub fn new(switch: Arc<Switch>, assets: Arc<Assets>) -> Self {
        Self { switch, assets, stopping: AtomicBool::new(false), leaving: AtomicBool::new(false) }
    }

    /// Whether requests are wanted: a generation is live, and the host is not stopping.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_stopping() && !self.switch.table().generations().is_empty()
    }

    /// Whether the host is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// From now on `/readyz` says that no request is wanted; those that come are answered.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// From now on another process serves: each answer is the last one of its connection.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>, peer: Option<SocketAddr>) -> Answered
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        self.answer_noting(request, peer, |_| {}).await
    }

    /// The same; the pattern of the route that answers, if one does, is told to `matched` first.
    pub async fn answer_noting<B>(
        &self,
        request: Request<B>,
        peer: Option<SocketAddr>,
        matched: impl FnMut(&str),
    ) -> Answered
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let files = async |parts: &Parts| self.elsewhere(parts).await;
        // HTTP/2 says it in another way.
        let closes = self.leaving.load(Ordering::Relaxed) && request.version() <= Version::HTTP_11;
        let mut answered =
            dispatch::respond_noting(&self.switch, request, peer, files, matched).await;
        // What switches protocols keeps its connection, and is told in another way.
        if closes && answered.response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let close = HeaderValue::from_static("close");
            answered.response.headers_mut().insert(header::CONNECTION, close);
        }
        answered
    }

    async fn elsewhere(&self, parts: &Parts) -> Option<Response<Body>> {
        if let Some(file) = self.assets.respond(parts).await {
            return Some(file);
        }
        let path = parts.uri.path();
        if let Some(name) = path.strip_prefix(STYLESHEETS)
            && let Some(sheet) = self.switch.stylesheet(name)
        {
            return Some(files::stylesheet(&sheet.name, sheet.bytes, parts));
        }
        health::respond(path, self.is_ready())
    }
}
