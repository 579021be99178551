//! Logging in, by visitors with browsers.

use nova::auth::{self, Password};
use nova::handler::*;
use nova::prelude::*;
use nova::testing::TestApp;

#[derive(serde::Deserialize)]
struct Login {
    password: String,
}

#[derive(serde::Deserialize)]
struct Target {
    #[serde(default)]
    next: String,
}

struct CurrentUser(u32);

impl<S: Sync> FromRequest<S> for CurrentUser {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_>, state: &S) -> Result<Self> {
        let session = Session::from_request(cx, state).await?;
        session.get("user")?.map(CurrentUser).ok_or_else(|| auth::login_at("/login", cx))
    }
}

async fn log_in(
    session: Session,
    Query(target): Query<Target>,
    State(hash): State<String>,
    Form(login): Form<Login>,
) -> Result<Redirect> {
    if !Password::verify(login.password, Some(&hash)).await? {
        session.flash("error", "wrong")?;
        return Ok(Redirect::to("/login"));
    }
    session.renew()?;
    session.insert("user", 7)?;
    Ok(Redirect::local(&target.next, "/"))
}

async fn app() -> TestApp {
    async fn init() -> Result<String> {
        Password::hash("secret").await
    }
    let mut app = nova::App::new(nova::hooks::init_async_0(init));
    app.page("/account", "pages/account.rs")
        .get(sync_1(|user: CurrentUser| user.0.to_string()))
        .post(sync_1(|user: CurrentUser| user.0.to_string()));
    app.page("/login", "pages/login.rs").post(async_4(log_in)).get(sync_1(|it: Session| {
        it.take_flash().map(|it| it.iter().map(|it| it.text.clone()).collect::<String>())
    }));
    app.page("/logout", "pages/logout.rs").post(sync_1(|session: Session| session.clear()));
    TestApp::new(app.finish()).await
}

#[tokio::test]
async fn a_visitor_logs_in_and_is_back_where_it_wanted_to_go() {
    let app = app().await;
    let (ada, grace) = (app.browser(), app.browser());
    let refused = ada.get("/account?tab=2").header("accept", "text/html").await;
    let to_login = "/login?next=%2Faccount%3Ftab%3D2";
    assert_eq!((refused.status().as_u16(), refused.header("location")), (303, Some(to_login)));
    let posted = ada.post("/account").header("accept", "text/html").await;
    assert_eq!(posted.header("location"), Some("/login"), "what was posted is not carried along");
    assert_eq!(ada.get("/account").header("accept", "application/json").await.status(), 401);

    let wrong = ada.post(to_login).form("password=wrong").await;
    assert_eq!(wrong.header("location"), Some("/login"));
    assert_eq!((ada.get("/login").await.text(), ada.get("/login").await.text()), ("wrong", ""));
    let right = ada.post(to_login).form("password=secret").await;
    assert_eq!(right.header("location"), Some("/account?tab=2"));
    assert_eq!(ada.get("/account").await.text(), "7");
    assert_eq!(grace.get("/account").await.status(), 401, "each has cookies of its own");
    let foreign = ada.post("/account").header("sec-fetch-site", "cross-site").await;
    assert_eq!(foreign.status(), 403);

    ada.post("/logout").await;
    assert_eq!(ada.cookie("session", "/"), None);
    assert_eq!(ada.get("/account").await.status(), 401);
    let elsewhere = grace.post("/login?next=//evil.example").form("password=secret").await;
    assert_eq!(elsewhere.header("location"), Some("/"));
}
