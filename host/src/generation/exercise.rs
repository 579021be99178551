//! Exercising a library: one GET to each route that can be asked without knowing more.
//!
//! Preflight and warm-up use it. It never writes: only GET is sent, only to routes without
//! parameters, and a page opts out with `pub const PRECOMPILE: bool = false`. A release with a
//! plan says more: warm-up then sends the GETs that are in it, those with parameters, too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;
use nova_abi::abi_stable::std_types::RArc;
use nova_abi::{Param, Route, Target};
use tokio::runtime::Handle;

use crate::generation::Generation;
use crate::generation::call::{Call, Lent, call};
use crate::generation::failure::HandlerPanic;
use crate::generation::table::Table;
use crate::release::plan::{Plan, PlannedRequest};

/// How long one route may take to answer before it counts as hanging.
pub(crate) const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// How long a body is read, or the first piece of one that is made as it goes.
pub(crate) const BODY_LIMIT: Duration = Duration::from_millis(500);

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

/// Sends a GET to one route and reads what it answers within `limit`.
pub(crate) async fn exercise(
    generation: &Arc<Generation>,
    index: u32,
    route: &Route,
    limit: Duration,
) -> Option<Outcome> {
    let request = Request::get(&*route.pattern)
        .header(header::HOST, HeaderValue::from_static("localhost"))
        .header(header::USER_AGENT, HeaderValue::from_static("nova-precompile"))
        .header(header::ACCEPT, HeaderValue::from_static("text/html, */*;q=0.8"))
        .body(());
    let (parts, ()) = request.ok()?.into_parts();
    answer(generation, index, &route.pattern, &[], &parts, limit).await
}

/// Touches the code of a generation that has answered no request yet, on the threads of `workers`,
/// until the time is over. What it answers does not matter.
pub(crate) async fn warm(
    generation: &Arc<Generation>,
    plan: Option<Plan>,
    limit: Duration,
    workers: &Handle,
) {
    let deadline = Instant::now() + limit;
    let generation = generation.clone();
    // In a task of its own: a page that blocks its thread holds that one, not us.
    let warming = workers.spawn(async move {
        match plan {
            Some(plan) => follow(&generation, &plan, deadline).await,
            None => {
                for (index, route) in routes(&generation.routes) {
                    exercise(&generation, index, route, HEAD_LIMIT).await;
                }
            }
        }
    });
    let aborting = warming.abort_handle();
    if tokio::time::timeout(limit, warming).await.is_err() {
        aborting.abort();
    }
}

/// Sends the GETs of a plan.
async fn follow(generation: &Arc<Generation>, plan: &Plan, deadline: Instant) {
    // That its routes make a table is found out when it is published.
    let Ok(table) = Table::build(vec![generation.clone()]) else { return };
    for planned in plan.requests.iter().filter(|planned| is_harmless(planned)) {
        if Instant::now() >= deadline {
            return;
        }
        let (Ok(Some(found)), Ok(request)) = (table.find(planned.path()), planned.request()) else {
            continue;
        };
        let index = found.value.route;
        let wanted = generation.routes.get(index as usize).is_some_and(|route| route.precompile);
        if !wanted || found.canonical.is_some() {
            continue;
        }
        let (parts, _) = request.into_parts();
        let params = found.params.iter();
        let params: Vec<Param<'_>> =
            params.map(|(name, value)| Param { name: name.into(), value: value.into() }).collect();
        answer(generation, index, found.pattern.as_str(), &params, &parts, HEAD_LIMIT).await;
    }
}

/// Whether a request may be sent where it must change nothing, and is worth it.
fn is_harmless(planned: &PlannedRequest) -> bool {
    planned.method == "GET" && !planned.writes() && planned.is_well()
}

async fn answer(
    generation: &Arc<Generation>,
    index: u32,
    pattern: &str,
    params: &[Param<'_>],
    parts: &http::request::Parts,
    limit: Duration,
) -> Option<Outcome> {
    let pin = generation.enter(Some(index))?;
    let wanted = Call { target: Target::Route(index), pattern, params, peer: None };
    let lent = Lent::without_body(parts);
    let mut response = http::Response::default();
    if tokio::time::timeout(limit, call(pin, &wanted, &lent, &mut response)).await.is_err() {
        return Some(Outcome::Hung(limit));
    }
    let status = response.status();
    if let Some(panic) = response.extensions().get::<HandlerPanic>() {
        return Some(Outcome::Panicked(panic.clone()));
    }
    let mut body = response.into_body();
    // A stream may go on for ever: it has proved itself by its first piece.
    let is_live = body.is_live();
    let read = async {
        while let Some(Ok(_)) = body.frame().await
            && !is_live
        {}
    };
    let _ = tokio::time::timeout(BODY_LIMIT, read).await;
    Some(Outcome::Answered(status))
}
