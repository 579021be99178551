//! The request log: a line for each response, when its last byte is handed over.

use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style as Color};
use bytes::Buf as _;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use serde::Serialize;

use super::format::{DIM, Format, Style, push_one_line, time};
use super::writer::Lines;

/// The target of the request log, as a filter names it.
pub(super) const TARGET: &str = "access";

/// Where requests are logged, if they are.
#[derive(Clone, Copy, Debug)]
pub struct AccessLog(Option<&'static LogOutput>);

#[derive(Debug)]
struct LogOutput {
    lines: Lines,
    style: Style,
}

impl AccessLog {
    /// Logs nothing, and costs nothing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    pub(super) fn new(lines: Lines, style: Style) -> Self {
        // There is one for as long as the process lives, and no request counts its users.
        Self(Some(Box::leak(Box::new(LogOutput { lines, style }))))
    }

    /// Begins the line of a request from `client`, known by `id`. The query is left out: it may hold
    /// secrets.
    #[must_use]
    pub fn begin(
        &self,
        head: &Parts,
        client: Option<IpAddr>,
        id: Option<&HeaderValue>,
    ) -> AccessLine {
        AccessLine(self.0.map(|output| {
            Box::new(Line {
                output,
                method: head.method.clone(),
                uri: head.uri.clone(),
                started: Instant::now(),
                status: None,
                generation: None,
                client,
                id: id.cloned(),
                bytes: 0,
                end: ResponseEnd::Cut,
            })
        }))
    }
}

/// The line of one request, which is written when this is dropped: with the last byte of the
/// response, or when it is given up.
#[derive(Debug)]
pub struct AccessLine(Option<Box<Line>>);

#[derive(Debug)]
struct Line {
    output: &'static LogOutput,
    method: Method,
    uri: Uri,
    started: Instant,
    status: Option<StatusCode>,
    generation: Option<u64>,
    client: Option<IpAddr>,
    id: Option<HeaderValue>,
    bytes: u64,
    end: ResponseEnd,
}

/// How a response ended, as far as it is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum ResponseEnd {
    /// With its last byte.
    Complete,
    /// What made its body failed.
    Failed,
    /// Nobody asked for more: the client has gone, or the host has cut the connection.
    Cut,
}

impl ResponseEnd {
    /// The end of a body that was or was not handed over to its last byte.
    fn of(is_end: bool) -> Self {
        if is_end { Self::Complete } else { Self::Cut }
    }
}

impl AccessLine {
    /// The head of the response is there: its status, and the generation that made it, if one did.
    pub fn log_body<B: Body>(
        mut self,
        status: StatusCode,
        generation: Option<u64>,
        body: B,
    ) -> LoggedBody<B> {
        if let Some(line) = &mut self.0 {
            line.status = Some(status);
            line.generation = generation;
            line.end = ResponseEnd::of(body.is_end_stream());
        }
        LoggedBody { body, line: self }
    }
}

pin_project! {
    /// A body whose bytes are counted for the log.
    #[derive(Debug)]
    pub struct LoggedBody<B> {
        #[pin]
        body: B,
        line: AccessLine,
    }
}

impl<B: Body> Body for LoggedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let polled = this.body.as_mut().poll_frame(cx);
        if let (Some(line), Poll::Ready(frame)) = (&mut this.line.0, &polled) {
            match frame {
                Some(Ok(frame)) => {
                    line.bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
                    // The end may never be asked for: it is known.
                    line.end = ResponseEnd::of(this.body.is_end_stream());
                }
                Some(Err(_)) => line.end = ResponseEnd::Failed,
                None => line.end = ResponseEnd::Complete,
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let line = match self.output.style.format {
            Format::Human => self.human(),
            Format::Json => self.json(),
        };
        self.output.lines.send(&line);
    }
}

impl Line {
    /// `200 GET /users/42 870µs 2.3kB #3 4f1c…`, without the machinery of `format!`: most hosts write
    /// one for each request.
    fn human(&self) -> String {
        let style = self.output.style;
        let mut line = String::with_capacity(192);
        style.stamp(&mut line);
        match &self.status {
            Some(status) => {
                style.painted(&mut line, color_of(*status), |line| line.push_str(status.as_str()));
            }
            // No answer was ready when the request was given up.
            None => style.painted(&mut line, DIM, |line| line.push_str("---")),
        }
        line.push(' ');
        line.push_str(self.method.as_str());
        line.push(' ');
        push_one_line(&mut line, self.uri.path());
        style.painted(&mut line, DIM, |line| {
            line.push(' ');
            push_duration(line, self.started.elapsed());
            line.push(' ');
            push_size(line, self.bytes);
            if let Some(generation) = self.generation {
                line.push_str(" #");
                push_number(line, generation);
            }
            if let Some(id) = self.id() {
                line.push(' ');
                line.push_str(id);
            }
            line.push_str(match self.end {
                ResponseEnd::Complete => "",
                ResponseEnd::Failed => " (the page failed)",
                ResponseEnd::Cut => " (client left, or cut)",
            });
        });
        line.push('\n');
        line
    }

    /// An id is visible ASCII; see `edge/request_id.rs`.
    fn id(&self) -> Option<&str> {
        self.id.as_ref()?.to_str().ok()
    }

    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Object<'a> {
            time: String,
            level: &'a str,
            target: &'a str,
            method: &'a str,
            path: &'a str,
            status: Option<u16>,
            duration_us: u64,
            bytes: u64,
            generation: Option<u64>,
            client: Option<IpAddr>,
            #[serde(skip_serializing_if = "Option::is_none")]
            request_id: Option<&'a str>,
            complete: bool,
            end: ResponseEnd,
        }
        let object = Object {
            time: time().to_string(),
            level: "info",
            target: TARGET,
            method: self.method.as_str(),
            path: self.uri.path(),
            status: self.status.map(|status| status.as_u16()),
            duration_us: self.started.elapsed().as_micros().try_into().unwrap_or(u64::MAX),
            bytes: self.bytes,
            generation: self.generation,
            client: self.client,
            request_id: self.id(),
            complete: self.end == ResponseEnd::Complete,
            end: self.end,
        };
        let mut line = serde_json::to_string(&object).unwrap_or_default();
        line.push('\n');
        line
    }
}

fn color_of(status: StatusCode) -> Color {
    match status.as_u16() {
        200..300 => AnsiColor::Green.on_default(),
        300..400 => AnsiColor::Cyan.on_default(),
        400..500 => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Red.on_default(),
    }
}

/// `870µs`, `1.2ms`, `3.4s`.
fn push_duration(line: &mut String, duration: Duration) {
    let micros = duration.as_micros().try_into().unwrap_or(u64::MAX);
    match micros {
        0..1_000 => push_with_unit(line, micros, "µs"),
        1_000..1_000_000 => push_tenths(line, micros, 1_000, "ms"),
        _ => push_tenths(line, micros, 1_000_000, "s"),
    }
}

/// `12B`, `3.4kB`, `1.0MB`.
fn push_size(line: &mut String, bytes: u64) {
    match bytes {
        0..1_000 => push_with_unit(line, bytes, "B"),
        1_000..1_000_000 => push_tenths(line, bytes, 1_000, "kB"),
        _ => push_tenths(line, bytes, 1_000_000, "MB"),
    }
}

fn push_number(line: &mut String, number: u64) {
    line.push_str(itoa::Buffer::new().format(number));
}

fn push_with_unit(line: &mut String, number: u64, unit: &str) {
    push_number(line, number);
    line.push_str(unit);
}

/// `count` of what `unit` has `each` of, with one digit after the point.
fn push_tenths(line: &mut String, count: u64, each: u64, unit: &str) {
    let tenths = (count + each / 20) / (each / 10);
    push_number(line, tenths / 10);
    line.push('.');
    push_with_unit(line, tenths % 10, unit);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::Request;
    use http_body_util::{BodyExt, Empty, Full};

    use super::super::writer::Writer;
    use super::*;

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged by `use_log`.
    async fn logged(format: Format, use_log: impl AsyncFnOnce(AccessLog)) -> String {
        let output = Output::default();
        let writer = Writer::start(output.clone());
        let style = Style { format, time: false, color: false };
        use_log(AccessLog::new(writer.lines(), style)).await;
        drop(writer);
        String::from_utf8(output.0.lock().unwrap().clone()).unwrap()
    }

    fn begin(log: &AccessLog, id: Option<&HeaderValue>) -> AccessLine {
        let request = Request::get("/users/42?token=secret").body(()).unwrap();
        log.begin(&request.into_parts().0, "192.0.2.1".parse().ok(), id)
    }

    fn fields(line: &str) -> serde_json::Value {
        let mut object: serde_json::Value = serde_json::from_str(line).unwrap();
        let object_map = object.as_object_mut().unwrap();
        assert!(object_map.remove("time").is_some());
        assert!(object_map.remove("duration_us").is_some());
        object
    }

    #[tokio::test]
    async fn an_answer_is_logged_with_its_last_byte() {
        let line = logged(Format::Json, async |log| {
            let access = begin(&log, None);
            let body = Full::new(bytes::Bytes::from_static(b"hello"));
            access.log_body(StatusCode::OK, Some(3), body).collect().await.unwrap();
        })
        .await;
        assert_eq!(
            fields(&line),
            serde_json::json!({
                "level": "info", "target": "access", "method": "GET", "path": "/users/42",
                "status": 200, "bytes": 5, "generation": 3, "client": "192.0.2.1", "complete": true,
                "end": "complete",
            })
        );
    }

    #[tokio::test]
    async fn the_id_is_in_the_line() {
        let id = HeaderValue::from_static("abc-1");
        for format in [Format::Json, Format::Human] {
            let line = logged(format, async |log| {
                let access = begin(&log, Some(&id));
                drop(access.log_body(StatusCode::OK, Some(3), Empty::<bytes::Bytes>::new()));
            })
            .await;
            match format {
                Format::Human => assert!(line.ends_with(" 0B #3 abc-1\n"), "{line}"),
                Format::Json => {
                    assert_eq!(fields(&line)["request_id"], "abc-1");
                }
            }
        }
    }

    /// A body of so many pieces, behind which there is an error.
    struct Failing(usize);

    impl Body for Failing {
        type Data = bytes::Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<bytes::Bytes>, &'static str>>> {
            Poll::Ready(Some(match self.0.checked_sub(1) {
                Some(left) => {
                    self.0 = left;
                    Ok(Frame::data(bytes::Bytes::from_static(b"piece")))
                }
                None => Err("the page panicked"),
            }))
        }
    }

    #[tokio::test]
    async fn a_body_ends_as_it_does_and_not_as_another_would() {
        for (pieces_read, end, words) in
            [(1, "cut", " 5B (client left, or cut)\n"), (2, "failed", " 5B (the page failed)\n")]
        {
            for format in [Format::Json, Format::Human] {
                let line = logged(format, async |log| {
                    let body = begin(&log, None).log_body(StatusCode::OK, None, Failing(1));
                    let mut body = std::pin::pin!(body);
                    for _ in 0..pieces_read {
                        body.frame().await.unwrap().ok();
                    }
                })
                .await;
                match format {
                    Format::Human => assert!(line.ends_with(words), "{line}"),
                    Format::Json => {
                        let fields = fields(&line);
                        assert_eq!(
                            (&fields["complete"], &fields["end"]),
                            (&false.into(), &end.into())
                        );
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn an_empty_body_is_complete_without_being_asked_for() {
        let line = logged(Format::Json, async |log| {
            let access = begin(&log, None);
            drop(access.log_body(StatusCode::NO_CONTENT, None, Empty::<bytes::Bytes>::new()));
        })
        .await;
        assert_eq!(fields(&line)["complete"], true);
    }

    #[tokio::test]
    async fn a_client_that_left_before_the_answer() {
        let line = logged(Format::Human, async |log| drop(begin(&log, None))).await;
        assert!(line.starts_with("--- GET /users/42 "), "{line}");
        assert!(line.ends_with(" 0B (client left, or cut)\n"), "{line}");
    }

    #[tokio::test]
    async fn a_line_for_people() {
        let line = logged(Format::Human, async |log| {
            let access = begin(&log, None);
            let body = Full::new(bytes::Bytes::from(vec![b'x'; 2_300]));
            access.log_body(StatusCode::NOT_FOUND, Some(2), body).collect().await.unwrap();
        })
        .await;
        assert!(line.starts_with("404 GET /users/42 "), "{line}");
        assert!(line.ends_with(" 2.3kB #2\n"), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }

    #[test]
    fn times_and_sizes_are_short() {
        let pushed = |push: &dyn Fn(&mut String)| {
            let mut line = String::new();
            push(&mut line);
            line
        };
        for (micros, text) in [
            (0, "0µs"),
            (999, "999µs"),
            (1_240, "1.2ms"),
            (1_260, "1.3ms"),
            (999_949, "999.9ms"),
            (3_400_000, "3.4s"),
            (61_000_000, "61.0s"),
        ] {
            let duration = Duration::from_micros(micros);
            assert_eq!(pushed(&|line| push_duration(line, duration)), text);
        }
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (3_400, "3.4kB"),
            (1_000_000, "1.0MB"),
            (5_368_709_120, "5368.7MB"),
        ] {
            assert_eq!(pushed(&|line| push_size(line, bytes)), text);
        }
    }
}
