//! Errors: the built-in answers, `_error.rs` and `404.rs`.

use nova::handler::*;
use nova::prelude::*;
use nova::testing::TestApp;
use serde_json::{Value, json};

use crate::one;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn fail(Path(kind): Path<String>) -> Result<Html> {
    Err(match &*kind {
        "io" => std::io::Error::other("disk on fire").into(),
        "busy" => Error::new(StatusCode::SERVICE_UNAVAILABLE, "later"),
        "login" => Error::unauthorized("who are you?").with_header("www-authenticate", "Basic"),
        "panic" => panic!("no {kind}"),
        _ => Error::not_found(format!("no <{kind}>")),
    })
}

#[tokio::test]
async fn programs_get_problem_details() {
    let app = one("/{kind}", async_1(fail)).await;
    let response = app.get("/x").await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(response.header("vary"), Some("accept"));
    assert_eq!(
        response.json::<Value>(),
        json!({ "title": "Not Found", "status": 404, "detail": "no <x>" })
    );
    let response = app.get("/io").await;
    assert_eq!(
        response.json::<Value>(),
        json!({ "title": "Internal Server Error", "status": 500, "causes": ["disk on fire"] })
    );
}

#[tokio::test]
async fn people_get_a_page() {
    let app = one("/{kind}", async_1(fail)).await;
    let response = app.get("/x").header("accept", BROWSER).await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    let text = response.text();
    assert!(text.contains("<h1>404 Not Found</h1><p>no &lt;x&gt;</p>"), "{text}");
}

#[tokio::test]
async fn an_errors_headers_are_sent() {
    let response = one("/{kind}", async_1(fail)).await.get("/login").await;
    assert_eq!(
        (response.status().as_u16(), response.header("www-authenticate")),
        (401, Some("Basic"))
    );
}

#[tokio::test]
async fn a_panic_is_500_for_that_request_only() {
    let app = one("/{kind}", async_1(fail)).await;
    let response = app.get("/panic").await;
    assert_eq!(response.status(), 500);
    assert_eq!(
        response.json::<Value>(),
        json!({ "title": "Internal Server Error", "status": 500 })
    );
    assert_eq!(app.get("/x").await.status(), 404);
    let before_the_first_poll = one("/", sync_0(|| -> String { panic!("at once") })).await;
    assert_eq!(before_the_first_poll.get("/").await.status(), 500);
}

/// What a page does with its body by way of code that knows `io::Error` alone.
async fn by_way_of_io(mut body: Body) -> Result<String> {
    async fn count(body: &mut Body) -> std::io::Result<usize> {
        let mut count = 0;
        while let Some(piece) = body.chunk().await {
            count += piece?.len();
        }
        Ok(count)
    }
    Ok(count(&mut body).await?.to_string())
}

#[tokio::test]
async fn the_limit_of_a_body_is_413_by_way_of_io() {
    let mut app = nova::App::new(nova::no_state());
    app.page("/", "pages/index.rs").post(async_1(by_way_of_io)).body_limit(5);
    let app = TestApp::new(app.finish()).await;
    assert_eq!(app.post("/").body("12345").await.text(), "5");
    let long = app.post("/").body("123456").await;
    assert_eq!(long.status(), 413);
    assert_eq!(long.json::<Value>()["detail"], "the body is longer than 5 bytes");
}

/// A user, or the way to the login.
struct SignedIn;

impl<S: Sync> FromRequest<S> for SignedIn {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self> {
        Ok(guard(cx.header("x-user").is_some()).map(|()| SignedIn)?)
    }
}

fn guard(may_pass: bool) -> Result<(), Redirect> {
    if may_pass { Ok(()) } else { Err(Redirect::to("/login")) }
}

/// A redirect by way of code that knows other errors.
fn by_way_of(way: &str) -> Result<String> {
    let redirect = || Error::from(Redirect::to("/login"));
    match way {
        "io" => Err(std::io::Error::other(std::io::Error::from(redirect())).into()),
        "rejection" => Err(Rejection::from(redirect()).into()),
        "twice" => Err(Error::from_response(Err::<(), _>(redirect()))),
        "header" => Err(redirect().with_header("x-why", "no session")),
        "status" => Err(redirect().with_status(StatusCode::TEMPORARY_REDIRECT)),
        _ => Ok(guard(false).map(|()| way.to_owned())?),
    }
}

#[tokio::test]
async fn an_error_that_is_a_response_is_answered_as_it_is() {
    let mut app = nova::App::new(nova::no_state());
    app.error("/", sync_0(|| page("Sorry", "an error page")));
    app.layout("/", sync_1(|page: Html| page.map(|body| html! { main { (body) } })));
    app.middleware(
        "/guarded",
        async_2(|request: Request, next: Next| async {
            guard(request.headers().contains_key("x-user"))?;
            Ok::<_, Error>(next.run(request).await)
        }),
    );
    app.layout("/laid", sync_1(|page: Html| guard(false).map(|()| page).map_err(Error::from)));
    app.error("/handed", sync_1(|_: Error| guard(false).map_err(Error::from)));
    app.page("/way/{way}", "pages/way/[way].rs")
        .get(sync_1(|Path(way): Path<String>| by_way_of(&way)));
    app.page("/extractor", "pages/extractor.rs").get(sync_1(|_: SignedIn| "inside"));
    app.page("/guarded/x", "pages/guarded/x.rs").get(sync_0(|| "inside"));
    app.page("/laid/x", "pages/laid/x.rs").get(sync_0(|| page("X", "x")));
    app.page("/handed/x", "pages/handed/x.rs").get(sync_0(|| Error::not_found("gone")));
    app.page("/page", "pages/page.rs").get(sync_0(|| {
        Err::<(), _>(Error::from_response((StatusCode::GONE, page("Gone", "for good"))))
    }));
    let app = TestApp::new(app.finish()).await;
    let table = [
        ("/way/here", 303),
        ("/way/io", 303),
        ("/way/rejection", 303),
        ("/way/twice", 303),
        ("/way/header", 303),
        ("/way/status", 307),
        ("/extractor", 303),
        ("/guarded/x", 303),
        ("/laid/x", 303),
        ("/handed/x", 303),
    ];
    for (path, status) in table {
        let answer = app.get(path).await;
        assert_eq!((answer.status().as_u16(), answer.text()), (status, ""), "{path}");
        assert_eq!(answer.header("location"), Some("/login"), "{path}");
    }
    assert_eq!(app.get("/way/header").await.header("x-why"), Some("no session"));
    assert_eq!(app.get("/extractor").header("x-user", "ada").await.text(), "inside");
    let gone = app.get("/page").await;
    assert_eq!(gone.status(), 410);
    assert!(gone.text().ends_with("<body><main>for good</main></body></html>"), "{}", gone.text());
}

#[test]
fn an_error_has_a_place_in_the_app() {
    fn asked() -> Result<u8> {
        Ok("x".parse::<u8>()?)
    }
    let table = [
        (asked().unwrap_err(), line!() - 3),
        (Error::not_found("gone"), line!()),
        (Error::internal("broken").with_status(StatusCode::BAD_GATEWAY), line!()),
        (Error::unauthorized("who?").with_header("www-authenticate", "Basic"), line!()),
        (Error::from(Rejection::new(StatusCode::BAD_REQUEST, "bad")), line!()),
        (Error::from(std::io::Error::from(Error::conflict("twice"))), line!()),
    ];
    for (error, line) in table {
        let place = error.location().map(|place| (place.file(), place.line()));
        assert_eq!(place, Some((file!(), line)), "{error}");
    }
    let result: std::result::Result<(), &str> = Err("y");
    let nowhere = result.map_err(Error::internal).unwrap_err();
    assert_eq!(nowhere.location(), None, "std has called it");
}

fn show(error: Error) -> Html {
    page("Sorry", html! { p { (error.status().as_u16()) " " (error.message()) } })
}

async fn api(error: Error) -> Result<Json<Value>> {
    if error.status() == StatusCode::SERVICE_UNAVAILABLE {
        return Err(error);
    }
    Ok(Json(json!({ "oops": error.to_string() })))
}

async fn app() -> TestApp {
    let mut app = nova::App::new(nova::no_state());
    app.error("/", sync_1(show));
    app.error("/api", async_1(api));
    app.layout("/", sync_1(|page: Html| page.map(|body| html! { main { (body) } })));
    app.layout("/api", sync_1(|page: Html| page.map(|body| html! { nav { (body) } })));
    app.not_found("/", sync_0(|| page("Lost", "lost")));
    app.page("/api/{kind}", "pages/api/[kind].rs").get(async_1(fail));
    app.page("/{kind}", "pages/[kind].rs").get(async_1(fail));
    TestApp::new(app.finish()).await
}

#[tokio::test]
async fn the_nearest_error_page_answers() {
    let app = app().await;
    let root = app.get("/io").await;
    assert_eq!(root.status(), 500);
    assert!(
        root.text().ends_with("<body><main><p>500 Internal Server Error</p></main></body></html>")
    );

    let api = app.get("/api/io").await;
    assert_eq!(
        (api.status().as_u16(), api.header("content-type")),
        (500, Some("application/json"))
    );
    assert_eq!(api.json::<Value>(), json!({ "oops": "Internal Server Error: disk on fire" }));
    assert_eq!(app.get("/api/x").await.json::<Value>(), json!({ "oops": "no <x>" }));

    let handed_on = app.get("/api/busy").await;
    assert_eq!(handed_on.status(), 503);
    assert!(
        handed_on.text().contains("<body><main><p>503 later</p></main>"),
        "{}",
        handed_on.text()
    );

    let login = app.get("/login").await;
    assert_eq!((login.status().as_u16(), login.header("www-authenticate")), (401, Some("Basic")));

    let panic = app.get("/api/panic").await;
    assert_eq!(panic.json::<Value>(), json!({ "oops": "Internal Server Error" }));
}

#[tokio::test]
async fn the_404_page_is_for_those_who_take_html() {
    let app = app().await;
    for path in ["/x", "/no/such/route"] {
        for accept in [BROWSER, "*/*"] {
            let response = app.get(path).header("accept", accept).await;
            assert_eq!(response.status(), 404);
            assert!(
                response.text().ends_with("<body><main>lost</main></body></html>"),
                "{}",
                response.text()
            );
        }
        let json = app.get(path).header("accept", "application/json").await;
        assert!(json.text().contains("<p>404 "), "the root's error page is next: {}", json.text());
    }
}

#[tokio::test]
async fn an_error_page_that_fails_leaves_the_next_one_to_answer() {
    let mut app = nova::App::new(nova::no_state());
    app.error(
        "/",
        sync_1(|error: Error| -> Result<Html> { Err(error.with_status(StatusCode::IM_A_TEAPOT)) }),
    );
    app.error(
        "/a",
        sync_1(|_: Error| -> Result<Html> { Err(std::io::Error::other("again").into()) }),
    );
    app.page("/a/{kind}", "pages/a/[kind].rs").get(async_1(fail));
    let response = TestApp::new(app.finish()).await.get("/a/x").await;
    assert_eq!(response.status(), 418);
    assert_eq!(response.json::<Value>()["causes"], json!(["again"]));
}

#[tokio::test]
async fn an_error_page_matches_the_kind_of_a_rejection() {
    let mut app = nova::App::new(nova::no_state());
    app.error("/", sync_1(|error: Error| format!("{:?}", error.rejection())));
    app.page("/number/{n}", "pages/number/[n].rs")
        .get(sync_1(|_: Path<u64>| ()))
        .post(async_1(|body: Body| async { body.text().await }));
    app.page("/{kind}", "pages/[kind].rs").get(async_1(fail));
    let app = TestApp::new(app.finish()).await;
    assert_eq!(app.get("/number/x").await.text(), "Some(InvalidPath)");
    let not_text = app.post("/number/1").body(&b"\xff"[..]).await;
    assert_eq!(
        not_text.text(),
        "Some(InvalidSyntax)",
        "what the page itself reads has a kind, too"
    );
    assert_eq!(app.get("/x").await.text(), "None");
}
