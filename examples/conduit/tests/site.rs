//! The site: what a visitor sees, does, and may not do.

use conduit::routes;
use nova::testing::{TestApp, TestBrowser};
use nova::tokio;

async fn register(browser: &TestBrowser<'_>, name: &str) {
    let form = format!("username={name}&email={name}@example.org&password=correct+horse");
    let answer = browser.post("/register").form(form).await;
    assert_eq!(
        (answer.status().as_u16(), answer.header("location")),
        (303, Some("/"))
    );
}

async fn publish(browser: &TestBrowser<'_>) {
    let form = "title=On+engines&description=What+it+orders&tags=engines+notes&body=%23+One%0A%0A*two*+%3Cscript%3E";
    let answer = browser.post("/editor").form(form).await;
    assert_eq!(
        answer.header("location"),
        Some("/article/on-engines"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_visitor_registers_writes_and_is_read() {
    let app = TestApp::new(routes()).await;
    let (ada, bob) = (app.browser(), app.browser());
    register(&ada, "ada").await;
    let welcome = ada.get("/").await;
    assert!(welcome.text().contains("Welcome, ada."));
    assert!(
        !ada.get("/").await.text().contains("Welcome, ada."),
        "it is said once"
    );
    publish(&ada).await;

    let article = bob.get("/article/on-engines").await;
    for part in [
        "<h1>On engines</h1>",
        "<h2>One</h2>",
        "<em>two</em> &lt;script&gt;",
        "/?tag=engines",
    ] {
        assert!(article.text().contains(part), "{part}: {}", article.text());
    }
    assert!(!article.text().contains("Delete"));
    register(&bob, "bob").await;
    for (path, form) in [
        ("/article/on-engines", "do=favorite"),
        ("/article/on-engines", "do=comment&body=Well+said."),
        ("/profile/ada", "follow=true"),
    ] {
        assert_eq!(
            bob.post(path).form(form).await.status(),
            303,
            "{path} {form}"
        );
    }
    assert!(bob.get("/?feed=true").await.text().contains("On engines"));
    assert!(
        bob.get("/profile/bob?favorites=true")
            .await
            .text()
            .contains("On engines")
    );
    let article = ada.get("/article/on-engines").await;
    for part in ["Well said.", "1 ♥", "Delete"] {
        assert!(article.text().contains(part), "{part}");
    }
    let edited = ada
        .post("/editor/on-engines")
        .form("title=Engines&description=d&body=b&tags=")
        .await;
    assert_eq!(edited.header("location"), Some("/article/engines"));
    assert_eq!(
        ada.post("/article/engines")
            .form("do=delete")
            .await
            .header("location"),
        Some("/")
    );
    assert_eq!(ada.get("/article/engines").await.status(), 404);
}

#[tokio::test]
async fn a_session_ends_and_begins() {
    let app = TestApp::new(routes()).await;
    let browser = app.browser();
    register(&browser, "ada").await;
    browser.post("/logout").form("").await;
    assert_eq!(
        browser.get("/settings").await.header("location"),
        Some("/login")
    );
    let wrong = browser
        .post("/login")
        .form("email=ada@example.org&password=no")
        .await;
    assert_eq!(wrong.status(), 401);
    assert!(
        wrong.text().contains("value=\"ada@example.org\""),
        "what was typed is there"
    );
    browser
        .post("/login")
        .form("email=ada@example.org&password=correct+horse")
        .await;
    let saved = browser
        .post("/settings")
        .form("username=ada&email=ada@example.org&bio=Counts.&image=")
        .await;
    assert_eq!(saved.status(), 303);
    assert!(browser.get("/profile/ada").await.text().contains("Counts."));
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let app = TestApp::new(routes()).await;
    let (desk, phone) = (app.browser(), app.browser());
    register(&desk, "ada").await;
    let login = "email=ada@example.org&password=correct+horse";
    phone.post("/login").form(login).await;
    assert_eq!(phone.get("/settings").await.status(), 200);
    let settings = |current: &str| {
        format!("username=ada&email=ada@example.org&password=+new+one+&current_password={current}")
    };
    let wrong = desk.post("/settings").form(settings("guess")).await;
    assert_eq!(wrong.status(), 422, "{}", wrong.text());
    assert_eq!(
        phone.get("/settings").await.status(),
        200,
        "nothing has changed"
    );
    let changed = desk.post("/settings").form(settings("correct+horse")).await;
    assert_eq!(changed.status(), 303, "{}", changed.text());
    assert_eq!(desk.get("/settings").await.status(), 200);
    assert_eq!(
        phone.get("/settings").await.status(),
        303,
        "it was begun with the old one"
    );
    for (password, status) in [("new+one", 401), ("correct+horse", 401), ("+new+one+", 303)] {
        let login = format!("email=ada@example.org&password={password}");
        assert_eq!(
            phone.post("/login").form(login).await.status().as_u16(),
            status,
            "{password}"
        );
    }
}

#[tokio::test]
async fn strangers_and_others_are_kept_out() {
    let app = TestApp::new(routes()).await;
    let (ada, bob, stranger) = (app.browser(), app.browser(), app.browser());
    register(&ada, "ada").await;
    register(&bob, "bob").await;
    publish(&ada).await;
    let article = "/article/on-engines";
    for (who, browser, method, path, form, status) in [
        ("a stranger", &stranger, "GET", "/editor", "", 303),
        ("a stranger", &stranger, "GET", "/?feed=true", "", 303),
        ("a stranger", &stranger, "POST", article, "do=favorite", 303),
        ("bob", &bob, "GET", "/editor/on-engines", "", 403),
        (
            "bob",
            &bob,
            "POST",
            "/editor/on-engines",
            "title=t&description=d&body=b",
            403,
        ),
        ("bob", &bob, "POST", article, "do=delete", 403),
        ("bob", &bob, "POST", article, "do=comment&body=", 422),
        ("bob", &bob, "POST", article, "do=delete-comment&id=7", 404),
        ("bob", &bob, "POST", article, "do=nothing", 422),
        ("bob", &bob, "GET", "/article/none", "", 404),
        ("bob", &bob, "GET", "/profile/nobody", "", 404),
        (
            "bob",
            &bob,
            "POST",
            "/editor",
            "title=&description=d&body=b",
            422,
        ),
        (
            "bob",
            &bob,
            "POST",
            "/settings",
            "username=ada&email=bob@example.org",
            409,
        ),
    ] {
        let mut request = browser.request(method, path);
        if method == "POST" {
            request = request.form(form);
        }
        let answer = request.await;
        assert_eq!(
            answer.status().as_u16(),
            status,
            "{who} {method} {path} {form}: {}",
            answer.text()
        );
    }
    let foreign = bob
        .post(article)
        .header("sec-fetch-site", "cross-site")
        .form("do=favorite")
        .await;
    assert_eq!(foreign.status(), 403);
    assert!(bob.get(article).await.text().contains("0 ♥"));
}

/// A picture and a link lead to the web, whatever a user typed.
#[tokio::test]
async fn no_script_comes_in_by_an_address() {
    let app = TestApp::new(routes()).await;
    let ada = app.browser();
    register(&ada, "ada").await;
    let form = "username=ada&email=ada@example.org&image=javascript:alert(1)&bio=%3Cb%3E";
    ada.post("/settings").form(form).await;
    let profile = ada.get("/profile/ada").await;
    assert!(profile.text().contains("&lt;b&gt;") && !profile.text().contains("javascript:"));
    let form = "title=Links&description=d&body=[x](JavaScript:alert(1))+![y](data:text/html,z)";
    ada.post("/editor").form(form).await;
    let article = ada.get("/article/links").await;
    assert!(
        !article.text().to_lowercase().contains("javascript:"),
        "{}",
        article.text()
    );
    assert!(!article.text().contains("data:"), "{}", article.text());
}
