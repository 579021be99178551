//! The end of a connection, so that the client hears all that was sent to it.
//!
//! A socket that is closed with unread bytes, or to which more bytes come when it is closed, resets
//! the connection, and the reset may overtake the last answer. So what still comes is read and thrown
//! away, for a while.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// How long a client may go on sending while its connection is closing.
const LINGER: Duration = Duration::from_secs(2);

/// How much is thrown away at a time.
const PIECE: usize = 8 * 1024;

/// Closes a connection after its last answer. Where the client `may_send_more` of what it was
/// answered about, as after 413, this waits for it; where not, and nothing has come, the connection
/// is closed at once.
pub(super) async fn after_answer<I: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut I,
    may_send_more: bool,
) {
    if may_send_more || has_sent_more(stream).await {
        close(stream).await;
    }
}

/// Whether there is a byte that was not read. It is thrown away.
async fn has_sent_more<I: AsyncRead + Unpin>(stream: &mut I) -> bool {
    poll_fn(|cx| {
        let mut byte = [0];
        let mut buf = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut *stream).poll_read(cx, &mut buf);
        Poll::Ready(matches!(read, Poll::Ready(Ok(()))) && !buf.filled().is_empty())
    })
    .await
}

/// Says that nothing more is sent, and waits until the client has done the same.
pub(crate) async fn close<I: AsyncRead + AsyncWrite + Unpin>(stream: &mut I) {
    let rest = async {
        // The client may be waiting for the end of the answer.
        stream.shutdown().await.ok();
        // On the heap: as an array it would be a part of every connection, as long as it lasts.
        let mut bytes = vec![0; PIECE];
        while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
    };
    tokio::time::timeout(LINGER, rest).await.ok();
}
