//! The end of a connection, so that the client hears all that was sent to it.
//!
//! Closing a socket with unread bytes resets the connection, and the reset may overtake the last
//! answer. So what still comes is read and thrown away, for a while.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// How long a client may go on sending while its connection is closing.
const LINGER: Duration = Duration::from_secs(2);

/// Closes a connection after an answer that did not wait for all of its request, such as 413; one on
/// which nothing more has come is closed at once.
pub(super) async fn after_answer<I: AsyncRead + AsyncWrite + Unpin>(stream: &mut I) {
    let mut bytes = [0; 8192];
    let waiting = poll_fn(|cx| {
        let mut bytes = ReadBuf::new(&mut bytes);
        let read = Pin::new(&mut *stream).poll_read(cx, &mut bytes);
        Poll::Ready(matches!(read, Poll::Ready(Ok(()))) && !bytes.filled().is_empty())
    });
    if waiting.await {
        close(stream).await;
    }
}

/// Says that nothing more is sent, and waits until the client has done the same.
pub(crate) async fn close<I: AsyncRead + AsyncWrite + Unpin>(stream: &mut I) {
    let mut bytes = [0; 8192];
    let rest = async {
        // The client may be waiting for the end of the answer.
        stream.shutdown().await.ok();
        while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
    };
    tokio::time::timeout(LINGER, rest).await.ok();
}
