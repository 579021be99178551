//! From a request to a response: find the route, pin its generation, let it answer.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as HttpBody;
use nova_abi::{Param, Peer, Target};
use nova_routing::{BadPath, Match};
use smallvec::SmallVec;

use super::prerendered;
use crate::generation::body::Body;
use crate::generation::call::{Call, call, internal_error, plain};
use crate::generation::table::{Entry, Table};
use crate::generation::{GenerationId, InFlight};
use crate::swap::Switch;

/// Parameters that fit without an allocation; few routes have more.
type Params<'a> = SmallVec<[Param<'a>; 4]>;

/// An answer, and who gave it.
#[derive(Debug)]
pub struct Answered {
    /// The response.
    pub response: Response<Body>,
    /// The generation that gave it; `None` where the host answered by itself.
    pub generation: Option<GenerationId>,
}

/// What the table says about a request, before any library is called.
enum Decided<'t, 'p> {
    /// A route answers. It decides about the method by itself, so that its middleware sees every
    /// request.
    Run(Match<'t, 'p, Entry>),
    /// The path is another's: 308.
    Redirect(Response<Body>),
    /// A library makes the page for this error.
    Error { status: StatusCode, message: &'static str },
}

/// Answers one request from the live table; `elsewhere` is asked for paths that only a route with
/// parameters, or none, would answer: public files come before those.
pub async fn respond<B, F>(
    switch: &Switch,
    request: Request<B>,
    peer: Option<SocketAddr>,
    elsewhere: F,
) -> Answered
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
    F: AsyncFnOnce(&Parts) -> Option<Response<Body>>,
{
    respond_noting(switch, request, peer, elsewhere, |_| {}).await
}

/// The same; the pattern of the route that answers, if one does, is told to `matched` first.
pub(crate) async fn respond_noting<B, F>(
    switch: &Switch,
    request: Request<B>,
    peer: Option<SocketAddr>,
    elsewhere: F,
    matched: impl FnMut(&str),
) -> Answered
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
    F: AsyncFnOnce(&Parts) -> Option<Response<Body>>,
{
    let (parts, body) = request.into_parts();
    let mut answered = answer(switch, &parts, body, peer.map(peer_of), elsewhere, matched).await;
    if parts.method == Method::HEAD {
        drop_body(&mut answered.response);
    }
    answered
}

async fn answer<B, F>(
    switch: &Switch,
    parts: &Parts,
    body: B,
    peer: Option<Peer>,
    elsewhere: F,
    mut matched: impl FnMut(&str),
) -> Answered
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
    F: AsyncFnOnce(&Parts) -> Option<Response<Body>>,
{
    let mut body = Some(body);
    let mut elsewhere = Some(elsewhere);
    loop {
        let table = switch.table();
        let table = table.choose();
        if let Some(answered) = prerendered_page(table, parts) {
            return answered;
        }
        let decided = decide(table, parts);
        let exact = matches!(&decided, Decided::Run(found) if found.params.is_empty());
        if !exact
            && let Some(elsewhere) = elsewhere.take()
            && let Some(response) = elsewhere(parts).await
        {
            return Answered { response, generation: None };
        }
        let slot = match &decided {
            Decided::Redirect(_) => None,
            Decided::Run(found) => table.generations().get(found.value.slot),
            // Error pages of paths that nobody claims are the first library's.
            Decided::Error { .. } => table.generations().first(),
        };
        let pin = match slot {
            None => None,
            Some(generation) => match generation.enter() {
                Some(pin) => Some(pin),
                // It was replaced since the table was read: ask the new table.
                None => continue,
            },
        };
        return match (decided, pin) {
            (Decided::Redirect(response), _) => Answered { response, generation: None },
            (Decided::Run(found), Some(pin)) => {
                matched(found.pattern.as_str());
                run(pin, &found, parts, body.take(), peer).await
            }
            (Decided::Run(_), None) => Answered { response: internal_error(), generation: None },
            (Decided::Error { status, message }, pin) => {
                error_page(pin, status, message, parts, peer).await
            }
        };
    }
}

/// A page of a live release that was rendered when it was built.
fn prerendered_page(table: &Table, parts: &Parts) -> Option<Answered> {
    table.prerendering().find_map(|generation| {
        let pages = &generation.assets.prerendered;
        let response =
            prerendered::respond(pages, &parts.method, parts.uri.path(), &parts.headers)?;
        Some(Answered { response, generation: Some(generation.id) })
    })
}

fn decide<'t, 'p>(table: &'t Table, parts: &'p Parts) -> Decided<'t, 'p> {
    let found = match table.find(parts.uri.path()) {
        Ok(Some(found)) => found,
        Ok(None) => {
            let message = "there is no page at this address";
            return Decided::Error { status: StatusCode::NOT_FOUND, message };
        }
        Err(bad) => return bad_path(bad),
    };
    match found.canonical {
        Some(canonical) => Decided::Redirect(redirect(canonical, parts.uri.query())),
        None => Decided::Run(found),
    }
}

fn bad_path<'t, 'p>(bad: BadPath) -> Decided<'t, 'p> {
    let message = match bad {
        BadPath::NotAbsolute => "the request's path does not begin with a slash",
        _ => "the request's path is not properly encoded",
    };
    Decided::Error { status: StatusCode::BAD_REQUEST, message }
}

async fn run<B>(
    pin: InFlight,
    found: &Match<'_, '_, Entry>,
    parts: &Parts,
    body: Option<B>,
    peer: Option<Peer>,
) -> Answered
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    let generation = Some(pin.id);
    let params: Params<'_> = found
        .params
        .iter()
        .map(|(name, value)| Param { name: name.into(), value: value.into() })
        .collect();
    let wanted = Call {
        target: Target::Route(found.value.route),
        pattern: found.pattern.as_str(),
        params: &params,
        peer,
    };
    // A body that is known to be empty needs no way across.
    let body = body.filter(|body| !body.is_end_stream());
    Answered { response: call(pin, wanted, parts, body).await, generation }
}

async fn error_page(
    pin: Option<InFlight>,
    status: StatusCode,
    message: &str,
    parts: &Parts,
    peer: Option<Peer>,
) -> Answered {
    let generation = pin.as_ref().map(|pin| pin.id);
    let response = match pin {
        Some(pin) => {
            let target = Target::Error { status: status.as_u16(), message: message.into() };
            let wanted = Call { target, pattern: "", params: &[], peer };
            call(pin, wanted, parts, None::<http_body_util::Empty<Bytes>>).await
        }
        None => plain(status, format!("{status}: {message}\n")),
    };
    Answered { response, generation }
}

/// 308, which keeps the method; `path` never begins with `//`, so it stays on this host.
fn redirect(path: &str, query: Option<&str>) -> Response<Body> {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut response = Response::new(Body::empty());
    // It was part of a request's head, so it is a header value.
    if let Ok(target) = HeaderValue::try_from(target) {
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, target);
    }
    response
}

/// HEAD: the head that GET would have had (RFC 9110, section 9.3.2).
fn drop_body(response: &mut Response<Body>) {
    let length = response.body().size_hint().exact();
    let bodiless = response.status().is_informational()
        || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    *response.body_mut() = Body::empty();
    if let Some(length) = length.filter(|_| !bodiless) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
}

fn peer_of(address: SocketAddr) -> Peer {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    Peer { ip: ip.octets(), port: address.port() }
}
