//! The body of a file that is too large to be read at once: a piece after the other, each with one hop
//! to a thread that may block, and only when it is asked for.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::opened::{PIECE, read};

/// See the module.
#[derive(Debug)]
pub(super) struct Pieces {
    file: Arc<File>,
    /// What has not been read.
    rest: Range<u64>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Pieces {
    /// These bytes of a file. If it has become shorter the body ends with an error; what has come
    /// behind them is not sent.
    pub(super) fn new(file: Arc<File>, range: Range<u64>) -> Self {
        Self { file, rest: range, reading: None }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Self { file, rest, reading } = &mut *self;
        if rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = reading.get_or_insert_with(|| {
            let (file, start) = (Arc::clone(file), rest.start);
            let end = rest.end.min(start + PIECE as u64);
            spawn_blocking(move || read(&file, start..end))
        });
        let piece = ready!(Pin::new(piece).poll(cx)).map_err(io::Error::other).flatten();
        *reading = None;
        let piece = piece.and_then(|piece| match piece.is_empty() {
            true => Err(io::Error::new(ErrorKind::UnexpectedEof, "the file has become shorter")),
            false => Ok(piece),
        });
        match &piece {
            Ok(piece) => rest.start += piece.len() as u64,
            Err(_) => rest.start = rest.end,
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.end - self.rest.start)
    }
}
