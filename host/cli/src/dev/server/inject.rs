//! The dev client's script tag at the end of every HTML page.
//!
//! The body stays a stream: [`WithTail`] passes every frame on and adds one when the page has
//! ended. What is not a whole, readable HTML page (another type, an encoding, part of a file,
//! the answer to HEAD or to a script) goes through untouched.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    LAST_MODIFIED,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::hub::PageVersion;
use crate::dev::wire::message::Problem;
use crate::terminal::ansi::escaped;

/// What the client sends when it asks for the page that it is on.
const UPDATE: &str = "nova-update";

/// Whether the sender of this request shows what comes back as a document of its own. A script that
/// fetches a piece of HTML says so (`Sec-Fetch-Dest`), and the client would get in the way of the
/// piece; unless it is the client itself that asks for the page anew.
pub(crate) fn wants_document<B>(request: &Request<B>) -> bool {
    let destination = request.headers().get("sec-fetch-dest").map(HeaderValue::as_bytes);
    request.method() != Method::HEAD
        && (matches!(destination, None | Some(b"document" | b"frame" | b"iframe"))
            || request.headers().contains_key(UPDATE))
}

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

/// Adds the client to a page. `served` is what answered it, to a request with `method`; `panic` is
/// what went wrong in its handler.
pub(crate) fn with_client<B>(
    response: Response<B>,
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
    Response::from_parts(head, WithTail { body, tail })
}

/// A response that stays as it is, in the type of those that do not.
pub(crate) fn untouched<B>(response: Response<B>) -> Response<WithTail<B>> {
    response.map(|body| WithTail { body, tail: None })
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
    pub(crate) struct WithTail<B> {
        #[pin]
        body: B,
        tail: Option<Bytes>,
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
        match std::task::ready!(this.body.poll_frame(cx)) {
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
        self.tail.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let Some(tail) = &self.tail {
            let more = tail.len() as u64;
            if let Some(upper) = hint.upper() {
                hint.set_upper(upper + more);
            }
            hint.set_lower(hint.lower() + more);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full, StreamBody};

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
        let response = with_client(
            page(&[
                ("content-type", "Text/HTML; charset=utf-8"),
                ("content-length", "5"),
                ("etag", "\"x\""),
                ("cache-control", "max-age=60"),
            ]),
            &Method::GET,
            &served(),
            None,
        );
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

    #[test]
    fn only_documents_carry_the_client() {
        for (method, destination, expected) in [
            ("GET", None, true),
            ("POST", Some("document"), true),
            ("GET", Some("iframe"), true),
            ("GET", Some("empty"), false),
            ("GET", Some("script"), false),
            ("HEAD", Some("document"), false),
        ] {
            let mut request = Request::builder().method(method);
            if let Some(destination) = destination {
                request = request.header("sec-fetch-dest", destination);
            }
            let request = request.body(()).expect("a request");
            assert_eq!(wants_document(&request), expected, "{method} {destination:?}");
        }
        let update = Request::builder().header("sec-fetch-dest", "empty").header(UPDATE, "1");
        assert!(wants_document(&update.body(()).expect("a request")));
    }

    #[tokio::test]
    async fn frames_pass_as_they_come() {
        let frames = async_stream::stream! {
            yield Ok::<_, &str>(Frame::data(Bytes::from("one")));
            yield Ok(Frame::data(Bytes::from("two")));
        };
        let mut response = Response::new(StreamBody::new(Box::pin(frames)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        let mut body = with_client(response, &Method::GET, &served(), None).into_body();
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
        let mut body = WithTail { body, tail: Some(Bytes::from("tail")) };
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
