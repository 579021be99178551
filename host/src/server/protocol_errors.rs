//! What hyper refuses before there is a request: no service hears of it, so it is counted and said
//! here. One line for a while, because a flood would fill the log otherwise.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::connection::name;

/// The log has one line in this time at most.
const PAUSE: Duration = Duration::from_secs(10);

/// How often clients broke the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProtocolErrorCounts {
    /// Requests of HTTP/1.1 that are none; the answer is 400.
    pub malformed: u64,
    /// Heads of HTTP/1.1 that are too long, have too many lines or too long a target; the answer is
    /// 431 or 414.
    pub head: u64,
    /// Connections of HTTP/2 that ended with an error of the protocol, or because there came too many
    /// frames that ask for nothing.
    pub http2: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ProtocolErrors {
    malformed: AtomicU64,
    head: AtomicU64,
    http2: AtomicU64,
    log: Mutex<LineLimit>,
}

/// When the last line was, and how many are not there since.
#[derive(Debug, Default)]
struct LineLimit {
    last: Option<Instant>,
    unsaid: u64,
}

impl LineLimit {
    /// How many had no line before this one; `None` if this one has none either.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

impl ProtocolErrors {
    /// An HTTP/1.1 connection ended like this.
    pub(super) fn http1(&self, peer: Option<SocketAddr>, error: &hyper::Error) {
        // The others are a client that left.
        if !error.is_parse() {
            return;
        }
        let (count, what) = if error.is_parse_too_large() {
            (&self.head, "the head of its request is too large")
        } else {
            (&self.malformed, "its request is not HTTP")
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.say(peer, format_args!("{what} ({})", reason(error)));
    }

    /// An HTTP/2 connection ended like this.
    pub(super) fn http2(&self, peer: Option<SocketAddr>, error: &hyper::Error) {
        if error.is_timeout() || causes(error).any(<dyn Error>::is::<io::Error>) {
            return;
        }
        self.http2.fetch_add(1, Ordering::Relaxed);
        self.say(
            peer,
            format_args!("its HTTP/2 connection broke the protocol ({})", reason(error)),
        );
    }

    /// An HTTP/2 connection was ended for frames that ask for nothing.
    pub(super) fn flood(&self, peer: Option<SocketAddr>) {
        self.http2.fetch_add(1, Ordering::Relaxed);
        self.say(peer, "it sent too many HTTP/2 frames that ask for nothing");
    }

    fn say(&self, peer: Option<SocketAddr>, what: impl Display) {
        let Some(unsaid) = self.log.lock().admit(Instant::now()) else { return };
        let client = name(peer.map(|peer| peer.ip()));
        if unsaid == 0 {
            tracing::info!("{client} was refused: {what}");
        } else {
            tracing::info!("{client} was refused: {what}; {unsaid} more since the last line");
        }
    }

    pub(super) fn counts(&self) -> ProtocolErrorCounts {
        ProtocolErrorCounts {
            malformed: self.malformed.load(Ordering::Relaxed),
            head: self.head.load(Ordering::Relaxed),
            http2: self.http2.load(Ordering::Relaxed),
        }
    }
}

/// The innermost cause of an error.
fn reason(error: &hyper::Error) -> impl Display {
    fmt::from_fn(move |f| match causes(error).last() {
        Some(cause) => write!(f, "{cause}"),
        None => write!(f, "{error}"),
    })
}

/// What an error is made of, from the outside to the inside.
fn causes(error: &hyper::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_a_while_says_how_many_there_were() {
        let mut limit = LineLimit::default();
        let began = Instant::now();
        assert_eq!(limit.admit(began), Some(0));
        for seconds in 1..=9 {
            assert_eq!(limit.admit(began + Duration::from_secs(seconds)), None);
        }
        assert_eq!(limit.admit(began + PAUSE), Some(9));
        assert_eq!(limit.admit(began + 2 * PAUSE), Some(0));
    }
}
