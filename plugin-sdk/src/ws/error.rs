//! Why a socket ended.

use std::fmt;
use std::io;

use tokio_tungstenite::tungstenite::Error as Cause;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};

use super::message::close_code;

/// Why a socket ended, or a message was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The socket is closed, or being closed: nothing is sent any more.
    Closed,
    /// The client ended the connection without a word.
    Reset,
    /// The client has not answered a ping.
    TimedOut,
    /// A message of the client is longer than the page allows.
    TooLong {
        /// Its length in bytes, as far as it was read.
        size: usize,
        /// The longest that is allowed.
        max: usize,
    },
    /// The client does not keep to the protocol; what it did.
    Protocol(String),
    /// A text of the client is not UTF-8.
    Utf8,
    /// The message is not sent: with what the client has not taken yet, it is more than
    /// [may wait](super::WebSocketUpgrade::max_write_buffer_size).
    WriteBufferFull,
    /// The connection broke.
    Io(io::Error),
}

impl Error {
    /// What a client is told whose socket ends by this; `None` where nothing reaches it.
    pub(super) fn close_code(&self) -> Option<u16> {
        match self {
            Self::TooLong { .. } => Some(close_code::SIZE),
            Self::Protocol(_) => Some(close_code::PROTOCOL),
            Self::Utf8 => Some(close_code::INVALID),
            Self::Closed | Self::Reset | Self::TimedOut | Self::WriteBufferFull | Self::Io(_) => {
                None
            }
        }
    }
}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::ConnectionClosed
            | Cause::AlreadyClosed
            | Cause::Protocol(ProtocolError::SendAfterClosing) => Self::Closed,
            Cause::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Reset,
            Cause::Protocol(error) => Self::Protocol(error.to_string()),
            Cause::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                Self::TooLong { size, max: max_size }
            }
            Cause::Utf8(_) => Self::Utf8,
            Cause::WriteBufferFull(_) => Self::WriteBufferFull,
            Cause::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => Self::Reset,
            Cause::Io(error) => Self::Io(error),
            // The rest is about handshakes, which are not made by that crate.
            other => Self::Protocol(other.to_string()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the WebSocket is closed"),
            Self::Reset => f.write_str("the client ended the connection without closing"),
            Self::TimedOut => f.write_str("the client has not answered a ping"),
            Self::TooLong { size, max } => {
                write!(f, "a message of {size} bytes, where {max} are allowed")
            }
            Self::Protocol(what) => write!(f, "the client does not keep to the protocol: {what}"),
            Self::Utf8 => f.write_str("a text of the client is not UTF-8"),
            Self::WriteBufferFull => f.write_str(
                "the message is not sent: with it, more would wait for the client than \
                 `max_write_buffer_size` allows",
            ),
            Self::Io(error) => write!(f, "the connection broke: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}
