//! A WebSocket in a test: the client's side.

use std::fmt;
use std::future::IntoFuture;

use futures_core::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use headers::{HeaderMapExt, SecWebsocketKey};
use http::StatusCode;
use http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL};
use serde_core::de::DeserializeOwned;
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::app::{TestApp, TestRequest};
use super::connection::Taken;
use super::response::TestResponse;
use crate::ws::{CloseFrame, Message};

/// The key of every test, as in RFC 6455: nothing of it is a secret.
const KEY: [u8; 16] = *b"the sample nonce";

impl TestApp {
    /// A WebSocket; it is opened by `.await`.
    ///
    /// With the feature `ws`.
    ///
    /// ```
    /// use nova::handler::*;
    /// use nova::prelude::*;
    /// use nova::testing::TestApp;
    /// use nova::ws::{Message, WebSocketUpgrade};
    ///
    /// fn get(upgrade: WebSocketUpgrade) -> Response {
    ///     upgrade.on_upgrade(async |mut socket| {
    ///         while let Some(Ok(Message::Text(text))) = socket.recv().await {
    ///             let _ = socket.send(format!("you said {text}")).await;
    ///         }
    ///     })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut app = nova::App::new(nova::no_state());
    /// app.page("/chat", "pages/chat.rs").get(sync_1(get));
    /// let app = TestApp::new(app.finish()).await;
    ///
    /// let mut socket = app.websocket("/chat").await;
    /// socket.send("hello").await;
    /// assert_eq!(socket.text().await, "you said hello");
    /// # }
    /// ```
    pub fn websocket(&self, target: &str) -> TestWebSocketRequest<'_> {
        let mut request = self
            .get(target)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13");
        request.headers_mut().typed_insert(SecWebsocketKey::from(KEY));
        TestWebSocketRequest(request)
    }
}

/// A WebSocket that is to be opened; `.await` does it.
#[derive(Debug)]
#[must_use = "a WebSocket is opened by `.await`"]
pub struct TestWebSocketRequest<'a>(TestRequest<'a>);

impl<'a> TestWebSocketRequest<'a> {
    /// Adds a header.
    ///
    /// # Panics
    /// When name or value is not valid in a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Offers these subprotocols, separated by commas.
    ///
    /// # Panics
    /// When they are not valid in a header.
    pub fn protocols(self, protocols: &str) -> Self {
        self.header(SEC_WEBSOCKET_PROTOCOL.as_str(), protocols)
    }

    /// Opens the socket.
    ///
    /// # Errors
    /// With the page's response, if that is another one than 101.
    pub async fn connect(self) -> Result<TestWebSocket, TestResponse> {
        let (head, taken) = self.0.upgraded().await?;
        let Taken { stream, drains } = taken;
        let stream = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        Ok(TestWebSocket { stream, drains, headers: head })
    }
}

impl<'a> IntoFuture for TestWebSocketRequest<'a> {
    type Output = TestWebSocket;
    type IntoFuture = BoxFuture<'a, TestWebSocket>;

    /// # Panics
    /// When the page does not answer 101.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.connect().await.unwrap_or_else(|response| {
                panic!(
                    "the page answers {}, not {}: {}",
                    response.status(),
                    StatusCode::SWITCHING_PROTOCOLS,
                    String::from_utf8_lossy(response.bytes())
                )
            })
        })
    }
}

/// The client's side of a WebSocket.
pub struct TestWebSocket {
    stream: WebSocketStream<DuplexStream>,
    drains: watch::Sender<bool>,
    headers: HeaderMap,
}

impl TestWebSocket {
    /// Sends a message.
    ///
    /// # Panics
    /// When the socket is closed.
    pub async fn send(&mut self, message: impl Into<Message>) {
        let sent = self.stream.send(message.into().into_raw()).await;
        sent.unwrap_or_else(|error| panic!("the message is not sent: {error}"));
    }

    /// Sends bytes as they are, which need not be a frame.
    ///
    /// # Panics
    /// When the connection has ended.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        let sent = tokio::io::AsyncWriteExt::write_all(self.stream.get_mut(), bytes).await;
        sent.unwrap_or_else(|error| panic!("the bytes are not sent: {error}"));
    }

    /// The next message; `None` at the end of the connection. Pings are answered by themselves, as
    /// in a browser.
    pub async fn recv(&mut self) -> Option<Message> {
        loop {
            let message = self.stream.next().await?.ok()?;
            if let Some(message) = Message::from_raw(message) {
                return Some(message);
            }
        }
    }

    /// The next message, which is a text; pings before it are left out.
    ///
    /// # Panics
    /// When it is not.
    pub async fn text(&mut self) -> String {
        loop {
            match self.recv().await {
                Some(Message::Text(text)) => return text.as_str().to_owned(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("a text is expected, and there is {other:?}"),
            }
        }
    }

    /// The value of the next message, which is JSON.
    ///
    /// # Panics
    /// When it is not JSON of this shape.
    pub async fn json<T: DeserializeOwned>(&mut self) -> T {
        let text = self.text().await;
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("the message is not the JSON expected: {error}\n{text}"))
    }

    /// Waits until the page closes the socket; why it does. Messages before that are left out.
    ///
    /// # Panics
    /// When the connection ends otherwise.
    pub async fn closed(&mut self) -> Option<CloseFrame> {
        loop {
            match self.recv().await {
                Some(Message::Close(frame)) => return frame,
                Some(_) => {}
                None => panic!("the connection ended, and the socket was not closed"),
            }
        }
    }

    /// Lets the generation of the page leave, as a swap does: the page is to close the socket.
    pub fn drain(&self) {
        self.drains.send_replace(true);
    }

    /// The subprotocol that the page has chosen.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.headers.get(SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()
    }

    /// The headers of the page's answer.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl fmt::Debug for TestWebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestWebSocket").field("headers", &self.headers).finish_non_exhaustive()
    }
}
