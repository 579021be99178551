//! One call into a library: the request lent, the head received, the body taken over.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::Empty;
use nova_abi::abi_stable::std_types::RBox;
use nova_abi::{
    Answer, BodyStream, ChunkSource, Exchange, Failure, Failures, HeadSink, HostExchange,
    OwnedBytes, Panic, Param, Peer, RequestLine, ResponseBody, ResponseHead, Start, Target,
};
use parking_lot::Mutex;

use crate::generation::InFlight;
use crate::generation::answered::AnsweredRequest;
use crate::generation::body::Body;
use crate::generation::failure::{self, REQUEST_ID};
use crate::generation::upgrade::{self, Page};
use crate::process::record;
use crate::server::upgrade::Upgradable;

/// What tells a request from others: who sent it, and the id that it was given.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// Its client; `None` where that is not known.
    pub peer: Option<SocketAddr>,
    /// Its id, if that is not in its head. A library finds it where it would have found it there.
    pub request_id: Option<&'a HeaderValue>,
}

/// What a call needs besides the request itself.
pub struct Call<'a> {
    /// The route, or the error whose page is wanted.
    pub target: Target<'a>,
    /// The pattern of the route; empty for an error.
    pub pattern: &'a str,
    /// The parameters that the pattern takes out of the path.
    pub params: &'a [Param<'a>],
    /// Who sent the request, where that is known.
    pub peer: Option<Peer>,
}

/// Lets a generation answer, into `response`, which is a new one. Its body holds `pin` until it is sent.
///
/// A caller that goes away drops this future, and with it the handler's; what is in `response` then
/// is no response.
pub async fn call<B>(
    pin: InFlight,
    call: &Call<'_>,
    request: &Lent<'_, B>,
    response: &mut http::Response<Body>,
) where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    pin.counters.requests.fetch_add(1, Ordering::Relaxed);
    let mut head = Head { response, refused: false };
    let answer = ask(&pin, call, request, &mut head).await;
    complete(pin, route_of(call), request, head, answer);
}

/// Asks the library; `None` if it was asked again after it had answered.
async fn ask<B>(
    pin: &InFlight,
    call: &Call<'_>,
    lent: &Lent<'_, B>,
    head: &mut Head<'_>,
) -> Option<Answer>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    let request = lent.head;
    let is_upgradable = request.extensions.get::<Upgradable>().is_some();
    let line = request_line(request, call.pattern, is_upgradable);
    let exchange = Exchange::new(line, call.params, call.peer, lent);
    let activity = pin.activity(&request.method, request.uri.path(), route_of(call));
    let mut start = Some(ResponseHead::new(head));
    let mut pending = None;
    poll_fn(|cx| {
        if let Some(head) = start.take() {
            match record::run(&activity, || pin.value().start(call.target, &exchange, head, cx)) {
                Start::Ready(answer) => return Poll::Ready(Some(answer)),
                Start::Pending(future) => {
                    pending = Some(future);
                    return Poll::Pending;
                }
            }
        }
        match &mut pending {
            // A panic of an SDK that does not catch its own ends here, too.
            Some(future) => record::run(&activity, || Pin::new(future).poll(cx))
                .map(|answer| Some(answer.unwrap_or_else(panicked))),
            None => Poll::Ready(None),
        }
    })
    .await
}

/// Makes a whole response of the head that a library has written, and its answer.
fn complete<B>(
    pin: InFlight,
    route: Option<u32>,
    lent: &Lent<'_, B>,
    Head { response, refused }: Head<'_>,
    answer: Option<Answer>,
) {
    let (request, request_id) = (lent.head, || lent.request_id());
    let status = response.status();
    if refused || status.is_server_error() {
        pin.counters.server_errors.fetch_add(1, Ordering::Relaxed);
    }
    let Some(answer) = answer else {
        *response = internal_error();
        return;
    };
    if let Some(failures) = answer.failures.into_option() {
        let Failures { panic, errors } = RBox::into_inner(failures);
        let request = failure::FailedRequest::new(request, request_id());
        request.errors(file_of(&pin, route), errors, response.extensions_mut());
        if let Some(panic) = panic.into_option() {
            pin.counters.panics.fetch_add(1, Ordering::Relaxed);
            request.panic(panic, response.extensions_mut());
        }
    }
    if refused {
        *response = internal_error();
        return;
    }
    match (status, answer.body, request.extensions.get::<Upgradable>()) {
        (StatusCode::SWITCHING_PROTOCOLS, ResponseBody::Upgrade(page), Some(upgradable)) => {
            let answered = AnsweredRequest::new(&pin, request, request_id(), route, false);
            upgrade::spawn(Page::new(page, answered, pin.streaming()), upgradable.clone());
        }
        (StatusCode::SWITCHING_PROTOCOLS, ..) | (_, ResponseBody::Upgrade(_), _) => {
            *response = half_an_upgrade(&pin, request, status);
        }
        (_, body, _) => {
            let has_failed = status.is_server_error();
            let answered = |pin: &InFlight| {
                AnsweredRequest::new(pin, request, request_id(), route, has_failed)
            };
            *response.body_mut() = Body::of(body, response.headers(), pin, answered);
        }
    }
}

/// The place of the page that is asked; `None` for an error page.
fn route_of(call: &Call<'_>) -> Option<u32> {
    match call.target {
        Target::Route(route) => Some(route),
        Target::Error { .. } => None,
    }
}

/// What comes of a panic that an SDK did not catch.
fn panicked(failure: Failure) -> Answer {
    Answer::panicked(Panic::from_message(failure.message))
}

/// The answer instead of one that switches protocols by its status or by its body alone.
fn half_an_upgrade(pin: &InFlight, request: &Parts, status: StatusCode) -> http::Response<Body> {
    if !status.is_server_error() {
        pin.counters.server_errors.fetch_add(1, Ordering::Relaxed);
    }
    let (method, path) = (&request.method, request.uri.path());
    tracing::error!(
        "{method} {path}: {status} and what is done with the connection do not go together; a page \
         that switches protocols answers with `Upgrade::on_upgrade`"
    );
    internal_error()
}

/// The file of the page behind a route; empty for an error page.
fn file_of(pin: &InFlight, route: Option<u32>) -> &str {
    let page = route.and_then(|route| pin.routes.get(route as usize));
    page.map_or("", |page| page.file.as_str())
}

fn request_line<'a>(request: &'a Parts, pattern: &'a str, upgradable: bool) -> RequestLine<'a> {
    RequestLine {
        method: request.method.as_str(),
        path: request.uri.path(),
        query: request.uri.query(),
        authority: request.uri.authority().map(http::uri::Authority::as_str),
        version: match request.version {
            http::Version::HTTP_10 => 10,
            http::Version::HTTP_2 => 20,
            _ => 11,
        },
        pattern,
        upgradable,
    }
}

/// The answer where a library had none to give.
pub fn internal_error() -> http::Response<Body> {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n")
}

/// A short plain text, for when there is no library to make a page.
pub(crate) fn plain(status: StatusCode, text: impl Into<Body>) -> http::Response<Body> {
    let mut response = http::Response::new(text.into());
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

/// A request, as the library may ask about it.
#[derive(Debug)]
pub struct Lent<'a, B> {
    head: &'a Parts,
    /// Its id, if that is not in its head.
    id: Option<&'a HeaderValue>,
    body: Mutex<Option<B>>,
}

impl<'a, B> Lent<'a, B> {
    /// A request with this body; one that is empty needs no way across. `id` is no header of `head`.
    pub fn new(head: &'a Parts, id: Option<&'a HeaderValue>, body: Option<B>) -> Self {
        Self { head, id, body: Mutex::new(body) }
    }

    fn request_id(&self) -> Option<&'a HeaderValue> {
        self.id.or_else(|| self.head.headers.get(REQUEST_ID))
    }
}

impl<'a> Lent<'a, Empty<Bytes>> {
    /// A request without a body.
    #[must_use]
    pub fn without_body(head: &'a Parts) -> Self {
        Self::new(head, None, None)
    }
}

impl<B> HostExchange for Lent<'_, B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    fn header(&self, name: &str) -> Option<&[u8]> {
        let value = match self.id {
            Some(id) if name == REQUEST_ID.as_str() => Some(id),
            _ => self.head.headers.get(name),
        };
        value.map(HeaderValue::as_bytes)
    }

    fn each_header(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in &self.head.headers {
            visit(name.as_str(), value.as_bytes());
        }
        if let Some(id) = self.id {
            visit(REQUEST_ID.as_str(), id.as_bytes());
        }
    }

    fn take_body(&self) -> Option<BodyStream> {
        let body = self.body.lock().take()?;
        Some(BodyStream::new(Pieces(body)))
    }
}

/// A request's body as the library reads it.
struct Pieces<B>(B);

impl<B> ChunkSource for Pieces<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<OwnedBytes, Failure>>> {
        loop {
            return match Pin::new(&mut self.0).poll_frame(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => Poll::Ready(Some(Ok(OwnedBytes::from_owner(bytes)))),
                    // Trailers: nothing reads them yet.
                    Err(_) => continue,
                },
                Poll::Ready(Some(Err(error))) => {
                    Poll::Ready(Some(Err(Failure::disconnected(error.to_string()))))
                }
            };
        }
    }

    fn exact_len(&self) -> Option<u64> {
        self.0.size_hint().exact()
    }
}

/// Where the library writes status and headers.
struct Head<'a> {
    response: &'a mut http::Response<Body>,
    /// The library wrote something that is no status or no header.
    refused: bool,
}

impl Head<'_> {
    fn append(&mut self, name: &str, value: Option<HeaderValue>) -> bool {
        // Nearly every page has these: they are not spelled out each time.
        let name = match name {
            "content-type" => Some(header::CONTENT_TYPE),
            "cache-control" => Some(header::CACHE_CONTROL),
            "location" => Some(header::LOCATION),
            "set-cookie" => Some(header::SET_COOKIE),
            name => HeaderName::from_bytes(name.as_bytes()).ok(),
        };
        let added = match (name, value) {
            (Some(name), Some(value)) => {
                self.response.headers_mut().try_append(name, value).is_ok()
            }
            _ => false,
        };
        self.refused |= !added;
        added
    }
}

impl HeadSink for Head<'_> {
    fn status(&mut self, status: u16) {
        match StatusCode::from_u16(status) {
            Ok(status) => *self.response.status_mut() = status,
            Err(_) => self.refused = true,
        }
    }

    fn header(&mut self, name: &str, value: &[u8]) -> bool {
        self.append(name, HeaderValue::from_bytes(value).ok())
    }

    fn static_header(&mut self, name: &str, value: &'static [u8]) -> bool {
        let value = HeaderValue::from_maybe_shared(Bytes::from_static(value));
        self.append(name, value.ok())
    }
}
