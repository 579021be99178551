//! What functions take.

use std::collections::BTreeMap;

use nova::handler::*;
use nova::headers::{ContentLength, UserAgent};
use nova::prelude::*;
use nova::testing::TestApp;
use serde::Deserialize;

use crate::{any, one};

/// Status and text of a GET.
async fn get(app: &TestApp, target: &str) -> (u16, String) {
    let response = app.get(target).await;
    (response.status().as_u16(), response.text().to_owned())
}

fn detail(problem: &str) -> String {
    let problem: serde_json::Value = serde_json::from_str(problem).expect("a problem");
    problem["detail"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn path_of_one_value() {
    let app = one("/users/{id}", sync_1(|Path(id): Path<u64>| id.to_string())).await;
    assert_eq!(get(&app, "/users/42").await, (200, "42".to_owned()));
    let (status, problem) = get(&app, "/users/x").await;
    assert_eq!(
        (status, detail(&problem).as_str()),
        (400, "path parameter `id`: invalid digit found in string")
    );
    let text = one("/{name}", sync_1(|Path(name): Path<String>| name)).await;
    assert_eq!(get(&text, "/a%20%2F%C3%A9").await, (200, "a /é".to_owned()));
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Shelf {
    Novels,
    Poems,
}

#[derive(Debug, Deserialize)]
struct Book {
    year: u16,
    shelf: Shelf,
}

#[derive(Debug, Deserialize)]
struct Id(u64);

#[tokio::test]
async fn path_of_several_values() {
    let tuple =
        one("/{shelf}/{year}", sync_1(|Path(both): Path<(Shelf, u16)>| format!("{both:?}"))).await;
    assert_eq!(get(&tuple, "/novels/1984").await, (200, "(Novels, 1984)".to_owned()));
    assert_eq!(get(&tuple, "/cooking/1984").await.0, 400);

    let by_name =
        one("/{shelf}/{year}", sync_1(|Path(Book { year, shelf })| format!("{year} {shelf:?}")))
            .await;
    assert_eq!(get(&by_name, "/poems/1855").await, (200, "1855 Poems".to_owned()));

    let map =
        one("/{a}/{b}", sync_1(|Path(map): Path<BTreeMap<String, u8>>| format!("{map:?}"))).await;
    assert_eq!(get(&map, "/1/2").await, (200, r#"{"a": 1, "b": 2}"#.to_owned()));
    let (status, problem) = get(&map, "/1/x").await;
    assert_eq!(
        (status, detail(&problem).as_str()),
        (400, "path parameter `b`: invalid digit found in string")
    );

    let newtype = one("/{id}", sync_1(|Path(Id(id))| id.to_string())).await;
    assert_eq!(get(&newtype, "/7").await, (200, "7".to_owned()));
}

#[tokio::test]
async fn path_of_the_rest() {
    let text = one("/docs/{*path}", sync_1(|Path(path): Path<String>| path)).await;
    assert_eq!(get(&text, "/docs/a/b").await, (200, "a/b".to_owned()));
    let list = one("/docs/{*path}", sync_1(|Path(path): Path<Vec<String>>| path.join(" > "))).await;
    assert_eq!(get(&list, "/docs/a/b").await, (200, "a > b".to_owned()));
    let optional = one(
        "/docs/{*path?}",
        sync_1(|path: Option<Path<String>>| path.map_or("all".to_owned(), |Path(p)| p)),
    )
    .await;
    assert_eq!(get(&optional, "/docs").await, (200, "all".to_owned()));
    assert_eq!(get(&optional, "/docs/a").await, (200, "a".to_owned()));
}

#[tokio::test]
async fn a_path_that_the_route_does_not_have_is_the_pages_fault() {
    for handler in [
        sync_1(|_: Path<(u8, u8)>| ()),
        sync_1(|_: Path<Vec<(u8, u8)>>| ()),
        sync_1(|_: Path<Book>| ()),
    ] {
        assert_eq!(get(&one("/{id}", handler).await, "/7").await.0, 500);
    }
    assert_eq!(get(&one("/{a}/{b}", sync_1(|_: Path<u8>| ())).await, "/1/2").await.0, 500);
}

#[derive(Debug, Deserialize)]
struct Search {
    q: String,
    page: Option<u32>,
    #[serde(default)]
    tag: Vec<String>,
}

#[tokio::test]
async fn query() {
    let app =
        one("/", sync_1(|Query(Search { q, page, tag })| format!("{q} {page:?} {tag:?}"))).await;
    assert_eq!(
        get(&app, "/?q=a+b&tag=x&tag=y%26").await,
        (200, r#"a b None ["x", "y&"]"#.to_owned())
    );
    assert_eq!(get(&app, "/?q=a&page=2").await, (200, "a Some(2) []".to_owned()));
    let (status, problem) = get(&app, "/?q=a&page=x").await;
    assert_eq!(
        (status, detail(&problem).as_str()),
        (400, "bad query string: field `page`: invalid digit found in string")
    );
    let (status, problem) = get(&app, "/").await;
    assert_eq!((status, detail(&problem).as_str()), (400, "bad query string: missing field `q`"));

    let optional =
        one("/", sync_1(|query: Option<Query<Search>>| query.is_some().to_string())).await;
    assert_eq!(get(&optional, "/").await, (200, "false".to_owned()));
    assert_eq!(get(&optional, "/?q=a").await, (200, "true".to_owned()));
    assert_eq!(get(&optional, "/?page=2").await.0, 400);
}

#[derive(Debug, Deserialize)]
struct User {
    name: String,
}

#[tokio::test]
async fn json() {
    let app = any("/", async_1(|Json(User { name }): Json<User>| async { name })).await;
    let send =
        |body: &'static str, kind: &str| app.post("/").header("content-type", kind).body(body);
    assert_eq!(send(r#"{"name":"Ada"}"#, "application/json").await.text(), "Ada");
    assert_eq!(
        send(r#"{"name":"Ada"}"#, "application/vnd.api+JSON; charset=utf-8").await.text(),
        "Ada"
    );
    assert_eq!(send(r#"{"name":"Ada"}"#, "text/plain").await.status(), 415);
    assert_eq!(send(r#"{"name":"#, "application/json").await.status(), 400);
    assert_eq!(send(r#"{"name":1}"#, "application/json").await.status(), 422);
    assert_eq!(app.post("/").body("{}").await.status(), 415);

    let optional =
        any("/", sync_1(|user: Option<Json<User>>| user.map_or("-".to_owned(), |Json(u)| u.name)))
            .await;
    assert_eq!(optional.post("/").await.text(), "-");
    assert_eq!(
        optional.post("/").header("content-type", "application/json").body("[]").await.status(),
        422
    );
}

#[tokio::test]
async fn form() {
    let app = any("/", sync_1(|Form(User { name })| name)).await;
    assert_eq!(app.post("/").form("name=Ada+L.").await.text(), "Ada L.");
    assert_eq!(app.get("/?name=Ada").await.text(), "Ada");
    let nameless = app.post("/").form("nom=Ada").await;
    assert_eq!(nameless.status(), 422);
    assert_eq!(detail(nameless.text()), "bad form: missing field `name`");
    let twice = app.post("/").form("name=Ada&name=Grace").await;
    assert_eq!(detail(twice.text()), "bad form: field `name`: unsupported value");
    assert_eq!(app.post("/").body("name=Ada").await.status(), 415);
}

#[tokio::test]
async fn a_result_leaves_the_decision_to_the_page() {
    async fn post(user: Result<Json<User>, Rejection>) -> String {
        match user {
            Ok(Json(user)) => user.name,
            Err(rejection) => format!("{}: {rejection}", rejection.status().as_u16()),
        }
    }
    let app = any("/", async_1(post)).await;
    let response = app.post("/").body("x").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text(), "415: expected a body of the type application/json");
}

/// Every kind that a client can cause, with its status; a page that takes a `Result` sees it.
#[tokio::test]
async fn a_rejection_has_a_kind() {
    fn kind<T>(value: Result<T, Rejection>) -> String {
        match value {
            Ok(_) => "accepted".to_owned(),
            Err(rejection) => format!("{:?} {}", rejection.kind(), rejection.status().as_u16()),
        }
    }
    let mut app = nova::App::new(nova::no_state());
    app.page("/path/{id}", "").get(sync_1(kind::<Path<u64>>)).post(sync_1(kind::<Path<Book>>));
    app.page("/query", "").get(sync_1(kind::<Query<Search>>));
    app.page("/header", "").get(sync_1(kind::<TypedHeader<ContentLength>>));
    app.page("/json", "").body_limit(20).post(sync_1(kind::<Json<User>>));
    app.page("/text", "").post(sync_1(kind::<String>));
    app.page("/form", "").post(sync_1(kind::<Form<User>>));
    app.page("/extension", "").get(sync_1(kind::<Extension<u8>>));
    let app = TestApp::new(app.finish()).await;
    let json = |body: &'static str| {
        app.post("/json").header("content-type", "application/json").body(body)
    };
    let table = [
        (app.get("/path/x"), "InvalidPath 400"),
        (app.post("/path/1"), "Unavailable 500"),
        (app.get("/query"), "InvalidQuery 400"),
        (app.get("/header"), "MissingHeader 400"),
        (app.get("/header").header("content-length", "x"), "InvalidHeader 400"),
        (app.post("/json").body("{}"), "UnsupportedMediaType 415"),
        (json("{"), "InvalidSyntax 400"),
        (json("{}"), "InvalidData 422"),
        (json(r#"{"name":"Ada Lovelace"}"#), "BodyTooLarge 413"),
        (json(r#"{"name":"Ada"}"#), "accepted"),
        (app.post("/text").body(&b"\xff"[..]), "InvalidSyntax 400"),
        (app.post("/form").form("nom=Ada"), "InvalidData 422"),
        (app.get("/extension"), "Unavailable 500"),
    ];
    for (request, want) in table {
        assert_eq!(request.await.text(), want);
    }
}

#[tokio::test]
async fn headers() {
    async fn get(headers: HeaderMap, agent: Option<TypedHeader<UserAgent>>) -> String {
        format!(
            "{} {}",
            headers.get_all("x").iter().count(),
            agent.map_or("-".to_owned(), |agent| agent.to_string())
        )
    }
    let app = one("/", async_2(get)).await;
    assert_eq!(app.get("/").header("x", "1").header("x", "2").await.text(), "2 -");
    assert_eq!(app.get("/").header("user-agent", "curl").await.text(), "0 curl");

    let needed =
        one("/", sync_1(|TypedHeader(agent): TypedHeader<UserAgent>| agent.to_string())).await;
    let response = needed.get("/").await;
    assert_eq!(
        (response.status().as_u16(), detail(response.text()).as_str()),
        (400, "the header `user-agent` is missing")
    );
}

#[tokio::test]
async fn the_head_in_any_order() {
    async fn all(
        addr: ClientAddr,
        uri: Uri,
        request: Request,
        method: Method,
        path: MatchedPath,
        extension: Option<Extension<u8>>,
        headers: HeaderMap,
    ) -> String {
        assert_eq!(request.headers(), &headers);
        assert_eq!(request.uri(), &uri);
        let body = request.into_body().text().await.expect("text");
        format!("{} {method} {uri} {} {} {body}", addr.0, path.as_str(), extension.is_some())
    }
    let app = any("/a/{b}", async_7(all)).await;
    let response = app.put("/a/x%20y?z").header("h", "v").body("hello").await;
    assert_eq!(response.text(), "127.0.0.1:0 PUT /a/x%20y?z /a/{b} false hello");
}

#[derive(Clone)]
struct Db(&'static str);

#[derive(Clone)]
struct Site {
    db: Db,
    name: &'static str,
}

impl FromRef<Site> for Db {
    fn from_ref(site: &Site) -> Db {
        site.db.clone()
    }
}

#[tokio::test]
async fn state_and_its_parts() {
    async fn get(State(db): State<Db>, State(site): State<Site>) -> String {
        format!("{} {}", db.0, site.name)
    }
    let mut app = nova::App::new(nova::hooks::init_sync_0(|| Site { db: Db("pg"), name: "shop" }));
    app.page("/", "pages/index.rs").get(async_2(get));
    assert_eq!(TestApp::new(app.finish()).await.get("/").await.text(), "pg shop");
}

/// An extractor of the app's own that needs the app's state.
struct Greeting(String);

impl FromRequest<Site> for Greeting {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_>, site: &Site) -> Result<Self> {
        let name = cx.header("x-name").ok_or(Error::forbidden("no name"))?.to_owned();
        Ok(Greeting(format!("{name}@{}", site.name)))
    }
}

impl OptionalFromRequest<Site> for Greeting {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.header_bytes("x-name").is_some()
    }
}

/// The body with its length announced, by two extractors of this crate.
struct Measured(usize, String);

impl FromRequest<Site> for Measured {
    type Part = Whole;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, site: &Site) -> Result<Self> {
        let TypedHeader(length) = TypedHeader::<ContentLength>::from_request(cx, site).await?;
        Ok(Measured(length.0.try_into()?, String::from_request(cx, site).await?))
    }
}

#[tokio::test]
async fn an_extractor_of_the_apps_own() {
    let mut app = nova::App::new(nova::hooks::init_sync_0(|| Site { db: Db("pg"), name: "shop" }));
    app.page("/", "pages/index.rs").get(sync_1(|greeting: Greeting| greeting.0));
    app.page("/maybe", "pages/maybe.rs").get(sync_1(|greeting: Option<Greeting>| {
        greeting.map_or("-".to_owned(), |greeting| greeting.0)
    }));
    let app = TestApp::new(app.finish()).await;
    assert_eq!(app.get("/").header("x-name", "ada").await.text(), "ada@shop");
    assert_eq!(app.get("/").await.status(), 403);
    assert_eq!(app.get("/maybe").await.text(), "-");
}

#[tokio::test]
async fn an_extractor_of_the_whole_request_asks_those_of_its_parts() {
    let mut app = nova::App::new(nova::hooks::init_sync_0(|| Site { db: Db("pg"), name: "shop" }));
    app.page("/", "pages/index.rs").post(sync_2(|greeting: Option<Greeting>, body: Measured| {
        format!("{} {} {}", greeting.is_some(), body.0, body.1)
    }));
    let app = TestApp::new(app.finish()).await;
    assert_eq!(app.post("/").header("x-name", "ada").body("hello").await.text(), "true 5 hello");
    assert_eq!(app.post("/").await.status(), 400);
}

#[tokio::test]
async fn what_only_layouts_may_take_is_refused_elsewhere() {
    let app = one("/", sync_1(|page: Html| page)).await;
    assert_eq!(app.get("/").await.status(), 500);
}

#[tokio::test]
async fn another_protocol_needs_a_request_for_one_and_a_connection() {
    fn take_over(upgrade: Upgrade) -> Response {
        upgrade.on_upgrade(async |_| {})
    }
    fn perhaps(upgrade: Option<Upgrade>) -> &'static str {
        if upgrade.is_some() { "speaks" } else { "a page" }
    }
    let mut app = nova::App::new(nova::no_state());
    app.page("/ws", "pages/ws.rs").get(sync_1(take_over));
    app.page("/both", "pages/both.rs").get(sync_1(perhaps));
    let app = TestApp::new(app.finish()).await;
    let plain = app.get("/ws").await;
    assert_eq!(plain.status(), 400);
    assert!(plain.text().contains("`Connection: upgrade` and `Upgrade`"), "{}", plain.text());
    // A test has no connection to take over.
    let asked =
        app.get("/ws").header("connection", "keep-alive, Upgrade").header("upgrade", "echo").await;
    assert_eq!(asked.status(), 501);
    let unnamed = app.get("/ws").header("connection", "upgrade").await;
    assert_eq!(unnamed.status(), 400);
    assert_eq!(app.get("/both").await.text(), "a page");
}

#[tokio::test]
async fn a_parameter_that_may_be_missing_is_an_option() {
    #[derive(serde::Deserialize)]
    struct Named {
        lang: Option<String>,
        id: u64,
    }
    let mut app = nova::App::new(nova::no_state());
    app.page("/{lang?}/about", "pages/[[lang]]/about.rs")
        .get(sync_1(|lang: Option<Path<String>>| format!("{:?}", lang.map(|Path(lang)| lang))));
    app.page("/{lang?}/items/{id=u64}.json", "pages/[[lang]]/items/[id=u64].json.rs")
        .get(sync_1(|Path((lang, id)): Path<(Option<String>, u64)>| format!("{lang:?} {id}")))
        .post(sync_1(|Path(named): Path<Named>| format!("{:?} {}", named.lang, named.id)));
    let app = TestApp::new(app.finish()).await;
    assert_eq!(app.get("/about").await.text(), "None");
    assert_eq!(app.get("/en/about").await.text(), r#"Some("en")"#);
    assert_eq!(app.get("/items/7.json").await.text(), "None 7");
    assert_eq!(app.get("/en/items/7.json").await.text(), r#"Some("en") 7"#);
    assert_eq!(app.post("/items/7.json").await.text(), "None 7");
    assert_eq!(app.get("/items/x.json").await.status(), 404);
}
