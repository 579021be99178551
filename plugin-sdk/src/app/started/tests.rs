//! What only the host can set: production, asset links. And what an answer costs.

use std::task::{Context, Poll, Waker};

use super::*;
use crate::app::{App, InitContext, Routes};
use crate::extract::{Path, State};
use crate::handler::*;
use crate::hooks::Purpose;
use crate::html::page;
use crate::testing::{TestApp, TestIncoming};

fn production() -> InitContext {
    InitContext {
        purpose: Purpose::Serve,
        dev: false,
        stylesheet: Some("/_nova/style-1.css".to_owned()),
        favicon: Some("/favicon.svg".to_owned()),
        saved: None,
    }
}

async fn fail(Path(kind): Path<String>) -> Result<()> {
    Err(match &*kind {
        "io" => Error::from(std::io::Error::other("disk on fire")),
        "busy" => Error::new(StatusCode::SERVICE_UNAVAILABLE, "the secret queue is full"),
        _ => Error::not_found("no such thing").with_source("row 7"),
    })
}

#[tokio::test]
async fn production_tells_nothing_internal() {
    let mut app = App::new(crate::no_state());
    app.page("/{kind}", "pages/[kind].rs").get(async_1(fail));
    let app = TestApp::start_with(&app.finish(), production()).await.expect("a started app");
    let table = [
        ("/io", r#"{"status":500,"title":"Internal Server Error"}"#),
        ("/busy", r#"{"status":503,"title":"Service Unavailable"}"#),
        ("/x", r#"{"detail":"no such thing","status":404,"title":"Not Found"}"#),
    ];
    for (path, problem) in table {
        assert_eq!(app.get(path).await.text(), problem);
        let html = app.get(path).header("accept", "text/html").await;
        for secret in ["disk", "secret", "row 7"] {
            assert!(!html.text().contains(secret), "{}", html.text());
        }
    }
}

#[tokio::test]
async fn pages_link_the_apps_assets() {
    let mut app = App::new(crate::no_state());
    app.page("/", "pages/index.rs").get(sync_0(|| page("Home", "hi")));
    let app = TestApp::start_with(&app.finish(), production()).await.expect("a started app");
    let links = "<link rel=\"icon\" href=\"/favicon.svg\">\
        <link rel=\"stylesheet\" data-nova-style href=\"/_nova/style-1.css\"></head>";
    let response = app.get("/").await;
    assert!(response.text().contains(links), "{}", response.text());
}

fn everything() -> Routes {
    let mut app = App::new(crate::hooks::init_sync_0(|| 7_u64));
    app.page("/text", "").get(sync_0(|| "hello"));
    app.page("/async", "").get(async_0(|| async { "hello" }));
    app.page("/path/{id}", "").get(async_2(
        |Path(id): Path<u64>, State(state): State<u64>| async move {
            if id == state { "equal" } else { "not equal" }
        },
    ));
    app.page("/owned", "").get(sync_0(|| String::from("hello")));
    app.page("/status", "").get(sync_0(|| (StatusCode::ACCEPTED, "hello")));
    app.finish()
}

/// The box of the future is the one allocation on the way to a ready answer, besides what the
/// page allocates itself.
#[tokio::test]
async fn a_ready_answer_costs_one_allocation() {
    let routes = everything();
    let app = routes.init(production()).await.expect("a started app");
    let table = [("/text", 0), ("/async", 0), ("/path/7", 0), ("/owned", 1), ("/status", 0)];
    for (index, (path, own)) in table.into_iter().enumerate() {
        let mut sent = TestIncoming::get(path);
        sent.matched(routes.routes()[index].info.pattern.to_string(), vec!["7".to_owned()]);
        let cost = allocation_counter::measure(|| {
            let mut answer = app.call(index, RequestContext::host(&sent));
            let poll = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(
                matches!(poll, Poll::Ready(response) if response.body().content_type().is_some())
            );
        });
        assert_eq!(cost.count_total, 1 + own, "{path}");
    }
}
