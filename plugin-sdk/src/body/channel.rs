//! The sending end of a body.

use std::fmt;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::stream::ChannelStream;

/// How many pieces may wait for a client that is slower than the page.
const WAITING: usize = 8;

/// The sending end of [`Body::channel`](super::Body::channel).
#[derive(Clone, Debug)]
pub struct BodySender(mpsc::Sender<Result<Bytes, Error>>);

impl BodySender {
    pub(super) fn new() -> (Self, ChannelStream<Result<Bytes, Error>>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (BodySender(sender), ChannelStream(receiver))
    }

    /// Sends a piece; waits while the client has not taken the earlier ones.
    ///
    /// # Errors
    /// When the client is gone: nothing reads what is sent.
    pub async fn send(&self, piece: impl Into<Bytes>) -> Result<(), Closed> {
        self.0.send(Ok(piece.into())).await.map_err(|_| Closed)
    }

    /// Cuts the response off because of an error.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn fail(self, error: impl Into<Error>) -> Result<(), Closed> {
        self.0.send(Err(error.into())).await.map_err(|_| Closed)
    }

    /// Waits until the client is gone.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

/// The client is gone, and does not read the body any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client is gone")
    }
}

impl std::error::Error for Closed {}
