//! A service as a page: `service` of a file under `pages`.

use http::Uri;
use http::uri::PathAndQuery;
use nova_routing::Segment;

use super::service::HttpService;
use crate::error::Error;
use crate::extract::{Provide, State};
use crate::handler::{Handler, Run};
use crate::request::{RequestContext, Whole};
use crate::response::{IntoResponse, Response};

/// The address that was asked for, in the extensions of the request that a mounted service gets: path
/// and query before the path of its folder was taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalUri(pub Uri);

/// A page out of `fn service() -> V`.
pub fn service_0<S, F, V>(service: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn() -> V + Send + Sync + 'static,
    V: HttpService,
{
    Handler::at_start(false, move |_| Handler::new(Mounted(service())))
}

/// A page out of `fn service(state: State<T>) -> V`.
pub fn service_1<S, F, V, T>(service: F) -> Handler<S>
where
    S: Provide<T> + Send + Sync + 'static,
    F: Fn(State<T>) -> V + Send + Sync + 'static,
    V: HttpService,
{
    Handler::at_start(false, move |state: &S| {
        Handler::new(Mounted(service(State(state.provide()))))
    })
}

/// A service that answers all that its route matches.
struct Mounted<V>(V);

impl<S: Send + Sync + 'static, V: HttpService> Run<S> for Mounted<V> {
    async fn run(&self, cx: &mut RequestContext<'_, Whole>, _: &S) -> Response {
        let depth = depth(cx);
        let mut request = match cx.take_request() {
            Ok(request) => request,
            Err(rejection) => return rejection.into_response(),
        };
        // A body that is announced to be too long: what the service would make of it is its own.
        if let Some(error) = request.body_mut().take_error() {
            return error.into_response();
        }
        let uri = match below(depth, request.uri()) {
            Ok(uri) => uri,
            Err(error) => return Error::internal(error).into_response(),
        };
        let original = OriginalUri(std::mem::replace(request.uri_mut(), uri));
        request.extensions_mut().insert(original);
        self.0.clone().answer(request).await
    }
}

/// How many segments of its address are the folder's of a page; `None` for a page that takes nothing
/// below its folder.
fn depth(cx: &RequestContext<'_>) -> Option<usize> {
    let (Segment::Rest(_) | Segment::OptionalRest(_), above) =
        cx.pattern()?.segments().split_last()?
    else {
        return None;
    };
    let is_missing = |name: &str| cx.params().any(|param| param == (name, ""));
    let is_there =
        |segment: &&Segment| !matches!(segment, Segment::Optional(name, _) if is_missing(name));
    Some(above.iter().filter(is_there).count())
}

/// The address below a folder of this depth: what `[...path]` takes of it, still percent-encoded.
fn below(depth: Option<usize>, uri: &Uri) -> Result<Uri, http::Error> {
    // The slash before what is left.
    let slash = depth.and_then(|depth| uri.path().match_indices('/').nth(depth));
    let path = slash.map_or("/", |(at, _)| &uri.path()[at..]);
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    Ok(Uri::from(PathAndQuery::try_from(target)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_folder_is_taken_off() {
        for (depth, uri, expected) in [
            (Some(0), "/", "/"),
            (Some(0), "/a/b?q=1", "/a/b?q=1"),
            (Some(1), "/api", "/"),
            (Some(1), "/api?q=1", "/?q=1"),
            (Some(1), "/api/a%2Fb/c", "/a%2Fb/c"),
            (Some(2), "/users/a%2Fb/x/", "/x/"),
            (None, "/about?q", "/?q"),
        ] {
            let uri = uri.parse().unwrap();
            assert_eq!(below(depth, &uri).unwrap(), expected, "{depth:?} {uri}");
        }
    }
}
