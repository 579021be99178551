//! What middleware leaves for pages, checked when an app is started.

use nova::extract::Uses;
use nova::handler::*;
use nova::prelude::*;
use nova::testing::TestApp;
use nova::{App, Purpose};

#[derive(Clone)]
struct User(&'static str);

#[derive(Clone)]
struct Language(&'static str);

async fn user(request: Request, next: Next<User>) -> Response {
    next.run_with(request, User("ada")).await
}

async fn language(request: Request, next: Next<Language>, _: Extension<User>) -> Response {
    next.run_with(request, Language("en")).await
}

fn both(Extension(user): Extension<User>, Extension(language): Extension<Language>) -> String {
    format!("{} {}", user.0, language.0)
}

/// An extractor that asks another, and says so.
struct Name(&'static str);

impl<S: Sync> FromRequest<S> for Name {
    type Part = Head;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, state: &S) -> Result<Self, Rejection> {
        Extension::<User>::from_request(cx, state).await.map(|Extension(user)| Name(user.0))
    }

    fn uses(uses: &mut Uses) {
        <Extension<User> as FromRequest<S>>::uses(uses);
    }
}

/// An extractor that leaves something for those behind it.
struct Leaves;

impl<S: Sync> FromRequest<S> for Leaves {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self> {
        cx.extensions_mut().insert(User("left"));
        Ok(Leaves)
    }

    fn uses(uses: &mut Uses) {
        uses.leaves::<User>();
    }
}

async fn started(app: App<()>) -> Result<TestApp, String> {
    let started = TestApp::start(&app.finish(), Purpose::Precompile, None).await;
    started.map_err(|error| error.source().map_or(String::new(), ToString::to_string))
}

#[tokio::test]
async fn a_page_is_given_what_the_middleware_above_it_leaves() {
    let mut app = App::new(nova::no_state());
    app.middleware("/", async_2(user));
    app.middleware("/a", async_3(language));
    app.layout("/a", sync_2(|_: Extension<Language>, page: Html| page));
    app.page("/a/both", "pages/a/both.rs").get(sync_2(both));
    app.page("/name", "pages/name.rs").get(sync_1(|Name(name): Name| name));
    app.page("/maybe", "pages/maybe.rs")
        .get(sync_1(|language: Option<Extension<Language>>| language.is_some().to_string()))
        .post(sync_2(|_: Leaves, Extension(user): Extension<User>| user.0));
    let app = started(app).await.unwrap();
    for (path, text) in [("/a/both", "ada en"), ("/name", "ada"), ("/maybe", "false")] {
        assert_eq!(app.get(path).await.text(), text, "{path}");
    }
    assert_eq!(app.post("/maybe").await.text(), "left");
}

#[tokio::test]
async fn what_is_missing_is_named_before_the_first_request() {
    type Change = fn(&mut App<()>);
    let table: [(&str, Change); 8] = [
        ("another folder's", |app| {
            app.middleware("/b", async_2(user));
            app.page("/a/x", "pages/a/x.rs").put(sync_1(|_: Extension<User>| ""));
        }),
        ("plain `Next`", |app| {
            app.middleware("/", async_2(|request: Request, next: Next| next.run(request)));
            app.page("/{x}", "pages/[x].rs").any(sync_1(|_: Name| ""));
        }),
        ("a middleware's own", |app| {
            app.middleware("/", async_3(language));
        }),
        ("its own, after `Next`", |app| {
            app.middleware(
                "/",
                async_3(|request, next: Next<User>, Extension(user)| next.run_with(request, user)),
            );
        }),
        ("its own, before `Next`", |app| {
            app.middleware(
                "/",
                async_3(|Extension(user), next: Next<User>, request| next.run_with(request, user)),
            );
        }),
        ("too far inside", |app| {
            app.middleware("/a", async_2(user));
            app.middleware("/", async_3(language));
        }),
        ("a layout's", |app| {
            app.middleware("/a", async_2(user));
            app.layout("/", sync_2(|_: Extension<User>, page: Html| page));
        }),
        ("left behind it", |app| {
            app.page("/", "src/pages/index.rs").get(sync_2(|_: Extension<User>, _: Leaves| ""));
        }),
    ];
    let mut said = Vec::new();
    for (name, change) in table {
        let mut app = App::new(nova::no_state());
        change(&mut app);
        said.push(format!("{name}: {}", started(app).await.expect_err(name)));
    }
    insta::assert_snapshot!(said.join("\n"));
}
