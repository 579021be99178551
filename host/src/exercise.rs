//! Exercising a library: one GET to each route that can be asked without knowing more.
//!
//! Preflight and warm-up use it. It never writes: only GET is sent, only to routes without
//! parameters, and a page opts out with `pub const PRECOMPILE: bool = false`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use nova_abi::{Route, Target, abi_stable::std_types::RArc};

use crate::{
    call::{Call, HandlerPanic, call},
    generation::Generation,
};

/// How long one route may take to answer before it counts as hanging.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// How long a body is read; an endless one is let go.
const BODY_LIMIT: Duration = Duration::from_millis(500);

/// What a route did.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It answered.
    Answered(StatusCode),
    /// Its handler panicked.
    Panicked(HandlerPanic),
    /// No answer came in time.
    Hung(Duration),
}

/// The routes that may be exercised, with their place in the library.
pub(crate) fn routes(routes: &[RArc<Route>]) -> impl Iterator<Item = (u32, &Route)> {
    let numbered = routes.iter().enumerate();
    numbered.filter_map(|(index, route)| {
        let asked = route.any || route.methods.iter().any(|method| method == "GET");
        let plain = !route.pattern.contains('{');
        (asked && plain && route.precompile)
            .then(|| Some((u32::try_from(index).ok()?, &**route)))?
    })
}

/// Sends a GET to one route and reads what it answers.
pub(crate) async fn exercise(
    generation: &Arc<Generation>,
    index: u32,
    route: &Route,
) -> Option<Outcome> {
    let pin = generation.enter()?;
    let request = Request::get(&*route.pattern)
        .header(header::HOST, HeaderValue::from_static("localhost"))
        .header(header::USER_AGENT, HeaderValue::from_static("nova-precompile"))
        .header(header::ACCEPT, HeaderValue::from_static("text/html, */*;q=0.8"))
        .body(());
    let (parts, ()) = request.ok()?.into_parts();
    let wanted =
        Call { target: Target::Route(index), pattern: &route.pattern, params: &[], peer: None };
    let answer = call(pin, wanted, &parts, None::<Empty<Bytes>>);
    let Ok(response) = tokio::time::timeout(HEAD_LIMIT, answer).await else {
        return Some(Outcome::Hung(HEAD_LIMIT));
    };
    let status = response.status();
    if let Some(panic) = response.extensions().get::<HandlerPanic>() {
        return Some(Outcome::Panicked(panic.clone()));
    }
    let mut body = response.into_body();
    let read = async { while let Some(Ok(_)) = body.frame().await {} };
    // A stream that goes on for ever has proved itself by starting.
    let _ = tokio::time::timeout(BODY_LIMIT, read).await;
    Some(Outcome::Answered(status))
}
