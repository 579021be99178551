//! What an HTTP/2 client may send besides requests and their bodies.
//!
//! h2 limits streams that are reset, CONTINUATION frames and empty DATA frames. SETTINGS, PING,
//! PRIORITY and WINDOW_UPDATE it answers or takes in, as many as come. They are counted here, as they
//! come off the socket: each takes one from a budget, which requests, bytes that are sent to the
//! client, and time fill again. A client that downloads updates its windows all the time, and one that
//! asks is sent something.

/// What a connection begins with, and the most that it can have.
const MOST: u64 = 1000;

/// What each request adds.
const OF_A_REQUEST: u64 = 4;

/// So many bytes that are sent add one; the answer to a PING has 17, and gains nothing.
const BYTES: u64 = 32;

/// What each second adds.
const OF_A_SECOND: u64 = 100;

/// The length of the words that a client begins with (RFC 9113, section 3.4).
const PREFACE: usize = 24;

/// The length of a frame's header (RFC 9113, section 4.1).
const HEADER: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct FrameBudget {
    left: u64,
    /// Bytes that were sent and have added nothing yet.
    sent: u64,
    /// When time has added something last, in milliseconds.
    filled: u64,
    /// How many bytes of a payload are still to come.
    payload: usize,
    header: [u8; HEADER],
    /// How many bytes of the header are there.
    known: usize,
}

impl FrameBudget {
    /// The budget of a connection that begins with its preface at this millisecond.
    pub(super) fn new(now: u64) -> Self {
        Self { left: MOST, sent: 0, filled: now, payload: PREFACE, header: [0; HEADER], known: 0 }
    }

    /// These bytes were sent to the client.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count as u64;
    }

    /// These bytes came from the client; `false`: it has spent more than it had.
    pub(super) fn received(&mut self, mut bytes: &[u8], now: u64) -> bool {
        self.fill(now);
        let mut is_within = true;
        while !bytes.is_empty() {
            if self.payload > 0 {
                let passed = self.payload.min(bytes.len());
                self.payload -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            let missing = (HEADER - self.known).min(bytes.len());
            self.header[self.known..self.known + missing].copy_from_slice(&bytes[..missing]);
            self.known += missing;
            bytes = &bytes[missing..];
            if self.known == HEADER {
                is_within &= self.frame();
            }
        }
        is_within
    }

    /// The header of a frame is there.
    fn frame(&mut self) -> bool {
        let [a, b, c, kind, ..] = self.header;
        self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        self.known = 0;
        match kind {
            DATA | CONTINUATION => true,
            HEADERS => {
                self.left = (self.left + OF_A_REQUEST).min(MOST);
                true
            }
            _ => match self.left.checked_sub(1) {
                Some(left) => {
                    self.left = left;
                    true
                }
                None => false,
            },
        }
    }

    fn fill(&mut self, now: u64) {
        let of_time = now.saturating_sub(self.filled).saturating_mul(OF_A_SECOND) / 1000;
        if of_time > 0 {
            self.filled = now;
        }
        let of_bytes = self.sent / BYTES;
        self.sent %= BYTES;
        self.left = self.left.saturating_add(of_time).saturating_add(of_bytes).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let [.., a, b, c] = length.to_be_bytes();
        let mut frame = vec![a, b, c, kind, 0, 0, 0, 0, 0];
        frame.resize(HEADER + length, 0xff);
        frame
    }

    fn budget() -> FrameBudget {
        let mut budget = FrameBudget::new(0);
        assert!(budget.received(&[b'P'; PREFACE], 0));
        budget
    }

    /// How many of these frames a client may send in one go.
    fn allowed(budget: &mut FrameBudget, frame: &[u8], now: u64) -> u64 {
        let mut count = 0;
        while count < 10 * MOST && budget.received(frame, now) {
            count += 1;
        }
        count
    }

    #[test]
    fn frames_that_ask_for_nothing_are_counted() {
        for (kind, length) in [(2, 5), (3, 4), (4, 6), (PING, 8), (WINDOW_UPDATE, 4), (0x10, 20)] {
            assert_eq!(allowed(&mut budget(), &frame(kind, length), 0), MOST, "{kind}");
        }
        for kind in [DATA, HEADERS, CONTINUATION] {
            assert_eq!(allowed(&mut budget(), &frame(kind, 100), 0), 10 * MOST, "{kind}");
        }
    }

    #[test]
    fn a_frame_may_come_in_pieces() {
        let mut budget = budget();
        let bytes = [frame(DATA, 1000), frame(PING, 8), frame(HEADERS, 30)].concat().repeat(2);
        assert!(bytes.chunks(7).all(|piece| budget.received(piece, 0)));
        assert_eq!((budget.left, budget.payload, budget.known), (MOST, 0, 0));
        assert_eq!(allowed(&mut budget, &frame(PING, 8), 0), MOST);
    }

    #[test]
    fn time_requests_and_what_is_sent_fill_it_again() {
        let (mut budget, ping) = (budget(), frame(PING, 8));
        assert_eq!(allowed(&mut budget, &ping, 0), MOST);
        assert_eq!(allowed(&mut budget, &ping, 1000), OF_A_SECOND);
        assert!(budget.received(&frame(HEADERS, 10), 1000));
        assert_eq!(allowed(&mut budget, &ping, 1000), OF_A_REQUEST);
        budget.sent(10 * 32 + 31);
        assert_eq!(allowed(&mut budget, &ping, 1000), 10);
        assert_eq!(allowed(&mut budget, &ping, u64::MAX), MOST, "and no more");
    }

    #[test]
    fn a_client_that_downloads_is_never_cut_and_one_that_pings_alone_is() {
        let mut download = budget();
        let updates = frame(WINDOW_UPDATE, 4).repeat(2);
        for _ in 0..10 * MOST {
            download.sent(16 * 1024);
            assert!(download.received(&updates, 0));
        }
        let (mut budget, ping) = (budget(), frame(PING, 8));
        let pings = (0..10 * MOST).take_while(|_| {
            budget.sent(17);
            budget.received(&ping, 0)
        });
        assert!(pings.count() < 3000);
    }
}
