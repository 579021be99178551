//! Pages that take the connection over: `101 Switching Protocols` (RFC 9110, section 7.8).
//!
//! A client asks for another protocol with the headers `Connection: upgrade` and `Upgrade: name`. A
//! page that takes an [`Upgrade`] may agree, and from then on both sides send bytes as they like:
//!
//! ```
//! use nova::prelude::*;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! pub fn get(upgrade: Upgrade) -> Result<Response> {
//!     if upgrade.protocol() != "echo" {
//!         return Err(Error::new(StatusCode::BAD_REQUEST, "this page speaks echo"));
//!     }
//!     Ok(upgrade.on_upgrade(async |mut stream| {
//!         let mut bytes = [0; 1024];
//!         let draining = stream.draining();
//!         tokio::pin!(draining);
//!         loop {
//!             tokio::select! {
//!                 read = stream.read(&mut bytes) => match read {
//!                     Ok(0) | Err(_) => return,
//!                     Ok(count) => {
//!                         if stream.write_all(&bytes[..count]).await.is_err() {
//!                             return;
//!                         }
//!                     }
//!                 },
//!                 () = &mut draining => {
//!                     let _ = stream.write_all(b"bye\n").await;
//!                     return;
//!                 }
//!             }
//!         }
//!     }))
//! }
//! ```
//!
//! The connection ends with the function. It stays with the generation that opened it: when another
//! one takes its place, [`Upgraded::draining`] is ready, and what goes on until the drain limit is
//! cut. Only HTTP/1.1 can switch protocols so; over HTTP/2 the answer is 501.

#[cfg(feature = "tower")]
pub(crate) mod around;
pub(crate) mod connection;

use std::future::Future;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{StatusCode, Version};

use self::connection::TakeOver;
pub use self::connection::Upgraded;
use crate::body::Body;
use crate::error::{Rejection, RejectionKind};
use crate::extract::{FromRequest, OptionalFromRequest};
use crate::request::{RequestContext, Whole};
use crate::response::Response;

/// A request for another protocol: the argument of a page that takes the connection over. See the
/// [module](self).
#[derive(Debug)]
pub struct Upgrade {
    offered: String,
    protocol: HeaderValue,
}

impl Upgrade {
    /// The protocol that is switched to: the first that the client names, unless
    /// [`with_protocol`](Self::with_protocol) has chosen another.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.protocol.to_str().unwrap_or_default()
    }

    /// The protocols that the client names, in the order of its preference.
    pub fn offered(&self) -> impl Iterator<Item = &str> {
        names(&self.offered)
    }

    /// Switches to this protocol, one of those that the client [offers](Self::offered).
    ///
    /// # Panics
    /// If it is not valid in a header.
    #[must_use]
    pub fn with_protocol(self, protocol: &str) -> Self {
        let protocol = HeaderValue::try_from(protocol).expect("a header's value");
        Self { protocol, ..self }
    }

    /// The answer 101; `speak` gets the connection when the client has been told.
    pub fn on_upgrade<F, Fut>(self, speak: F) -> Response
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let take_over = TakeOver::new(move |stream| Box::pin(speak(stream)));
        let mut response = Response::new(Body::upgrade(take_over));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, self.protocol);
        response
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Upgrade {
    /// What a client sends after its request is the other protocol's.
    type Part = Whole;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self, Rejection> {
        if cx.version() >= Version::HTTP_2 {
            let text = "this page switches to another protocol, which needs HTTP/1.1";
            return Err(Rejection::of(RejectionKind::NotUpgradable, text));
        }
        if !asks(cx) {
            let text = "this page speaks another protocol: the headers `Connection: upgrade` and \
                        `Upgrade` are missing";
            return Err(Rejection::of(RejectionKind::MissingHeader, text));
        }
        if !cx.is_upgradable() {
            return Err(nothing_to_take_over());
        }
        let offered = cx.header(UPGRADE.as_str()).unwrap_or_default().to_owned();
        let first = names(&offered).next().unwrap_or_default();
        let malformed = || {
            Rejection::of(
                RejectionKind::InvalidHeader,
                "the header `upgrade` does not name a protocol",
            )
        };
        if first.is_empty() {
            return Err(malformed());
        }
        let protocol = HeaderValue::try_from(first).map_err(|_| malformed())?;
        Ok(Upgrade { offered, protocol })
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> OptionalFromRequest<S> for Upgrade {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.version() == Version::HTTP_11 && asks(head)
    }
}

/// Whether the client asks for another protocol.
fn asks(cx: &RequestContext<'_>) -> bool {
    let lines = cx.headers_named(&CONNECTION);
    let mut options = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(names);
    options.any(|option| option.eq_ignore_ascii_case("upgrade"))
        && cx.header(UPGRADE.as_str()).is_some()
}

/// Whether the client asks for this protocol.
#[cfg(feature = "ws")]
pub(crate) fn asks_for(cx: &RequestContext<'_>, protocol: &str) -> bool {
    let lines = cx.headers_named(&UPGRADE);
    let mut offered = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(names);
    asks(cx) && offered.any(|name| name.eq_ignore_ascii_case(protocol))
}

/// Why nothing comes of an upgrade that was asked for rightly.
pub(crate) fn nothing_to_take_over() -> Rejection {
    let text = "the protocol cannot be switched here: there is no connection to take over";
    Rejection::of(RejectionKind::NotUpgradable, text)
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}
