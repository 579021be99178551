//! Requests in whole frames: pseudo-headers, headers, bodies.

use nova_tests::http2::{END_HEADERS, END_STREAM, PADDED, frame, kind};

use super::Right::{ConnectionError, Error, Status};
use super::{AUTHORITY, Case, GOOD, METHOD, PATH, SCHEME, exchange, headers, lines, request, with};

pub(super) fn pseudo_headers() -> Vec<Case> {
    let post = (":method", "POST");
    vec![
        lines("8.3.1", &GOOD, Status(200)),
        lines("8.3.1", &[METHOD, SCHEME, PATH, ("host", "a")], Status(200)),
        lines("8.3.1", &[METHOD, SCHEME, PATH], Status(400)),
        lines("8.3.1", &[SCHEME, PATH, AUTHORITY], Error),
        lines("8.3.1", &[METHOD, PATH, AUTHORITY], Error),
        lines("8.3.1", &[METHOD, SCHEME, AUTHORITY], Error),
        lines("8.3.1", &[METHOD, SCHEME, (":path", ""), AUTHORITY], Error),
        lines("8.3", &[METHOD, METHOD, SCHEME, PATH, AUTHORITY], Error),
        lines("8.3", &[METHOD, post, SCHEME, PATH, AUTHORITY], Error),
        lines("8.3", &[METHOD, SCHEME, SCHEME, PATH, AUTHORITY], Error),
        lines("8.3", &[METHOD, SCHEME, PATH, PATH, AUTHORITY], Error),
        lines("8.3", &[METHOD, SCHEME, PATH, AUTHORITY, AUTHORITY], Error),
        lines("8.3", &[METHOD, SCHEME, PATH, ("x", "y"), AUTHORITY], Error),
        with("8.3", ":status", "200", Error),
        with("8.3", ":unknown", "x", Error),
        with("8.3", ":", "x", Error),
        with("8441 4", ":protocol", "websocket", Error),
        lines("8.3.1", &[("method", "GET"), SCHEME, PATH, AUTHORITY], Error),
        lines("8.3.1", &[(":method", "G T"), SCHEME, PATH, AUTHORITY], Error),
        lines("8.3.1", &[(":method", ""), SCHEME, PATH, AUTHORITY], Error),
        lines("8.3.1", &[METHOD, (":scheme", "ftp"), PATH, AUTHORITY], Status(400)),
        lines("8.3.1", &[METHOD, (":scheme", "a b"), PATH, AUTHORITY], Error),
        lines("8.3.1", &[METHOD, SCHEME, (":path", "seen"), AUTHORITY], Error),
        lines("8.3.1", &[METHOD, SCHEME, (":path", "/a b"), AUTHORITY], Error),
        lines("8.3.1", &[METHOD, SCHEME, (":path", "*"), AUTHORITY], Status(400)),
        lines("8.3.1", &[(":method", "OPTIONS"), SCHEME, (":path", "*"), AUTHORITY], Status(204)),
        lines("8.3.1", &[METHOD, SCHEME, PATH, (":authority", "u@a")], Status(400)),
        lines("8.3.1", &[METHOD, SCHEME, PATH, (":authority", "a:x")], Status(400)),
        lines("8.3.1", &[METHOD, SCHEME, PATH, (":authority", "a b")], Error),
        lines("8.3.1", &[METHOD, SCHEME, PATH, (":authority", "a,b")], Status(400)),
        lines("8.3.1", &[METHOD, SCHEME, PATH, (":authority", "a/x")], Error),
        lines("8.5", &[(":method", "CONNECT"), (":authority", "a:443")], Status(501)),
        lines("8.5", &[(":method", "CONNECT"), SCHEME, PATH, AUTHORITY], Error),
    ]
}

pub(super) fn header_lines() -> Vec<Case> {
    vec![
        with("8.3.1", "host", "b", Status(200)),
        lines("8.3.1", &[&GOOD[..], &[("host", "a"), ("host", "a")]].concat(), Status(400)),
        with("8.3.1", "host", "u@a", Status(400)),
        with("8.2.2", "connection", "close", Error),
        with("8.2.2", "connection", "x", Error),
        with("8.2.2", "keep-alive", "timeout=5", Error),
        with("8.2.2", "proxy-connection", "close", Error),
        with("8.2.2", "transfer-encoding", "chunked", Error),
        with("8.2.2", "upgrade", "h2c", Error),
        with("8.2.2", "te", "gzip", Error),
        with("8.2.2", "te", "trailers, deflate", Error),
        with("8.2.2", "te", "trailers", Status(200)),
        with("8.2.1", "X", "y", Error),
        with("8.2.1", "x y", "z", Error),
        with("8.2.1", "x:y", "z", Error),
        with("8.2.1", "", "x", Error),
        with("8.2.1", "é", "x", Error),
        with("8.2.1", "x", "a\u{0}b", Error),
        with("8.2.1", "x", "a\rb", Error),
        with("8.2.1", "x", "a\nb", Error),
        with("8.2.1", "x", "a\r\ny: z", Error),
        with("8.2.1", "x", " a", Status(400)),
        with("8.2.1", "x", "a ", Status(400)),
        with("8.2.1", "x", "\ta", Status(400)),
        with("8.2.1", "x", "a\tb c", Status(200)),
        with("8.2.1", "x", "", Status(200)),
        with("9110 10.1.1", "expect", "magic", Status(417)),
        with("8.1.1", "content-length", "5", Error),
        with("8.1.1", "content-length", "0", Status(200)),
        with("8.1.1", "content-length", "a", Error),
        // --max-header is 64 KiB.
        with("6585 5", "x", &"a".repeat(15_000), Status(200)),
    ]
}

pub(super) fn bodies() -> Vec<Case> {
    let post = [(":method", "POST"), SCHEME, PATH, AUTHORITY];
    let announced = [&post[..], &[("content-length", "3")]].concat();
    let data = |flags, text: &str| frame(kind::DATA, flags, 1, text.as_bytes());
    let open = |lines: &[(&str, &str)]| headers(END_HEADERS, 1, lines);
    let end = END_STREAM;
    vec![
        exchange("8.1", "a body", &[open(&post), data(end, "abc")], Status(200)),
        exchange("8.1", "a length", &[open(&announced), data(end, "abc")], Status(200)),
        exchange("8.1.1", "too short", &[open(&announced), data(end, "ab")], Error),
        exchange("8.1.1", "too long", &[open(&announced), data(end, "abcd")], Error),
        exchange("6.1", "padded", &[open(&post), data(end | PADDED, "\u{1}abc\u{0}")], Status(200)),
        exchange(
            "6.1",
            "all padding",
            &[open(&post), data(end | PADDED, "\u{9}abc")],
            ConnectionError,
        ),
        exchange(
            "8.1",
            "trailers",
            &[open(&post), data(0, "abc"), request(1, &[("x", "y")])],
            Status(200),
        ),
        exchange(
            "8.1",
            "trailers that do not end",
            &[open(&post), data(0, "abc"), open(&[("x", "y")])],
            Error,
        ),
        exchange(
            "8.1",
            "trailers with a bad name",
            &[open(&post), data(0, "abc"), request(1, &[("X", "y")])],
            Error,
        ),
    ]
}
