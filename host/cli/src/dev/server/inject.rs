//! The dev client's script tag at the end of every HTML page.
//!
//! The body stays a stream: [`WithTail`] passes every frame on and adds one when the page has
//! ended. What is not a whole, readable HTML page (another type, an encoding, part of a file, a
//! piece for a script to put somewhere, the answer to HEAD) goes through untouched.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    LAST_MODIFIED,
};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use pin_project_lite::pin_project;

use super::document::{BEGINNING, Destination, begins_document};
use super::hub::PageVersion;
use crate::dev::wire::message::Problem;
use crate::terminal::ansi::escaped;

/// Whether `response` is a whole page that can be read and written.
pub(crate) fn is_document<B>(response: &Response<B>) -> bool {
    let headers = response.headers();
    let html = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/html"));
    let partial = response.status().is_informational()
        || matches!(
            response.status(),
            StatusCode::NO_CONTENT
                | StatusCode::RESET_CONTENT
                | StatusCode::PARTIAL_CONTENT
                | StatusCode::NOT_MODIFIED
        );
    html && !partial && !headers.contains_key(CONTENT_ENCODING)
}

/// Adds the client to a response if it is a page that is shown as a document, and says whether it
/// is. `served` is what
/// answered it, to a request with `method`; `panic` is what went wrong in its handler.
pub(crate) async fn add_client<B>(
    response: Response<B>,
    destination: Destination,
    method: &Method,
    served: &PageVersion,
    panic: Option<&Problem>,
) -> (Response<WithTail<B>>, bool)
where
    B: Body<Data = Bytes> + Unpin,
{
    if destination == Destination::Elsewhere || !is_document(&response) {
        return (untouched(response), false);
    }
    let response = untouched(response);
    if destination == Destination::Document {
        return (with_client(response, method, served, panic), true);
    }
    let (head, mut body) = response.into_parts();
    let is_whole = body.begins_document().await;
    let response = Response::from_parts(head, body);
    match is_whole {
        true => (with_client(response, method, served, panic), true),
        false => (response, false),
    }
}

fn with_client<B: Body>(
    response: Response<WithTail<B>>,
    method: &Method,
    served: &PageVersion,
    panic: Option<&Problem>,
) -> Response<WithTail<B>> {
    let (mut head, body) = response.into_parts();
    // A page that a browser keeps would come back with the version that is gone, find that it is
    // out of date, and reload for nothing.
    for name in [CONTENT_LENGTH, ETAG, LAST_MODIFIED, ACCEPT_RANGES] {
        head.headers.remove(name);
    }
    head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let tail = Some(Bytes::from(tag(head.status, method, served, panic)));
    Response::from_parts(head, WithTail { tail, ..body })
}

/// A response that stays as it is, in the type of those that do not.
pub(crate) fn untouched<B: Body>(response: Response<B>) -> Response<WithTail<B>> {
    response.map(|body| WithTail { body, read: VecDeque::new(), tail: None })
}

/// The script tag, with what the page must know about itself.
fn tag(
    status: StatusCode,
    method: &Method,
    served: &PageVersion,
    panic: Option<&Problem>,
) -> String {
    let mut tag = String::from("<script src=\"/__nova/client.js\"");
    let panic = panic.map(|problem| serde_json::to_string(problem).expect("plain strings"));
    // A page that answers a form cannot be asked for again.
    let method = (method != Method::GET).then_some(method.as_str());
    for (name, value) in [
        ("version", served.version.as_deref()),
        ("style", served.style.as_deref()),
        ("status", Some(status.as_str())),
        ("method", method),
        ("panic", panic.as_deref()),
    ] {
        if let Some(value) = value {
            tag.push_str(&format!(" data-{name}=\"{}\"", escaped(value)));
        }
    }
    tag.push_str("></script>\n");
    tag
}

pin_project! {
    /// A body, and then perhaps one more frame.
    pub(crate) struct WithTail<B: Body> {
        #[pin]
        body: B,
        // What was read of it already, to see what it is.
        read: VecDeque<Result<Frame<Bytes>, B::Error>>,
        tail: Option<Bytes>,
    }
}

impl<B: Body<Data = Bytes> + Unpin> WithTail<B> {
    /// Whether it is a whole page. Reads as much as that takes.
    async fn begins_document(&mut self) -> bool {
        let mut text = Vec::new();
        while text.len() < BEGINNING {
            let Some(frame) = self.body.frame().await else { break };
            if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
                text.extend_from_slice(data);
            }
            let is_data = frame.as_ref().is_ok_and(Frame::is_data);
            self.read.push_back(frame);
            match begins_document(&text) {
                Some(known) => return known,
                None if !is_data => break,
                None => {}
            }
        }
        false
    }
}

impl<B: Body<Data = Bytes>> Body for WithTail<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let next = match this.read.pop_front() {
            Some(frame) => Some(frame),
            None => std::task::ready!(this.body.poll_frame(cx)),
        };
        match next {
            None => Poll::Ready(this.tail.take().map(|tail| Ok(Frame::data(tail)))),
            // Data cannot follow trailers, and a page that broke off is not to look complete.
            Some(frame) => {
                if !matches!(&frame, Ok(frame) if frame.is_data()) {
                    *this.tail = None;
                }
                Poll::Ready(Some(frame))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_none() && self.read.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let read = self.read.iter().flatten().filter_map(Frame::data_ref);
        let more: usize = read.chain(&self.tail).map(Bytes::len).sum();
        let more = more as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + more);
        }
        hint.set_lower(hint.lower() + more);
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;
    use crate::dev::wire::message::ProblemKind;

    fn served() -> PageVersion {
        PageVersion { version: Some("abc.0".into()), style: Some("/_nova/style-1.css".into()) }
    }

    const TAG: &str = "<script src=\"/__nova/client.js\" data-version=\"abc.0\" data-style=\"/_nova/style-1.css\" data-status=\"200\"></script>\n";

    fn page(headers: &[(&str, &str)]) -> Response<Full<Bytes>> {
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(Full::from("<p>hi")).expect("a response")
    }

    async fn text<B: Body<Data = Bytes>>(body: B) -> String
    where
        B::Error: std::fmt::Debug,
    {
        let bytes = body.collect().await.expect("a body").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    #[tokio::test]
    async fn a_page_gets_the_tag_and_is_not_kept() {
        let page = page(&[
            ("content-type", "Text/HTML; charset=utf-8"),
            ("content-length", "5"),
            ("etag", "\"x\""),
            ("cache-control", "max-age=60"),
        ]);
        let response = with_client(untouched(page), &Method::GET, &served(), None);
        let (head, body) = response.into_parts();
        assert!(!head.headers.contains_key(CONTENT_LENGTH));
        assert!(!head.headers.contains_key(ETAG));
        assert_eq!(head.headers[CACHE_CONTROL], "no-store");
        assert_eq!(body.size_hint().exact(), Some(5 + TAG.len() as u64));
        assert!(!body.is_end_stream());
        assert_eq!(text(body).await, format!("<p>hi{TAG}"));
    }

    #[tokio::test]
    async fn what_is_no_whole_page_is_left_alone() {
        for (status, headers, expected) in [
            (200, &[("content-type", "text/html")][..], true),
            (500, &[("content-type", "text/html; charset=utf-8")], true),
            (200, &[("content-type", "text/plain")], false),
            (200, &[("content-type", "text/htmlx")], false),
            (200, &[], false),
            (200, &[("content-type", "text/html"), ("content-encoding", "br")], false),
            (206, &[("content-type", "text/html")], false),
            (304, &[("content-type", "text/html")], false),
        ] {
            let mut page = page(headers);
            *page.status_mut() = StatusCode::from_u16(status).expect("a status");
            assert_eq!(is_document(&page), expected, "{status} {headers:?}");
            let before = page.headers().clone();
            let (head, body) = untouched(page).into_parts();
            assert_eq!(head.headers, before);
            assert_eq!(body.size_hint().exact(), Some(5));
            assert_eq!(text(body).await, "<p>hi");
        }
    }

    #[tokio::test]
    async fn only_documents_get_the_client() {
        use Destination::{Document, Elsewhere, Unknown};
        for (destination, parts, added) in [
            (Document, &["<li>1</li>"][..], true),
            (Unknown, &["<li>1</li>"], false),
            (Unknown, &["\n<!doc", "type html>", "<p>"], true),
            (Unknown, &["<!doc", "tor>"], false),
            (Unknown, &[], false),
            (Elsewhere, &["<!doctype html>"], false),
        ] {
            let frames: Vec<_> =
                parts.iter().map(|it| Ok::<_, &str>(Frame::data(Bytes::from(*it)))).collect();
            let mut response = Response::new(StreamBody::new(Box::pin(
                async_stream::stream! { for frame in frames { yield frame; } },
            )));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            let method = Method::GET;
            let (response, is_added) =
                add_client(response, destination, &method, &served(), None).await;
            assert_eq!(is_added, added, "{destination:?} {parts:?}");
            assert_eq!(response.headers().contains_key(CACHE_CONTROL), added);
            let tail = if added { TAG } else { "" };
            assert_eq!(text(response.into_body()).await, parts.concat() + tail);
        }
        // What was looked at counts.
        let whole = page(&[("content-type", "text/html")]);
        let (response, _) = add_client(whole, Unknown, &Method::GET, &served(), None).await;
        assert_eq!(response.body().size_hint().exact(), Some(5));
        assert!(!response.body().is_end_stream());
    }

    #[tokio::test]
    async fn frames_pass_as_they_come() {
        let frames = async_stream::stream! {
            yield Ok::<_, &str>(Frame::data(Bytes::from("one")));
            yield Ok(Frame::data(Bytes::from("two")));
        };
        let mut response = Response::new(StreamBody::new(Box::pin(frames)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        let mut body = with_client(untouched(response), &Method::GET, &served(), None).into_body();
        let mut seen = Vec::new();
        while let Some(frame) = body.frame().await {
            seen.push(frame.expect("a frame").into_data().expect("data"));
        }
        assert_eq!(seen, ["one", "two", TAG]);
    }

    #[tokio::test]
    async fn a_page_that_breaks_off_stays_broken_off() {
        let frames = async_stream::stream! {
            yield Ok(Frame::data(Bytes::from("one")));
            yield Err("gone");
        };
        let body = StreamBody::new(Box::pin(frames));
        let tail = Some(Bytes::from("tail"));
        let mut body = WithTail { body, read: VecDeque::new(), tail };
        assert!(body.frame().await.expect("a frame").is_ok());
        assert_eq!(body.frame().await.expect("a frame").err(), Some("gone"));
        assert!(body.frame().await.is_none());
    }

    #[test]
    fn a_panic_travels_in_the_tag() {
        let problem = Problem::new(ProblemKind::Panic, "index \"3\" <out>", "at '1'");
        let tag = tag(
            StatusCode::INTERNAL_SERVER_ERROR,
            &Method::POST,
            &PageVersion::default(),
            Some(&problem),
        );
        assert_eq!(
            tag,
            "<script src=\"/__nova/client.js\" data-status=\"500\" data-method=\"POST\" data-panic=\"{&quot;kind&quot;:&quot;panic&quot;,&quot;title&quot;:&quot;index \\&quot;3\\&quot; &lt;out&gt;&quot;,&quot;file&quot;:null,&quot;line&quot;:null,&quot;column&quot;:null,&quot;html&quot;:&quot;at &amp;#39;1&amp;#39;&quot;}\"></script>\n"
        );
    }
}
