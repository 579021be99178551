//! Method rules, paths without a route, and middleware around both.

use nova::handler::*;
use nova::prelude::*;
use nova::testing::TestApp;

use crate::one;

#[tokio::test]
async fn head_follows_get_and_allow_is_said() {
    let app = one("/", sync_0(|| "hello")).await;
    let head = app.request("HEAD", "/").await;
    assert_eq!((head.status().as_u16(), head.text()), (200, ""));
    assert_eq!(head.header("content-type"), Some("text/plain; charset=utf-8"));
    let options = app.request("OPTIONS", "/").await;
    assert_eq!(
        (options.status().as_u16(), options.header("allow")),
        (204, Some("GET, HEAD, OPTIONS"))
    );
    let post = app.post("/").await;
    assert_eq!((post.status().as_u16(), post.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!(app.request("BREW", "/").await.status(), 405);
}

#[tokio::test]
async fn the_function_for_any_method_gets_the_rest() {
    let mut app = nova::App::new(nova::no_state());
    app.page("/", "pages/index.rs")
        .get(sync_0(|| "get"))
        .any(sync_1(|method: Method| method.to_string()));
    let app = TestApp::new(app.finish()).await;
    assert_eq!(app.get("/").await.text(), "get");
    assert_eq!(app.delete("/").await.text(), "DELETE");
    assert_eq!(app.request("OPTIONS", "/").await.text(), "OPTIONS");
    assert_eq!(app.request("BREW", "/").await.text(), "BREW");
}

#[tokio::test]
async fn paths_without_a_route() {
    let app = one("/a/{b}", sync_0(|| "")).await;
    assert_eq!(app.get("/").await.status(), 404);
    assert_eq!(app.get("/a/%zz").await.status(), 400);
    assert_eq!(app.get("/a/../b").await.status(), 400);
    let slash = app.get("/a/%20/?q=1").await;
    assert_eq!((slash.status().as_u16(), slash.header("location")), (308, Some("/a/%20?q=1")));
}

#[derive(Clone, Debug, PartialEq)]
struct User(&'static str);

async fn outer(request: Request, next: Next<User>) -> Response {
    if request.method() == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, [("access-control-allow-origin", "*")], ())
            .into_response();
    }
    let mut response = next.run_with(request, User("ada")).await;
    let kind = response.headers().get("content-type").cloned();
    response.headers_mut().insert("x-kind", kind.expect("a content type"));
    response.headers_mut().append("x-trace", HeaderValue::from_static("outer"));
    response
}

async fn inner(
    State(prefix): State<&'static str>,
    next: Next,
    request: Request,
) -> Result<Response> {
    if request.headers().contains_key("x-stop") {
        return Err(Error::forbidden("stopped"));
    }
    let mut response = next.run(request).await;
    response.headers_mut().append("x-trace", HeaderValue::from_static(prefix));
    Ok(response)
}

async fn user(
    Path(id): Path<u8>,
    Extension(user): Extension<User>,
    path: MatchedPath,
    ClientAddr(_): ClientAddr,
    body: String,
) -> String {
    format!("{id} {} {} {body}", user.0, path.as_str())
}

async fn app() -> TestApp {
    let mut app = nova::App::new(nova::hooks::init_sync_0(|| "inner"));
    app.middleware("/", async_2(outer));
    app.middleware("/admin", async_3(inner));
    app.page("/admin/{id}", "pages/admin/[id].rs").post(async_5(user)).body_limit(8);
    app.page("/open", "pages/open.rs").get(sync_0(|| page("Open", "<open>")));
    TestApp::new(app.finish()).await
}

#[tokio::test]
async fn middleware_runs_outermost_first_and_hands_everything_on() {
    let app = app().await;
    let response = app.post("/admin/7").body("hi").await;
    assert_eq!(response.text(), "7 ada /admin/{id} hi");
    let trace: Vec<_> = response.headers().get_all("x-trace").iter().collect();
    assert_eq!(trace, ["inner", "outer"]);
    assert_eq!(app.get("/open").await.headers().get_all("x-trace").iter().count(), 1);
}

#[tokio::test]
async fn middleware_sees_finished_responses() {
    let app = app().await;
    let open = app.get("/open").await;
    assert_eq!(open.header("x-kind"), Some("text/html; charset=utf-8"));
    assert!(open.text().contains("<body>&lt;open&gt;</body>"), "{}", open.text());
    let stopped = app.post("/admin/7").header("x-stop", "1").await;
    assert_eq!(
        (stopped.status().as_u16(), stopped.header("x-kind")),
        (403, Some("application/problem+json"))
    );
    assert_eq!(app.post("/admin/x").await.header("x-kind"), Some("application/problem+json"));
}

#[tokio::test]
async fn middleware_sees_what_no_function_answers() {
    let app = app().await;
    assert_eq!(
        app.request("OPTIONS", "/open").await.header("access-control-allow-origin"),
        Some("*")
    );
    let put = app.put("/open").await;
    assert_eq!((put.status().as_u16(), put.header("x-trace")), (405, Some("outer")));
}

#[tokio::test]
async fn the_limit_of_the_page_holds_behind_middleware() {
    assert_eq!(app().await.post("/admin/7").body("123456789").await.status(), 413);
}
