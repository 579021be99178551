//! Requests of HTTP/2 that are none, frame by frame, and some beside them that are.

mod frames;
mod requests;

use nova_tests::http2::{Answer, END_HEADERS, END_STREAM, ask, fields, frame, kind};

use crate::edge::ground::Ground;

/// What is right for a server to do.
#[derive(Clone, Copy, Debug)]
enum Right {
    /// Answer with this status.
    Status(u16),
    /// End the stream, or the connection: a server may take the one for the other (RFC 9113,
    /// section 5.4.2).
    Error,
    /// End the connection.
    ConnectionError,
}

use Right::{ConnectionError, Error, Status};

struct Case {
    section: &'static str,
    name: String,
    bytes: Vec<u8>,
    /// The stream that is asked about.
    stream: u32,
    right: Right,
}

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "http");
const PATH: (&str, &str) = (":path", "/seen");
const AUTHORITY: (&str, &str) = (":authority", "a");
const GOOD: [(&str, &str); 4] = [METHOD, SCHEME, PATH, AUTHORITY];

fn headers(flags: u8, stream: u32, lines: &[(&str, &str)]) -> Vec<u8> {
    frame(kind::HEADERS, flags, stream, &fields(lines))
}

/// A whole request without a body.
fn request(stream: u32, lines: &[(&str, &str)]) -> Vec<u8> {
    headers(END_STREAM | END_HEADERS, stream, lines)
}

/// A request of these lines.
fn lines(section: &'static str, lines: &[(&str, &str)], right: Right) -> Case {
    Case { section, name: format!("{lines:?}"), bytes: request(1, lines), stream: 1, right }
}

/// A good request with one more line.
fn with(section: &'static str, name: &str, value: &str, right: Right) -> Case {
    lines(section, &[&GOOD[..], &[(name, value)]].concat(), right)
}

/// Frames by name, and whatever a good request behind them gets.
fn frames(section: &'static str, name: &str, frames: &[Vec<u8>], right: Right) -> Case {
    let bytes = [&frames.concat()[..], &request(101, &GOOD)].concat();
    Case { section, name: name.to_owned(), bytes, stream: 101, right }
}

/// Frames of stream 1 by name, and what becomes of that.
fn exchange(section: &'static str, name: &str, frames: &[Vec<u8>], right: Right) -> Case {
    Case { section, name: name.to_owned(), bytes: frames.concat(), stream: 1, right }
}

fn is_right(right: Right, answer: &Answer) -> bool {
    match (right, answer) {
        (Status(expected), Answer::Response(status, _)) => expected == *status,
        (Error, Answer::Reset(_) | Answer::GoAway(_) | Answer::Closed)
        | (ConnectionError, Answer::GoAway(_) | Answer::Closed) => true,
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_is_an_error_and_a_good_one_beside_it_is_not() {
    let ground = Ground::of("edge");
    let host = ground.start(&["--no-access-log"]).await;
    let requests = [requests::pseudo_headers(), requests::header_lines(), requests::bodies()];
    let frames = frames::alone().chain(frames::sequences());
    let cases = requests.into_iter().flatten().chain(frames);
    let (mut count, mut wrong) = (0, Vec::new());
    for Case { section, name, bytes, stream, right } in cases {
        count += 1;
        let answer = ask(host.connect().await, &bytes, stream).await;
        if !answer.as_ref().is_ok_and(|answer| is_right(right, answer)) {
            wrong.push(format!("{name}: {answer:?}, not {right:?} (RFC 9113, {section})"));
        }
    }
    assert!(count >= 100, "{count} cases");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(host.get("/seen", "").await.text(), "GET /seen host=a cookie= body=0");
}
