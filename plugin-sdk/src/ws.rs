//! WebSockets (RFC 6455): a page that speaks in messages, in both directions.
//!
//! With the feature `ws` of `nova-plugin-sdk`. The shapes are those of axum:
//!
//! ```
//! use nova::prelude::*;
//! use nova::ws::{Message, WebSocketUpgrade};
//!
//! pub fn get(upgrade: WebSocketUpgrade) -> Response {
//!     upgrade.on_upgrade(async |mut socket| {
//!         while let Some(Ok(message)) = socket.recv().await {
//!             if let Message::Text(text) = message
//!                 && socket.send(format!("you said {text}")).await.is_err()
//!             {
//!                 return;
//!             }
//!         }
//!     })
//! }
//! ```
//!
//! What is done by itself:
//!
//! * A page of another site cannot connect with a visitor's cookies: the `Origin` of a browser must be
//!   the host that it asks. [`WebSocketUpgrade::allow_origin`] lets others in.
//! * Pings are answered, and sent in an interval: a client that has gone without a word is found
//!   ([`WebSocketUpgrade::keep_alive`]).
//! * A message is no longer than 2 MiB ([`WebSocketUpgrade::max_message_size`]). What waits for a
//!   client is no more than 16 MiB ([`WebSocketUpgrade::max_write_buffer_size`]), and one that is
//!   owed the answer to a ping is not read before it has taken that.
//! * When other code serves, or the host stops, the client is told with the code
//!   [1012](close_code::RESTART), and connects again to the new code. What it has sent until it hears
//!   of that is still received; then [`WebSocket::recv`] ends. A page that wants to say more does that
//!   itself, after [`WebSocket::draining`].
//! * When the function returns, the socket is closed with [1000](close_code::NORMAL), after a panic
//!   with [1011](close_code::ERROR).
//!
//! Messages are not compressed: the crate beneath does not speak `permessage-deflate`. Over HTTP/2
//! (RFC 8441) the answer is 501; browsers connect over HTTP/1.1 by themselves.

mod activity;
mod connection;
mod error;
mod handshake;
mod message;
mod origin;
mod socket;

use std::future::Future;
use std::time::Duration;

use headers::{HeaderMapExt, SecWebsocketAccept, SecWebsocketKey};
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

pub use self::error::Error;
pub use self::message::{CloseFrame, Message, Utf8Bytes, close_code};
use self::origin::Origin;
pub use self::socket::WebSocket;
use self::socket::serve;
use crate::body::{Body, DEFAULT_BODY_LIMIT};
use crate::error::{Rejection, RejectionKind};
use crate::response::{IntoResponse, Response};
use crate::upgrade::connection::TakeOver;

/// How long nothing may come before the client is asked for a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// What is read at once. The crate's own choice, 128 KiB, would be held by every client that rests.
const READ_BUFFER: usize = 4096;

/// How much is gathered before it is written, where a page does not flush.
const WRITE_BUFFER: usize = 16 * 1024;

/// How much may wait for a client that takes nothing.
const MAX_WRITE_BUFFER: usize = 16 << 20;

/// A request for a WebSocket: the argument of a page that speaks over one. See the [module](self).
///
/// A request that is not such a one is refused, with what is missing: 405 for another method than
/// GET, 426 without `Upgrade: websocket` or for another version than 13, 400 for a missing or
/// malformed key, 501 over HTTP/2.
///
/// ```
/// use std::time::Duration;
///
/// use nova::prelude::*;
/// use nova::ws::{Message, WebSocketUpgrade};
///
/// pub fn get(upgrade: WebSocketUpgrade) -> Response {
///     upgrade
///         .protocols(["chat.v2", "chat.v1"])
///         .allow_origin("https://app.example")
///         .max_message_size(64 * 1024)
///         .keep_alive(Duration::from_secs(20))
///         .on_upgrade(async |mut socket| {
///             let hello = format!("we speak {:?}", socket.protocol());
///             let _ = socket.send(Message::text(hello)).await;
///         })
/// }
/// ```
#[must_use = "a WebSocket is opened by `on_upgrade`"]
pub struct WebSocketUpgrade {
    key: SecWebsocketKey,
    /// The protocols that the client offers, in the order of its preference.
    offered: Vec<String>,
    protocol: Option<HeaderValue>,
    origin: Origin,
    settings: Settings,
}

/// What a page says about its sockets.
#[derive(Clone)]
struct Settings {
    max_message_size: usize,
    max_frame_size: Option<usize>,
    max_write_buffer_size: usize,
    keep_alive: Duration,
}

impl Settings {
    fn config(&self) -> WebSocketConfig {
        let message = self.max_message_size;
        WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(self.max_write_buffer_size.max(WRITE_BUFFER + 1))
            .max_message_size(Some(message))
            .max_frame_size(Some(self.max_frame_size.unwrap_or(message)))
    }
}

impl WebSocketUpgrade {
    /// The subprotocols that the page speaks, the one that it likes most first; the first that the
    /// client offers too is chosen. Where none is, the socket is opened without one, and most clients
    /// close it.
    ///
    /// # Panics
    /// If a name is not valid in a header.
    pub fn protocols<I>(mut self, protocols: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let chosen = protocols.into_iter().find(|protocol| {
            let name = protocol.as_ref();
            self.offered.iter().any(|offered| offered == name)
        });
        self.protocol = chosen.map(|protocol| {
            HeaderValue::from_str(protocol.as_ref()).expect("the name of a subprotocol")
        });
        self
    }

    /// The subprotocols that the client offers, in the order of its preference.
    pub fn offered_protocols(&self) -> impl Iterator<Item = &str> {
        self.offered.iter().map(String::as_str)
    }

    /// The subprotocol that was chosen among [`protocols`](Self::protocols).
    #[must_use]
    pub fn selected_protocol(&self) -> Option<&str> {
        self.protocol.as_ref()?.to_str().ok()
    }

    /// How many bytes a message of the client may have, in all of its frames; 2 MiB unless it is
    /// said. A longer one ends the socket with [1009](close_code::SIZE).
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.settings.max_message_size = bytes;
        self
    }

    /// How many bytes a frame of the client may have; as many as a message unless it is said.
    pub fn max_frame_size(mut self, bytes: usize) -> Self {
        self.settings.max_frame_size = Some(bytes);
        self
    }

    /// How many bytes of messages to the client may wait until it takes them, the longest message
    /// among them; 16 MiB unless it is said, and never less than 16 KiB. A message that is too much
    /// is not sent: [`Error::WriteBufferFull`].
    pub fn max_write_buffer_size(mut self, bytes: usize) -> Self {
        self.settings.max_write_buffer_size = bytes;
        self
    }

    /// After so long without a byte of the client it is sent a ping, and after as long again without
    /// one it is gone; 30 seconds unless it is said, [`Duration::MAX`] for never. While the page does
    /// not wait in [`recv`](WebSocket::recv), time does not count.
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.settings.keep_alive = interval;
        self
    }

    /// Lets pages of this origin connect (`https://app.example`, `http://localhost:3000`), besides
    /// those of the host that is asked. Compared with what the browser says in `Origin`.
    pub fn allow_origin(mut self, origin: impl AsRef<str>) -> Self {
        self.origin.allow(origin.as_ref());
        self
    }

    /// Lets pages of every site connect. Their requests carry the cookies of the visitor, so a page
    /// that says this does not take who somebody is from a cookie.
    pub fn allow_any_origin(mut self) -> Self {
        self.origin.allow_any();
        self
    }

    /// The answer 101; `speak` gets the socket when the client has been told. 403 when a page of an
    /// origin asks that is not [let in](Self::allow_origin).
    pub fn on_upgrade<F, Fut>(self, speak: F) -> Response
    where
        F: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        if let Some(origin) = self.origin.refused() {
            let text = format!(
                "a page of {origin} asks for this WebSocket, which is for pages of the same host; \
                 `allow_origin` lets others in"
            );
            return Rejection::of(RejectionKind::ForeignOrigin, text).into_response();
        }
        let Self { key, protocol, settings, .. } = self;
        let chosen = protocol.clone();
        let take_over = TakeOver::new(move |stream| {
            let chosen = chosen.and_then(|name| Some(name.to_str().ok()?.to_owned()));
            Box::pin(serve(stream, settings, chosen, move |socket| Box::pin(speak(socket))))
        });
        let mut response = Response::new(Body::upgrade(take_over));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.typed_insert(SecWebsocketAccept::from(key));
        if let Some(protocol) = protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

impl std::fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocketUpgrade")
            .field("offered", &self.offered)
            .field("protocol", &self.protocol)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// Settings of a page that says nothing.
fn default_settings() -> Settings {
    Settings {
        max_message_size: DEFAULT_BODY_LIMIT,
        max_frame_size: None,
        max_write_buffer_size: MAX_WRITE_BUFFER,
        keep_alive: KEEP_ALIVE,
    }
}
