//! The end of a stream of server-sent events whose generation drains: between two events, so that
//! the client has all of what was sent, and connects to the next generation by itself.
//!
//! Which bytes are an event, the blank line after it says (HTML standard, section 9.2.6). What the
//! page has ready is still sent, up to a number, because a page that always has something would
//! never end.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderValue;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How many pieces a page may still send that were ready when its generation began to drain.
const LAST_PIECES: u32 = 64;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct EventStreamEnd {
    draining: CancellationToken,
    told: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The last bytes that were sent, the latest last.
    tail: [u8; 3],
    pieces_left: u32,
}

impl EventStreamEnd {
    /// The end of a body of this media type, if it is a stream of events; `draining`: when its
    /// generation is told to finish.
    pub(super) fn of(
        media_type: Option<&HeaderValue>,
        draining: impl FnOnce() -> CancellationToken,
    ) -> Option<Self> {
        let media_type = media_type?.as_bytes().split(|byte| *byte == b';').next()?;
        if !media_type.trim_ascii().eq_ignore_ascii_case(b"text/event-stream") {
            return None;
        }
        let draining = draining();
        let told = Box::pin(draining.clone().cancelled_owned());
        // Before the first event is between two.
        Some(Self { draining, told, tail: *b"\n\n\n", pieces_left: LAST_PIECES })
    }

    /// These bytes are sent.
    pub(super) fn sends(&mut self, bytes: &[u8]) {
        let at = bytes.len().saturating_sub(self.tail.len());
        for byte in &bytes[at..] {
            self.tail.rotate_left(1);
            self.tail[2] = *byte;
        }
        if self.draining.is_cancelled() {
            self.pieces_left = self.pieces_left.saturating_sub(1);
        }
    }

    /// Whether the page has had its time to send what was ready.
    pub(super) fn is_overdue(&self) -> bool {
        self.pieces_left == 0 && self.is_between_events()
    }

    /// Ready when the generation drains and nothing is half sent; for a page that has nothing to
    /// send now.
    pub(super) fn poll_between_events(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.told.as_mut().poll(cx) {
            Poll::Ready(()) if self.is_between_events() => Poll::Ready(()),
            // What is missing of the event comes from the page, which wakes the task.
            _ => Poll::Pending,
        }
    }

    fn is_between_events(&self) -> bool {
        matches!(self.tail, [_, b'\n', b'\n'] | [_, b'\r', b'\r'] | [b'\n', b'\r', b'\n'])
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn end(media_type: &'static str) -> Option<(EventStreamEnd, CancellationToken)> {
        let draining = CancellationToken::new();
        let media_type = HeaderValue::from_static(media_type);
        Some((EventStreamEnd::of(Some(&media_type), || draining.clone())?, draining))
    }

    fn is_over(end: &mut EventStreamEnd) -> bool {
        end.poll_between_events(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn streams_of_events_alone_have_one() {
        for (media_type, is_one) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/event-streams", false),
            ("text/plain", false),
        ] {
            assert_eq!(end(media_type).is_some(), is_one, "{media_type}");
        }
        assert!(EventStreamEnd::of(None, CancellationToken::new).is_none());
    }

    #[test]
    fn it_lies_between_two_events() {
        for (pieces, is_between) in [
            (&[][..], true),
            (&["data: a\n\n"], true),
            (&["data: a\r\n\r\n"], true),
            (&["data: a\r\r"], true),
            (&[":\n\n", "data: a\n"], false),
            (&["data: a\n", "data: b\n", "\n"], true),
            (&["data: a\n\n", "id"], false),
            (&["data: a\n", "", "\n"], true),
        ] {
            let (mut end, draining) = end("text/event-stream").expect("a stream of events");
            for piece in pieces {
                end.sends(piece.as_bytes());
            }
            assert!(!is_over(&mut end), "its generation serves");
            draining.cancel();
            assert_eq!(is_over(&mut end), is_between, "{pieces:?}");
        }
    }

    #[test]
    fn a_page_that_always_has_something_ends_as_well() {
        let (mut end, draining) = end("text/event-stream").expect("a stream of events");
        for _ in 0..1_000 {
            end.sends(b"data: a\n\n");
        }
        assert!(!end.is_overdue());
        draining.cancel();
        for _ in 0..LAST_PIECES {
            assert!(!end.is_overdue());
            end.sends(b"data: a\n\n");
        }
        assert!(end.is_overdue());
        end.sends(b"data");
        assert!(!end.is_overdue(), "the event is finished first");
    }
}
