//! The routes by which a host asks what it is to exercise; see [`crate::precompile`].

use std::future::ready;

use futures_core::future::BoxFuture;
use serde_json::{Value, json};

use super::page::RouteSpec;
use crate::pipeline::route::{AnyHandler, Call, Environment, Scope};
use crate::precompile::{Exercise, json_response};
use crate::request::{RequestContext, Whole};
use crate::response::Response;
use crate::state::AnyState;

/// The host asks under this address. No file is a page there.
const RESERVED: &str = "/_nova/precompile";

/// The routes under [`RESERVED`]: one for each function of `precompile.rs`, and one that lists
/// what the app's pages declare, if any of them does.
pub(super) fn routes(
    pages: &[RouteSpec],
    functions: Vec<(&'static str, AnyHandler)>,
) -> Vec<RouteSpec> {
    let declared: Vec<Value> = pages
        .iter()
        .filter(|page| !page.exercise.samples.is_empty() || page.exercise.prerender)
        .map(|page| {
            let Exercise { samples, prerender } = page.exercise;
            json!({ "file": page.file, "samples": samples, "prerender": prerender })
        })
        .collect();
    let mut reserved = Vec::new();
    if !declared.is_empty() {
        let list = AnyHandler::new(JsonAnswer(Value::Array(declared)));
        reserved.push(RouteSpec::reserved(RESERVED, "pages", list));
    }
    reserved.extend(functions.into_iter().map(|(name, handler)| {
        RouteSpec::reserved(&format!("{RESERVED}/{name}"), "precompile.rs", handler)
    }));
    reserved
}

/// A handler that answers with one value, in an app with any state.
struct JsonAnswer(Value);

impl Call for JsonAnswer {
    fn serve<'a>(
        &'a self,
        _: RequestContext<'a, Whole>,
        _: &'a Environment,
        _: &'a Scope,
    ) -> BoxFuture<'a, Response> {
        Box::pin(ready(json_response(&self.0)))
    }

    fn step<'a>(
        &'a self,
        _: &'a mut RequestContext<'_, Whole>,
        _: &'a AnyState,
    ) -> BoxFuture<'a, Response> {
        Box::pin(ready(json_response(&self.0)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::extract::State;
    use crate::handler::{async_0, sync_0, sync_1};
    use crate::hooks::Purpose;
    use crate::precompile::Request;
    use crate::testing::TestApp;

    fn app() -> crate::Routes {
        let mut app = crate::App::new(crate::hooks::init_sync_0(|| 7_u64));
        // What surrounds pages does not surround these.
        app.middleware("/", async_0(|| async { http::StatusCode::FORBIDDEN }));
        app.page("/users/{id}", "pages/users/[id].rs")
            .samples(&["/users/1"])
            .prerender(true)
            .get(sync_0(|| "user"));
        app.page("/plain", "pages/plain.rs").get(sync_0(|| "plain"));
        app.precompile("requests", sync_0(requests));
        app.precompile("run", sync_1(|State(state): State<u64>| state.to_string()));
        app.finish()
    }

    fn requests() -> Vec<Request> {
        vec![
            Request::get("/a"),
            Request::post("/b").body_as("text/plain", "x").header("a", "b").expect(201),
            Request::get("/c").expect_server_error().writes().prerender(),
        ]
    }

    #[tokio::test]
    async fn the_host_is_told_what_to_exercise() {
        let app = TestApp::new(app()).await;
        let pages: Value = app.get("/_nova/precompile").await.json();
        let expected = json!([
            { "file": "pages/users/[id].rs", "samples": ["/users/1"], "prerender": true },
        ]);
        assert_eq!(pages, expected);
        let requests: Value = app.get("/_nova/precompile/requests").await.json();
        let expected = json!([
            { "method": "GET", "target": "/a" },
            {
                "method": "POST", "target": "/b", "body": "x", "expect": 201,
                "headers": { "content-type": "text/plain", "a": "b" },
            },
            {
                "method": "GET", "target": "/c", "expect": "5xx", "writes": true,
                "prerender": true,
            },
        ]);
        assert_eq!(requests, expected);
        assert_eq!(app.get("/_nova/precompile/run").await.text(), "7");
    }

    #[tokio::test]
    async fn an_app_that_serves_does_not_tell() {
        let app = TestApp::start(&app(), Purpose::Serve, None).await.expect("a started app");
        for path in ["/_nova/precompile", "/_nova/precompile/requests", "/_nova/precompile/run"] {
            assert_eq!(app.get(path).await.status(), 404, "{path}");
        }
    }

    #[test]
    fn an_app_that_says_nothing_has_no_more_routes() {
        let mut app = crate::App::new(crate::no_state());
        app.page("/", "pages/index.rs").get(sync_0(|| "index"));
        assert_eq!(app.finish().routes().len(), 1);
    }
}
