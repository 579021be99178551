//! Sessions, and the guard before forms.

use std::collections::HashMap;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nova::handler::*;
use nova::hooks::{Hooks, init_sync_0};
use nova::prelude::*;
use nova::session::{self, SessionStore, Sessions};
use nova::testing::{TestApp, TestResponse};
use nova::{App, Routes};
use tower_sessions_core::session::{Id, Record};
use tower_sessions_core::session_store;

/// A store in memory, which outlives an app.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<HashMap<Id, Record>>>);

impl Memory {
    fn records(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Record>> {
        self.0.lock().expect("no panic")
    }
}

#[async_trait::async_trait]
impl SessionStore for Memory {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        self.save(record).await
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        if record.data.contains_key("broken") {
            return Err(session_store::Error::Backend("the disk is full".into()));
        }
        self.records().insert(record.id, record.clone());
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        // As one on a disk does: another request goes on in the meantime.
        tokio::task::yield_now().await;
        Ok(self.records().get(id).cloned())
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.records().remove(id);
        Ok(())
    }
}

fn show(session: Session, Path(key): Path<String>) -> Result<String> {
    let value: Option<String> = session.get(&key)?;
    Ok(value.unwrap_or_else(|| "-".into()))
}

fn put(session: Session, Path(key): Path<String>, value: String) -> Result<()> {
    session.insert(&key, value)
}

fn remove(session: Session, Path(key): Path<String>) -> Result<()> {
    session.remove(&key)
}

fn clear(session: Session) -> Result<()> {
    session.clear()?;
    assert!(session.is_empty());
    session.flash("info", "bye")
}

fn messages(session: Session) -> Result<String> {
    let messages = session.take_flash()?;
    Ok(messages.iter().map(|it| format!("{}: {}\n", it.kind, it.text)).collect())
}

/// Fails after it has put something in.
fn failing(session: Session) -> Result<()> {
    session.insert("a", "half")?;
    Err(Error::internal("the rest is missing"))
}

/// Keeps the session for longer than its page.
async fn late(session: Session) -> &'static str {
    LATE.with(|late| late.replace(Some(session)));
    "early"
}

thread_local! {
    static LATE: std::cell::RefCell<Option<Session>> = const { std::cell::RefCell::new(None) };
}

fn routes(hooks: Hooks<()>) -> Routes {
    let mut app = App::new(hooks);
    app.page("/none", "pages/none.rs").get(sync_0(|| "nothing"));
    app.page("/at/{key}", "pages/at/[key].rs")
        .get(sync_2(show))
        .put(sync_3(put))
        .delete(sync_2(remove));
    app.page("/clear", "pages/clear.rs").post(sync_1(clear));
    app.page("/renew", "pages/renew.rs").post(sync_1(|session: Session| session.renew()));
    app.page("/messages", "pages/messages.rs").get(sync_1(messages));
    app.page("/failing", "pages/failing.rs").post(sync_1(failing));
    app.page("/late", "pages/late.rs").get(async_1(late));
    app.page("/form", "pages/form.rs")
        .get(sync_1(|csrf: Csrf| html! { (csrf) }))
        .post(sync_1(|body: String| body));
    app.page("/typed", "pages/typed.rs")
        .post(sync_1(|Form(form): Form<Vec<(String, u64)>>| format!("{form:?}")));
    app.page("/hook", "pages/hook.rs").csrf(false).post(sync_1(|body: String| body));
    app.finish()
}

fn stored(sessions: impl Fn() -> Sessions + Send + Sync + 'static) -> Routes {
    routes(init_sync_0(move || session::set_up(sessions())))
}

/// The cookie that a browser sends after this answer; `None` if it was told nothing.
fn kept(response: &TestResponse) -> Option<String> {
    let set = response.header("set-cookie")?;
    assert!(set.contains("; HttpOnly; SameSite=Lax; Path=/"), "{set}");
    Some(set.split(';').next().expect("a pair").to_owned())
}

/// A browser with one cookie.
struct Browser {
    app: TestApp,
    cookie: String,
}

impl Browser {
    async fn new(routes: &Routes) -> Self {
        let app = TestApp::start(routes, Purpose::Precompile, None).await.expect("started");
        Browser { app, cookie: String::new() }
    }

    async fn send(&mut self, method: &str, target: &str, body: &'static str) -> TestResponse {
        let request = self.app.request(method, target).header("cookie", &self.cookie);
        let response = request.header("sec-fetch-site", "same-origin").body(body).await;
        if let Some(cookie) = kept(&response) {
            self.cookie = cookie;
        }
        response
    }

    async fn text(&mut self, method: &str, target: &str) -> String {
        self.send(method, target, "").await.text().to_owned()
    }
}

#[tokio::test]
async fn a_session_is_kept_wherever_it_is_and_written_only_after_a_change() {
    let memory = Memory::default();
    let store = memory.clone();
    let in_store = stored(move || Sessions::in_store(store.clone()));
    for (routes, is_stored) in [(routes(nova::no_state()), false), (in_store, true)] {
        let mut browser = Browser::new(&routes).await;
        for target in ["/none", "/at/a", "/messages"] {
            assert_eq!(kept(&browser.send("GET", target, "").await), None, "{target}");
        }
        assert_eq!(kept(&browser.send("PUT", "/at/a", "1").await).as_ref(), Some(&browser.cookie));
        assert_eq!(browser.cookie.len() < 40, is_stored, "{}", browser.cookie);
        assert_eq!(browser.text("GET", "/at/a").await, "1");
        let read = browser.send("GET", "/at/a", "").await;
        assert_eq!(
            (kept(&read), read.header("vary")),
            (None, Some("cookie")),
            "nothing has changed"
        );
        assert_eq!(browser.send("GET", "/none", "").await.header("vary"), None);
        assert_eq!(browser.send("POST", "/failing", "").await.status(), 500);
        assert_eq!(browser.text("GET", "/at/a").await, "1", "half of a change is none");

        let before = browser.cookie.clone();
        browser.send("POST", "/renew", "").await;
        assert_ne!(before, browser.cookie);
        assert_eq!(browser.text("GET", "/at/a").await, "1");
        if is_stored {
            let old = browser.app.get("/at/a").header("cookie", &before).await;
            assert_eq!(old.text(), "-", "the old key opens nothing");
        }
        browser.send("POST", "/clear", "").await;
        assert_eq!(browser.text("GET", "/at/a").await, "-");
        assert_eq!(browser.text("GET", "/messages").await, "info: bye\n");
        assert_eq!(browser.cookie, "session=", "it is empty, so the browser forgets it");
        assert_eq!(browser.text("GET", "/messages").await, "");
        assert_eq!(memory.records().len(), 0);
    }
}

#[tokio::test]
async fn requests_at_the_same_time_keep_each_others_keys() {
    let memory = Memory::default();
    let store = memory.clone();
    let mut browser = Browser::new(&stored(move || Sessions::in_store(store.clone()))).await;
    browser.send("PUT", "/at/first", "0").await;
    let send = |method: &str, target: &str, body: &'static str| {
        let request = browser.app.request(method, target).header("cookie", &browser.cookie);
        request.header("sec-fetch-site", "same-origin").body(body).into_future()
    };
    tokio::join!(send("PUT", "/at/a", "1"), send("PUT", "/at/b", "2"));
    let values = ["first", "a", "b"].map(|key| send("GET", &format!("/at/{key}"), ""));
    let [first, a, b] = values.map(async |value| value.await.text().to_owned());
    assert_eq!((first.await, a.await, b.await), ("0".into(), "1".into(), "2".into()));

    // Ended while another request is under way, it is not brought back.
    let (_, late) = tokio::join!(biased; send("POST", "/clear", ""), send("PUT", "/at/a", "again"));
    assert_eq!(kept(&late), None, "the browser may have been given a new one");
    let records = memory.records();
    let left: Vec<_> = records.values().flat_map(|it| it.data.keys()).collect();
    assert_eq!(
        left.iter().filter(|it| ["first", "a"].contains(&it.as_str())).count(),
        0,
        "{left:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_saved_is_an_error() {
    const LARGE: &str = "a large cart ";
    let mut browser = Browser::new(&routes(nova::no_state())).await;
    let large: &'static str = Box::leak(LARGE.repeat(300).into_boxed_str());
    let response = browser.send("PUT", "/at/a", large).await;
    assert_eq!(response.status(), 500);
    let said = response.text();
    assert!(said.contains("the session is too large for a cookie: "), "{said}");
    assert!(said.contains("browsers keep 4096") && said.contains("Sessions::in_store"), "{said}");

    let mut browser = Browser::new(&stored(|| Sessions::in_store(Memory::default()))).await;
    let response = browser.send("PUT", "/at/broken", "1").await;
    assert_eq!(response.status(), 500);
    assert!(response.text().contains("the store of sessions failed: the disk is full"));

    let mut browser = Browser::new(&routes(nova::no_state())).await;
    browser.text("GET", "/late").await;
    let late = LATE.with(std::cell::RefCell::take).expect("a session");
    for refused in [late.insert("a", 1), late.remove("none"), late.renew(), late.clear()] {
        let said = refused.expect_err("too late").to_string();
        assert!(said.contains("the answer has begun"), "{said}");
    }
}

#[tokio::test]
async fn what_outlives_the_page_reads_what_it_has_left() {
    let in_store = stored(|| Sessions::in_store(Memory::default()));
    for routes in [routes(nova::no_state()), in_store] {
        let mut browser = Browser::new(&routes).await;
        browser.send("PUT", "/at/a", "1").await;
        browser.text("GET", "/late").await;
        let late = LATE.with(std::cell::RefCell::take).expect("a session");
        assert_eq!(late.get::<String>("a").expect("a text").as_deref(), Some("1"));
        assert!(!late.is_empty());
    }
}

#[tokio::test]
async fn an_error_page_may_use_the_session_that_could_not_be_saved() {
    let shown = |error: Error, csrf: Csrf, session: Session| -> Result<Html> {
        session.flash("info", "not kept")?;
        session.take_flash()?;
        Ok(page("Sorry", html! { "sorry: " (error.status().as_u16()) (csrf) }))
    };
    let mut app = App::new(nova::no_state());
    app.error("/", sync_3(shown));
    app.page("/at/{key}", "pages/at/[key].rs").put(sync_3(put));
    let mut browser = Browser::new(&app.finish()).await;
    let large: &'static str = Box::leak("a large cart ".repeat(400).into_boxed_str());
    let response = browser.send("PUT", "/at/a", large).await;
    assert_eq!(response.status(), 500);
    assert!(response.text().contains("sorry: 500<input"), "{}", response.text());
}

#[tokio::test]
async fn a_request_beside_a_login_leaves_the_new_key_alone() {
    let memory = Memory::default();
    let store = memory.clone();
    let mut browser = Browser::new(&stored(move || Sessions::in_store(store.clone()))).await;
    browser.send("PUT", "/at/a", "1").await;
    let send = |method: &str, target: &str| {
        let request = browser.app.request(method, target).header("cookie", &browser.cookie);
        request.header("sec-fetch-site", "same-origin").body("2").into_future()
    };
    let (login, late) = tokio::join!(biased; send("POST", "/renew"), send("PUT", "/at/b"));
    assert_eq!(kept(&late), None);
    browser.cookie = kept(&login).expect("a new key");
    assert_eq!(browser.text("GET", "/at/a").await, "1");

    // A store that fails in between has lost nothing.
    for record in memory.records().values_mut() {
        record.data.insert("broken".to_owned(), true.into());
    }
    assert_eq!(browser.send("POST", "/renew", "").await.status(), 500);
    assert_eq!(browser.text("GET", "/at/a").await, "1");
}

#[tokio::test]
async fn sessions_end() {
    let forever = |sessions: Sessions| sessions.idle(Duration::MAX).absolute(Duration::MAX);
    let in_store = stored(move || forever(Sessions::in_store(Memory::default())));
    for routes in [stored(move || forever(Sessions::in_cookie())), in_store] {
        let mut browser = Browser::new(&routes).await;
        let response = browser.send("PUT", "/at/a", "1").await;
        let set = response.header("set-cookie").expect("a cookie");
        let days = set.split("Max-Age=").nth(1).and_then(|age| age.parse::<u64>().ok());
        assert!(days.is_some_and(|age| age.div_ceil(24 * 60 * 60) == 400), "{set}");
        assert_eq!(response.header("cache-control"), Some("private"));
    }
    let brief = || Sessions::in_cookie().idle(Duration::ZERO);
    let mut browser = Browser::new(&stored(brief)).await;
    browser.send("PUT", "/at/a", "1").await;
    assert_eq!(browser.text("GET", "/at/a").await, "-");

    let routes = stored(|| Sessions::in_cookie().name("visit").until_the_browser_is_closed());
    let mut browser = Browser::new(&routes).await;
    let response = browser.send("PUT", "/at/a", "1").await;
    let set = response.header("set-cookie").expect("a cookie");
    assert!(set.starts_with("visit=") && !set.contains("Max-Age"), "{set}");
    // Another app has another secret: what it has encrypted is nothing.
    let foreign = Browser::new(&routes).await;
    let get = foreign.app.get("/at/a").header("cookie", &browser.cookie);
    assert_eq!((get.await.text(), &*browser.text("GET", "/at/a").await), ("-", "1"));
}

#[tokio::test]
async fn over_tls_no_other_host_can_set_it() {
    let browser = Browser::new(&routes(nova::no_state())).await;
    let put = browser.app.put("/at/a").header("x-forwarded-proto", "https").body("1").await;
    let set = put.header("set-cookie").expect("a cookie").to_owned();
    assert!(set.starts_with("__Host-session=") && set.contains("; Secure; Path=/"), "{set}");
    let planted = set.replacen("__Host-", "", 1);
    for (cookie, want) in [(&set, "1"), (&planted, "-")] {
        let pair = cookie.split(';').next().expect("a pair");
        let get = browser.app.get("/at/a").header("x-forwarded-proto", "https");
        assert_eq!(get.header("cookie", pair).await.text(), want, "{pair}");
    }
}

#[tokio::test]
async fn a_middleware_and_its_pages_share_one() {
    async fn before(session: Session, request: Request, next: Next) -> Result<Response> {
        session.insert("a", "of the middleware")?;
        Ok(next.run(request).await)
    }
    async fn behind(request: Request, next: Next, session: Session) -> Result<Response> {
        let response = next.run(request).await;
        session.insert("a", "last")?;
        Ok(response)
    }
    for (middleware, a) in [(async_3(before), "of the middleware"), (async_3(behind), "last")] {
        let mut app = App::new(nova::no_state());
        app.middleware("/", middleware);
        app.page("/at/{key}", "pages/at/[key].rs").put(sync_3(put)).get(sync_2(show));
        let mut browser = Browser::new(&app.finish()).await;
        let response = browser.send("PUT", "/at/b", "of the page").await;
        let set = response.headers().get_all("set-cookie").iter().count();
        assert_eq!(set, 1, "it is saved once");
        assert_eq!(browser.text("GET", "/at/b").await, "of the page");
        assert_eq!(browser.text("GET", "/at/a").await, a);
    }
}

#[tokio::test]
async fn a_layout_of_the_404_page_takes_the_messages() {
    fn layout(page: Html, session: Session) -> Result<Html> {
        let messages = session.take_flash()?;
        Ok(page.map(|body| html! { @for it in &messages { p { (it.text) } } (body) }))
    }
    let mut app = App::new(nova::no_state());
    app.layout("/", sync_2(layout));
    app.not_found("/", sync_1(|_: Error| page("Not found", html! { "nothing" })));
    app.error("/", sync_1(|_: Error| page("Sorry", html! { "no" })));
    app.page("/clear", "pages/clear.rs").post(sync_1(clear));
    let mut browser = Browser::new(&app.finish()).await;
    browser.send("POST", "/clear", "").await;
    let mut is_shown = async || {
        let request = browser.app.get("/nowhere").header("accept", "text/html");
        let response = request.header("cookie", &browser.cookie).await;
        if let Some(cookie) = kept(&response) {
            browser.cookie = cookie;
        }
        response.text().contains("bye")
    };
    assert_eq!((is_shown().await, is_shown().await), (true, false));

    // So is it where the guard has refused a form.
    browser.send("POST", "/clear", "").await;
    let refused = browser.app.post("/clear").header("sec-fetch-site", "cross-site");
    let refused = refused.header("accept", "text/html").header("cookie", &browser.cookie).await;
    assert_eq!((refused.status().as_u16(), refused.text().contains("bye")), (403, true));
    browser.cookie = kept(&refused).expect("the messages are gone");
    let again = browser.app.get("/nowhere").header("accept", "text/html");
    assert!(!again.header("cookie", &browser.cookie).await.text().contains("bye"));
}

#[tokio::test]
async fn a_form_is_taken_from_pages_of_the_app_alone() {
    let mut browser = Browser::new(&routes(nova::no_state())).await;
    let form = browser.text("GET", "/form").await;
    let token = form.split('"').find(|it| it.len() > 60).expect("a token").to_owned();
    assert_eq!(form, format!("<input type=\"hidden\" name=\"_csrf\" value=\"{token}\">"));
    let again = browser.text("GET", "/form").await;
    assert_ne!(form, again, "it is masked anew");

    let cookie = browser.cookie.clone();
    let post = |target: &str, cookie: &str, body: &str| {
        let request = browser.app.post(target).header("cookie", cookie);
        request.form(body)
    };
    let with_token = format!("a=1&_csrf={token}");
    assert_eq!(
        post("/form", &cookie, &with_token).await.text(),
        with_token,
        "the page has the body"
    );
    let typed = format!("a=1&_csrf={token}&b=2&_csrfs=3");
    let typed = post("/typed", &cookie, &typed).await;
    assert_eq!(
        typed.text(),
        r#"[("a", 1), ("b", 2), ("_csrfs", 3)]"#,
        "the token is no field of it"
    );
    let by_header = post("/form", &cookie, "a=1").header("x-csrf-token", &token).await;
    assert_eq!(by_header.text(), "a=1");
    let table = [
        (post("/form", &cookie, "a=1"), "neither which site it comes from"),
        (post("/form", &cookie, "a=1&_csrf=x"), "of another session"),
        (
            post("/form", &cookie, &with_token).header("sec-fetch-site", "cross-site"),
            "made by another site (cross-site)",
        ),
        (post("/form", "", "a=1").header("origin", "https://evil"), "another site (https://evil)"),
    ];
    for (request, want) in table {
        let response = request.await;
        assert_eq!(response.status(), 403, "{want}");
        let said = response.text();
        assert!(said.contains(want) && said.contains("pub const CSRF: bool = false;"), "{said}");
    }
    assert_eq!(
        post("/form", "", "a=1").await.status(),
        200,
        "without a session there is nothing to do"
    );
    let hook = post("/hook", &cookie, "a=1").header("sec-fetch-site", "cross-site").await;
    assert_eq!(hook.text(), "a=1", "it has opted out");
}

#[tokio::test]
async fn sessions_are_set_up_once() {
    let twice = init_sync_0(|| {
        session::set_up(Sessions::in_cookie())?;
        session::set_up(Sessions::in_cookie())
    });
    let said = TestApp::start(&routes(twice), Purpose::Serve, None).await.expect_err("an error");
    assert!(said.to_string().contains("the sessions are set up already"), "{said}");
}
