//! Where a request goes: what the table of routes says about it, before any library is called.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body::Body as HttpBody;
use nova_abi::{Param, Peer, Target};
use nova_routing::{BadPath, Match, Params, Pattern};
use smallvec::SmallVec;

use super::{Origin, SiteResponse, prerendered};
use crate::generation::body::Body;
use crate::generation::call::{Call, Identity, Lent, call, plain};
use crate::generation::table::{Entry, Table};
use crate::generation::{Generation, InFlight};

/// Parameters that fit without an allocation; few routes have more.
type ParamList<'a> = SmallVec<[Param<'a>; 2]>;

/// What a table says about a request.
#[derive(Debug)]
pub enum Destination<'t, 'p> {
    /// A page that was rendered with a release.
    Prerendered(Box<SiteResponse>),
    /// A route whose pattern is the path.
    ExactRoute(RouteMatch<'t, 'p>),
    /// A route with parameters.
    Route(RouteMatch<'t, 'p>),
    /// The path is another spelling of this one, which is a route's: 308.
    Redirect(&'p str),
    /// A library makes the page for an error.
    ErrorPage(ErrorPage<'t>),
    /// The host answers by itself: to `OPTIONS *`, or with an error where there is no library.
    Host(Box<Response<Body>>),
}

/// A route that a path leads to. It decides about the method by itself, so that its middleware sees
/// every request.
#[derive(Debug)]
pub struct RouteMatch<'t, 'p> {
    generation: &'t Arc<Generation>,
    /// Its place among those of the generation.
    route: u32,
    pattern: &'t Pattern,
    params: Params<'t, 'p>,
}

/// The page for an error that the host found.
#[derive(Debug)]
pub struct ErrorPage<'t> {
    generation: &'t Arc<Generation>,
    status: StatusCode,
    message: &'static str,
}

impl<'t, 'p> Destination<'t, 'p> {
    /// Where `head` goes by this table, or by that of its canary.
    #[must_use]
    pub fn of(table: &'t Table, head: &'p Parts) -> Self {
        let table = table.choose();
        if let Some(page) = prerendered_page(table, head) {
            return Self::Prerendered(Box::new(page));
        }
        let found = match table.find(head.uri.path()) {
            Ok(Some(found)) => found,
            Ok(None) => {
                let message = "there is no page at this address";
                return Self::error(table, StatusCode::NOT_FOUND, message);
            }
            Err(BadPath::NotAbsolute) if is_of_server(head) => {
                return Self::Host(Box::new(server_options()));
            }
            Err(bad) => return Self::error(table, StatusCode::BAD_REQUEST, reason(bad)),
        };
        if let Some(canonical) = found.canonical {
            return Self::Redirect(canonical);
        }
        let Match { value: &Entry { slot, route }, pattern, params, .. } = found;
        let is_exact = params.is_empty();
        // An entry of a table leads to one of its generations.
        let route = RouteMatch { generation: &table.generations()[slot], route, pattern, params };
        if is_exact { Self::ExactRoute(route) } else { Self::Route(route) }
    }

    /// Error pages of paths that no library claims are the first library's.
    fn error(table: &'t Table, status: StatusCode, message: &'static str) -> Self {
        match table.generations().first() {
            Some(generation) => Self::ErrorPage(ErrorPage { generation, status, message }),
            None => Self::Host(Box::new(plain(status, format!("{status}: {message}\n")))),
        }
    }

    /// Whether it comes before public files: what a page says at its own path.
    pub(super) fn is_first(&self) -> bool {
        matches!(self, Self::Prerendered(_) | Self::ExactRoute(_))
    }

    /// Whether what it leads to takes requests.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::ExactRoute(route) | Self::Route(route) => !route.generation.is_closed(),
            Self::ErrorPage(page) => !page.generation.is_closed(),
            Self::Prerendered(_) | Self::Redirect(_) | Self::Host(_) => true,
        }
    }

    /// The pattern of the route, if it is one.
    #[must_use]
    pub fn pattern(&self) -> Option<&'t str> {
        match self {
            Self::ExactRoute(route) | Self::Route(route) => Some(route.pattern.as_str()),
            _ => None,
        }
    }
}

impl RouteMatch<'_, '_> {
    /// Counts the request in; `None` if the generation is closed.
    pub(super) fn enter(&self) -> Option<InFlight> {
        self.generation.enter(Some(self.route))
    }
}

impl<'s> RouteMatch<'s, 's> {
    /// Lets the route answer.
    pub(super) fn call<B>(
        self,
        pin: InFlight,
        head: &'s Parts,
        body: B,
        identity: Identity<'s>,
        response: &'s mut Response<Body>,
    ) -> impl Future<Output = Origin> + Send + use<'s, B>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        // Made here, so that the future has it in one place.
        let body = Some(body).filter(|body| !body.is_end_stream());
        let lent = Lent::new(head, identity.request_id, body);
        async move {
            let origin = Origin::Route(pin.id);
            let params: ParamList<'_> = self
                .params
                .iter()
                .map(|(name, value)| Param { name: name.into(), value: value.into() })
                .collect();
            let wanted = Call {
                target: Target::Route(self.route),
                pattern: self.pattern.as_str(),
                params: &params,
                peer: identity.peer.map(peer_of),
            };
            call(pin, &wanted, &lent, response).await;
            origin
        }
    }
}

impl ErrorPage<'_> {
    /// Counts the request in; `None` if the generation is closed.
    pub(super) fn enter(&self) -> Option<InFlight> {
        self.generation.enter(None)
    }

    /// Lets the library make the page; its middleware sees the request as that of a route would.
    pub(super) async fn call<B>(
        self,
        pin: InFlight,
        head: &Parts,
        body: B,
        identity: Identity<'_>,
        response: &mut Response<Body>,
    ) -> Origin
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let origin = Origin::ErrorPage(pin.id);
        let (status, message) = (self.status.as_u16(), self.message.into());
        let target = Target::Error { status, message };
        let peer = identity.peer.map(peer_of);
        let wanted = Call { target, pattern: "", params: &[], peer };
        let body = Some(body).filter(|body| !body.is_end_stream());
        let lent = Lent::new(head, identity.request_id, body);
        call(pin, &wanted, &lent, response).await;
        origin
    }
}

/// A page of a live release that was rendered when it was built.
fn prerendered_page(table: &Table, head: &Parts) -> Option<SiteResponse> {
    table.prerendering().find_map(|generation| {
        let pages = &generation.origin.assets.prerendered;
        let response = prerendered::respond(pages, &head.method, head.uri.path(), &head.headers)?;
        Some(SiteResponse { response, origin: Origin::Prerendered(generation.id) })
    })
}

fn reason(bad: BadPath) -> &'static str {
    match bad {
        BadPath::NotAbsolute => "the request's path does not begin with a slash",
        _ => "the request's path is not properly encoded",
    }
}

/// Whether the server as a whole is asked what it can do (RFC 9110, section 9.3.7).
fn is_of_server(head: &Parts) -> bool {
    head.method == Method::OPTIONS && head.uri.path() == "*"
}

/// The methods that pages can have; each page tells its own.
fn server_options() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    response.headers_mut().insert(header::ALLOW, methods);
    response
}

/// 308, which keeps the method; `path` never begins with `//`, so it stays on this host.
pub(super) fn redirect(path: &str, query: Option<&str>) -> Response<Body> {
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

fn peer_of(address: SocketAddr) -> Peer {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    Peer { ip: ip.octets(), port: address.port() }
}
