//! Frames that are wrong by themselves, or where they stand, and some that are not.

use nova_tests::http2::{END_HEADERS, END_STREAM, PADDED, WITH_PRIORITY, fields, frame, kind};

use super::Right::{ConnectionError, Error, Status};
use super::{Case, GOOD, exchange, frames, request};

const BOTH: u8 = END_STREAM | END_HEADERS;

/// One frame each, before a good request.
pub(super) fn alone() -> impl Iterator<Item = Case> {
    let long = [0; 16_385];
    let bad: [(_, _, _, _, _, &[u8]); 22] = [
        ("4.2", "a frame of 16385 bytes", kind::DATA, 0, 1, &long),
        ("4.3", "a block that is not HPACK", kind::HEADERS, BOTH, 1, &[0xff; 9]),
        ("5.1", "DATA before HEADERS", kind::DATA, 0, 1, b"x"),
        ("5.1", "WINDOW_UPDATE before HEADERS", kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        ("5.1", "RST_STREAM before HEADERS", kind::RST_STREAM, 0, 1, &[0; 4]),
        ("6.1", "DATA of stream 0", kind::DATA, 0, 0, b"x"),
        ("6.2", "HEADERS that are padding", kind::HEADERS, BOTH | PADDED, 1, &[200, 0, 0]),
        ("6.3", "PRIORITY of stream 0", kind::PRIORITY, 0, 0, &[0; 5]),
        ("6.4", "RST_STREAM of stream 0", kind::RST_STREAM, 0, 0, &[0; 4]),
        ("6.5", "SETTINGS of a stream", kind::SETTINGS, 0, 1, &[]),
        ("6.5", "SETTINGS of 5 bytes", kind::SETTINGS, 0, 0, &[0; 5]),
        ("6.5", "an ACK with a payload", kind::SETTINGS, 1, 0, &[0; 6]),
        ("6.5.2", "ENABLE_PUSH of 2", kind::SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2]),
        ("6.5.2", "a window of 2^31", kind::SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]),
        ("6.5.2", "frames of 16383 bytes", kind::SETTINGS, 0, 0, &[0, 5, 0, 0, 0x3f, 0xff]),
        ("6.5.2", "frames of 2^24 bytes", kind::SETTINGS, 0, 0, &[0, 5, 1, 0, 0, 0]),
        ("6.7", "PING of a stream", kind::PING, 0, 1, &[0; 8]),
        ("6.7", "PING of 7 bytes", kind::PING, 0, 0, &[0; 7]),
        ("6.8", "GOAWAY of a stream", kind::GOAWAY, 0, 1, &[0; 8]),
        ("6.9", "WINDOW_UPDATE of 0", kind::WINDOW_UPDATE, 0, 0, &[0; 4]),
        ("6.9", "WINDOW_UPDATE of 3 bytes", kind::WINDOW_UPDATE, 0, 0, &[0; 3]),
        ("6.9.1", "a window past 2^31", kind::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
    ];
    let good: [(_, _, _, _, _, &[u8]); 3] = [
        ("4.1", "an unknown type", 0x42, 0xff, 3, b"x"),
        ("6.3", "PRIORITY", kind::PRIORITY, 0, 3, &[0, 0, 0, 0, 9]),
        ("6.5.2", "an unknown setting", kind::SETTINGS, 0, 0, &[0, 0x99, 0, 0, 0, 1]),
    ];
    let bad = bad.map(|(section, name, kind, flags, stream, payload)| {
        frames(section, name, &[frame(kind, flags, stream, payload)], ConnectionError)
    });
    let good = good.map(|(section, name, kind, flags, stream, payload)| {
        frames(section, name, &[frame(kind, flags, stream, payload)], Status(200))
    });
    bad.into_iter().chain(good)
}

/// Frames that do not go together, and whatever a good request behind them gets.
pub(super) fn sequences() -> impl Iterator<Item = Case> {
    let get = || request(1, &GOOD);
    let block = fields(&GOOD);
    let begin = || frame(kind::HEADERS, END_STREAM, 1, &block[..9]);
    let rest = |stream| frame(kind::CONTINUATION, END_HEADERS, stream, &block[9..]);
    let push = frame(kind::PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]);
    let reset = |length| frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8][..length]);
    let priority = |on: u32| {
        let payload = [&on.to_be_bytes()[..], &[7], &block].concat();
        frame(kind::HEADERS, BOTH | WITH_PRIORITY, 1, &payload)
    };
    let short = frame(kind::HEADERS, BOTH | WITH_PRIORITY, 1, &[0; 3]);
    let back = [request(5, &GOOD), request(3, &GOOD)];
    let late = frame(kind::DATA, 0, 1, b"x");
    [
        frames("5.1.1", "an even stream", &[request(2, &GOOD)], ConnectionError),
        frames("5.1.1", "stream 0", &[request(0, &GOOD)], ConnectionError),
        frames("5.1.1", "a stream that goes back", &back, ConnectionError),
        frames("5.1", "DATA after the end", &[get(), late], Error),
        frames("6.2", "HEADERS that are cut", &[short], Error),
        frames("6.4", "RST_STREAM of 3 bytes", &[get(), reset(3)], ConnectionError),
        frames("6.4", "RST_STREAM", &[get(), reset(4)], Status(200)),
        frames("6.6", "PUSH_PROMISE", &[get(), push], ConnectionError),
        frames("6.10", "CONTINUATION alone", &[rest(1)], ConnectionError),
        frames("6.10", "CONTINUATION of another", &[begin(), rest(3)], ConnectionError),
        frames("6.10", "a block without its end", &[begin()], ConnectionError),
        frames("6.10", "CONTINUATION after the end", &[get(), rest(1)], ConnectionError),
        exchange("6.10", "CONTINUATION", &[begin(), rest(1)], Status(200)),
        exchange("6.2", "a priority", &[priority(0)], Status(200)),
        exchange("5.3.1", "depends on itself", &[priority(1)], Error),
    ]
    .into_iter()
}
