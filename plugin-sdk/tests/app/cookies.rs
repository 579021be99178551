//! Jars of cookies.

use nova::App;
use nova::cookies::time::Duration;
use nova::cookies::{Cookie, SameSite};
use nova::handler::*;
use nova::prelude::*;
use nova::testing::{TestApp, TestResponse};

fn set(cookies: Cookies) -> (Cookies, &'static str) {
    let cookies = cookies
        .add(("a", "1; Domain=evil \u{e9}%\""))
        .add(Cookie::build(("b", "2")).http_only(false).path("/b").max_age(Duration::days(1)))
        .add(Cookie::build(("c", "3")).same_site(SameSite::None))
        .add(Cookie::build(("d", "4")).secure(false).same_site(SameSite::Strict))
        .add(("__Host-e", "5"))
        .remove("f");
    (cookies, "set")
}

fn show(cookies: Cookies) -> String {
    let mut all: Vec<_> =
        cookies.iter().map(|it| format!("{}={}", it.name(), it.value())).collect();
    all.sort();
    all.join("\n")
}

fn set_cookies(response: &TestResponse) -> Vec<&str> {
    let set = response.headers().get_all("set-cookie").iter();
    set.map(|it| it.to_str().expect("text")).collect()
}

async fn app() -> TestApp {
    let mut app = App::new(nova::no_state());
    app.page("/", "pages/index.rs").get(sync_1(show)).post(sync_1(set));
    app.page("/bad", "pages/bad.rs")
        .get(sync_1(|cookies: Cookies| cookies.add(("a b", "1"))))
        .put(sync_1(|cookies: Cookies| cookies.add(Cookie::build("a").path("/; Domain=evil"))));
    app.page("/signed", "pages/signed.rs")
        .get(sync_1(|it: SignedCookies| it.get("a").map_or("-".into(), |it| it.value().to_owned())))
        .post(sync_1(|it: SignedCookies| (it.add(("a", "b c")), "set")));
    TestApp::new(app.finish()).await
}

#[tokio::test]
async fn flags_are_safe_unless_a_cookie_says_otherwise() {
    let app = app().await;
    let plain = app.post("/").await;
    let tls = app.post("/").header("x-forwarded-proto", "https").await;
    let removed = "f=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0; Expires=";
    let lines = |secure| {
        [
            format!("a=1%3B%20Domain=evil%20%C3%A9%25%22; HttpOnly; SameSite=Lax{secure}; Path=/"),
            format!("b=2; SameSite=Lax{secure}; Path=/b; Max-Age=86400"),
            "c=3; HttpOnly; SameSite=None; Secure; Path=/".to_owned(),
            "d=4; HttpOnly; SameSite=Strict; Path=/".to_owned(),
        ]
    };
    for (response, secure) in [(plain, ""), (tls, "; Secure")] {
        let set = set_cookies(&response);
        assert_eq!(set[0], "__Host-e=5; HttpOnly; SameSite=Lax; Secure; Path=/");
        assert_eq!(set[1..5], lines(secure), "{secure}");
        assert!(set[5].starts_with(&removed.replace("; Path", &format!("{secure}; Path"))));
        assert_eq!((set.len(), response.text()), (6, "set"));
    }
    for method in ["GET", "PUT"] {
        assert_eq!(app.request(method, "/bad").await.status(), 500, "{method}");
    }
}

#[tokio::test]
async fn what_is_set_comes_back() {
    let app = app().await;
    let response = app.post("/").await;
    let sent = set_cookies(&response)[1].split(';').next().expect("a pair").to_owned();
    let response = app.get("/").header("cookie", &format!("{sent}; b=\"2\"; a=other")).await;
    assert_eq!(response.text(), "a=1; Domain=evil \u{e9}%\"\nb=2", "of one name the first");
    assert_eq!(set_cookies(&response), [""; 0], "nothing is said that was not changed");
    // HTTP/2 may send one header for each; a name is not decoded, so it gains no prefix.
    let request = app.get("/").header("cookie", "x=1").header("cookie", "__%48ost-y=%ff; z");
    assert_eq!(request.await.text(), "__%48ost-y=%ff\nx=1");
    // What another app has set for the whole domain is in the same header.
    let request = app.get("/").header("cookie", "other=\u{e9}; x=1");
    assert!(request.await.text().ends_with("\nx=1"));
}

#[tokio::test]
async fn a_signed_cookie_is_refused_after_a_change() {
    let app = app().await;
    let response = app.post("/signed").await;
    let sent = set_cookies(&response)[0].split(';').next().expect("a pair").to_owned();
    for (cookie, want) in [(sent.clone(), "b c"), (sent.replace("b%20c", "b%20d"), "-")] {
        assert_eq!(app.get("/signed").header("cookie", &cookie).await.text(), want, "{cookie}");
    }
}
