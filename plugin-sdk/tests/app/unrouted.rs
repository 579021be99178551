//! Paths that no page answers: the middleware, the layouts and the error pages of their folder.

use nova::handler::*;
use nova::prelude::*;
use nova::testing::TestApp;
use serde_json::{Value, json};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[derive(Clone)]
struct Session(&'static str);

async fn session(request: Request, next: Next<Session>) -> Response {
    let mut response = next.run_with(request, Session("ada")).await;
    response.headers_mut().append("x-way", HeaderValue::from_static("/"));
    response
}

async fn cors(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = match preflight {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    response.headers_mut().append("x-way", HeaderValue::from_static("/api"));
    response
}

fn with_session(Extension(session): Extension<Session>, page: Html) -> Html {
    page.map(|body| html! { nav { (session.0) } (body) })
}

fn of_user(
    error: Error,
    Path(user): Path<String>,
    Extension(session): Extension<Session>,
) -> String {
    format!("{} of {user}, for {}", error.status().as_u16(), session.0)
}

fn routes() -> nova::Routes {
    let mut app = nova::App::new(nova::no_state());
    app.folder("/users/[user]", "/users/{user}");
    app.folder("/(shop)", "/");
    app.folder("/(shop)/cart", "/cart");
    app.folder("/(a)/twice", "/twice");
    app.folder("/(b)/twice", "/twice");
    app.middleware("/", async_2(session));
    app.middleware("/api", async_2(cors));
    app.layout("/", sync_2(with_session));
    app.not_found("/", sync_0(|| page("Lost", "lost")));
    app.error("/api", sync_1(|error: Error| Json(json!({ "oops": error.message() }))));
    app.not_found("/api/v2", sync_1(|error: Error| Json(json!({ "v2": error.message() }))));
    app.error("/users/[user]", sync_3(of_user));
    app.error("/(shop)", sync_0(|| "of the group"));
    app.error("/(shop)/cart", sync_1(|path: Option<MatchedPath>| format!("cart {path:?}")));
    app.error("/(a)/twice", sync_0(|| "a"));
    app.error("/(b)/twice", sync_0(|| "b"));
    app.page("/users/{user}", "pages/users/[user].rs").get(sync_0(|| "a user"));
    app.page("/api/items", "pages/api/items.rs").get(sync_0(|| "items"));
    app.page("/shelf", "pages/(shop)/shelf.rs").get(sync_0(|| "shelf"));
    app.finish()
}

#[tokio::test]
async fn the_nearest_folder_answers() {
    let app = TestApp::new(routes()).await;
    let oops = r#"{"oops":"Not Found"}"#;
    let lost = "<nav>ada</nav>lost</body></html>";
    let table = [
        ("GET", "/none", 404, "/", lost),
        ("GET", "/api/none", 404, "/api /", oops),
        ("GET", "/api", 404, "/api /", oops),
        ("POST", "/api/none/at/all", 404, "/api /", oops),
        ("GET", "/apis", 404, "/", lost),
        ("GET", "/api/v2/none", 404, "/api /", r#"{"v2":"Not Found"}"#),
        ("GET", "/users/7%2F8/none", 404, "/", "404 of 7/8, for ada"),
        // What stands in a group is for its pages alone, but a folder in it has an address.
        ("GET", "/cart/none", 404, "/", "cart None"),
        ("POST", "/shelf", 405, "/", "of the group"),
        // Two folders with one address: that around them.
        ("GET", "/twice/none", 404, "/", lost),
        ("PUT", "/api/items", 405, "/api /", r#"{"oops":"Method Not Allowed"}"#),
        ("OPTIONS", "/api/items", 204, "/api /", ""),
        ("OPTIONS", "/api/none", 204, "/api /", ""),
    ];
    for (method, path, status, way, end) in table {
        let answer = app.request(method, path).header("accept", BROWSER).await;
        assert_eq!(answer.status(), status, "{method} {path}");
        assert!(answer.text().ends_with(end), "{method} {path}: {}", answer.text());
        let found: Vec<_> = answer.headers().get_all("x-way").iter().collect();
        assert_eq!(found, way.split(' ').collect::<Vec<_>>(), "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_no_path_is_in_the_root() {
    let app = TestApp::new(routes()).await;
    for (path, status) in [("/api/%zz", 400), ("/api/../x", 400), ("/api//x", 404)] {
        let answer = app.get(path).header("accept", "application/json").await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.json::<Value>()["status"], status, "{path}");
        assert_eq!(answer.header("x-way"), Some("/"), "{path}");
    }
}

#[tokio::test]
async fn middleware_that_asks_for_the_route_rejects_what_has_none() {
    let mut app = nova::App::new(nova::no_state());
    app.folder("/users/[user]", "/users/{user}");
    app.middleware("/a", async_3(|_: MatchedPath, request, next: Next| next.run(request)));
    app.middleware("/b", async_3(|_: Path<String>, request, next: Next| next.run(request)));
    let of_user = |Path(user): Path<String>, path: Option<MatchedPath>, _: Next| async move {
        format!("{user} {}", path.is_some())
    };
    app.middleware("/users/[user]", async_3(of_user));
    app.error("/", sync_1(|error: Error| format!("{:?}", error.rejection())));
    app.page("/a/x", "pages/a/x.rs").get(sync_0(|| "x"));
    app.page("/b/x", "pages/b/x.rs").get(sync_0(|| "x"));
    app.page("/b/{id}", "pages/b/[id].rs").get(sync_0(|| "x"));
    let app = TestApp::new(app.finish()).await;
    let table = [
        ("/a/x", 200, "x"),
        ("/a/none", 404, "Some(Unmatched)"),
        ("/b/7", 200, "x"),
        ("/b/7/none", 404, "Some(Unmatched)"),
        // A page without the parameter is a mistake.
        ("/b/x", 500, "Some(Unavailable)"),
        ("/users/ada/none", 200, "ada false"),
    ];
    for (path, status, text) in table {
        let answer = app.get(path).await;
        assert_eq!((answer.status().as_u16(), answer.text()), (status, text), "{path}");
    }
}

#[tokio::test]
async fn middleware_reads_the_body_of_a_request_without_a_page() {
    let mut app = nova::App::new(nova::no_state());
    let log = |request: Request, next: Next| async {
        let (parts, body) = request.into_parts();
        let text = body.text().await?;
        let rest = next.run(Request::from_parts(parts, Body::empty())).await;
        Ok::<_, Error>((rest.status(), text))
    };
    app.middleware("/", async_2(log));
    app.page("/", "pages/index.rs").get(sync_0(|| ""));
    let answer = TestApp::new(app.finish()).await;
    let answer = answer.post("/none").body("hello").await;
    assert_eq!((answer.status().as_u16(), answer.text()), (404, "hello"));
}

#[tokio::test]
async fn a_panic_on_the_way_is_answered_once() {
    let mut app = nova::App::new(nova::no_state());
    app.middleware("/a", async_2(|_: Request, _: Next| async { panic!("on the way") as Response }));
    app.error("/a", sync_1(|error: Error| format!("a {}", error.status().as_u16())));
    app.error("/b", sync_0(|| -> String { panic!("in the error page") }));
    app.page("/a/x", "pages/a/x.rs").get(sync_0(|| ""));
    let app = TestApp::new(app.finish()).await;
    for (path, text) in [("/a/x", "a 500"), ("/a/none", "a 500"), ("/b/none", "")] {
        let answer = app.get(path).await;
        assert_eq!((answer.status().as_u16(), answer.text()), (500, text), "{path}");
    }
}

#[tokio::test]
async fn a_pattern_of_a_folder_that_is_none_is_named() {
    let mut app = nova::App::new(nova::no_state());
    app.folder("/a", "a");
    app.error("/a", sync_0(|| ""));
    let purpose = nova::Purpose::Precompile;
    let error = TestApp::start(&app.finish(), purpose, None).await.unwrap_err();
    let said = error.source().map(ToString::to_string);
    assert_eq!(said.as_deref(), Some("pages/a: bad route pattern `a`: it must begin with `/`"));
}
