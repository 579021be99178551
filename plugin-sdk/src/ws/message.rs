//! Messages, and why a socket is closed.

use bytes::Bytes;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
pub use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::CloseFrame as RawCloseFrame;
use tokio_tungstenite::tungstenite::protocol::Message as RawMessage;

/// The codes with which a socket is closed (RFC 6455, section 7.4, and IANA's register of them).
pub mod close_code {
    /// What the socket was for is done.
    pub const NORMAL: u16 = 1000;
    /// The server goes, or the browser leaves the page.
    pub const AWAY: u16 = 1001;
    /// The other side does not keep to the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// A kind of message that is not understood, as binary where text is expected.
    pub const UNSUPPORTED: u16 = 1003;
    /// Never sent: what a close frame without a code says.
    pub const STATUS: u16 = 1005;
    /// Never sent: the connection ended without a close frame.
    pub const ABNORMAL: u16 = 1006;
    /// A text that is not UTF-8.
    pub const INVALID: u16 = 1007;
    /// A message that is against the rules of the page, where no other code fits.
    pub const POLICY: u16 = 1008;
    /// A message that is too long.
    pub const SIZE: u16 = 1009;
    /// The client expected an extension that the server has not agreed to.
    pub const EXTENSION: u16 = 1010;
    /// The server cannot go on.
    pub const ERROR: u16 = 1011;
    /// The service restarts: what Nova says when other code serves. The client connects again.
    pub const RESTART: u16 = 1012;
    /// Too much to do: the client tries again later.
    pub const AGAIN: u16 = 1013;
}

/// Why a socket is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// One of [`close_code`], or one of the app's own from 4000 to 4999.
    pub code: u16,
    /// A reason for people who look into it: 123 bytes at most; the rest is cut off.
    pub reason: Utf8Bytes,
}

impl CloseFrame {
    /// A code, and a reason for people who look into it.
    pub fn new(code: u16, reason: impl Into<Utf8Bytes>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// The longest reason: a control frame has 125 bytes, and the code takes two of them.
const LONGEST_REASON: usize = 123;

/// A message, from the client or for it.
///
/// ```
/// use nova::ws::Message;
///
/// let message = Message::text("hello");
/// assert_eq!(message.to_text(), Some("hello"));
/// assert_eq!(Message::json(&[1, 2]).unwrap().to_text(), Some("[1,2]"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text.
    Text(Utf8Bytes),
    /// Bytes.
    Binary(Bytes),
    /// A ping of the client, which has been answered already; or one for it, of 125 bytes at most.
    Ping(Bytes),
    /// The answer to a ping.
    Pong(Bytes),
    /// The client closes the socket: the last message. Sent, it closes the socket.
    Close(Option<CloseFrame>),
}

impl Message {
    /// A text.
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// Bytes.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// A value as JSON, in a text.
    ///
    /// # Errors
    /// When the value has no form in JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, crate::Error> {
        Ok(Self::text(serde_json::to_string(value)?))
    }

    /// The text of a text.
    #[must_use]
    pub fn to_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The value of a text or of bytes that are JSON.
    ///
    /// # Errors
    /// 400 when it is not JSON of this shape, or a message of another kind.
    pub fn to_json<T: DeserializeOwned>(&self) -> Result<T, crate::Error> {
        let bytes = match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
            _ => return Err(crate::Error::bad_request("this message carries no JSON")),
        };
        serde_json::from_slice(bytes).map_err(|error| {
            crate::Error::bad_request(format!("the message is not the JSON expected: {error}"))
        })
    }

    /// As the crate beneath says it; `None`: nothing for a page.
    pub(crate) fn from_raw(message: RawMessage) -> Option<Self> {
        Some(match message {
            RawMessage::Text(text) => Self::Text(text),
            RawMessage::Binary(bytes) => Self::Binary(bytes),
            RawMessage::Ping(bytes) => Self::Ping(bytes),
            RawMessage::Pong(bytes) => Self::Pong(bytes),
            RawMessage::Close(frame) => Self::Close(
                frame.map(|frame| CloseFrame { code: frame.code.into(), reason: frame.reason }),
            ),
            RawMessage::Frame(_) => return None,
        })
    }

    pub(crate) fn into_raw(self) -> RawMessage {
        match self {
            Self::Text(text) => RawMessage::Text(text),
            Self::Binary(bytes) => RawMessage::Binary(bytes),
            Self::Ping(bytes) => RawMessage::Ping(control(&bytes)),
            Self::Pong(bytes) => RawMessage::Pong(control(&bytes)),
            Self::Close(frame) => RawMessage::Close(frame.map(|CloseFrame { code, reason }| {
                RawCloseFrame { code: code.into(), reason: shortened(reason) }
            })),
        }
    }
}

/// A control frame has 125 bytes at most (RFC 6455, section 5.5).
fn control(bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len().min(125))
}

fn shortened(reason: Utf8Bytes) -> Utf8Bytes {
    if reason.len() <= LONGEST_REASON {
        return reason;
    }
    let end = reason.as_str().floor_char_boundary(LONGEST_REASON);
    Utf8Bytes::from(&reason.as_str()[..end])
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_for_a_control_frame_is_cut_off() {
        let long = CloseFrame::new(close_code::POLICY, "é".repeat(100));
        let RawMessage::Close(Some(frame)) = Message::Close(Some(long)).into_raw() else {
            panic!("a close frame");
        };
        assert_eq!(frame.reason.as_str(), "é".repeat(61));
        let RawMessage::Ping(bytes) = Message::Ping(vec![0; 200].into()).into_raw() else {
            panic!("a ping");
        };
        assert_eq!(bytes.len(), 125);
    }

    #[test]
    fn json_is_read_and_written() {
        let message = Message::json(&[1, 2]).expect("JSON");
        assert_eq!(message.to_json::<[u8; 2]>().expect("JSON"), [1, 2]);
        assert_eq!(Message::binary("[3]").to_json::<[u8; 1]>().expect("JSON"), [3]);
        for message in [Message::text("{"), Message::Close(None)] {
            assert_eq!(message.to_json::<u8>().expect_err("no JSON").status(), 400);
        }
    }
}
