//! What a developer sees in the browser while `nova dev` runs.

use fantoccini::key::Key;
use nova_tests::browser::Browser;
use nova_tests::dev::Dev;
use nova_tests::workspace::App;

/// What the overlay says; nothing while it is not there.
const OVERLAY: &str = "(document.querySelector('nova-overlay')?.shadowRoot\
                       .querySelector('dialog[open]')?.textContent ?? '')";

fn overlay_says(text: &str) -> String {
    format!("{OVERLAY}.includes({text:?})")
}

fn overlay_is_gone() -> String {
    format!("{OVERLAY} === ''")
}

/// Marks the page, so that a reload shows: the mark is gone then.
async fn mark(browser: &Browser) {
    browser.run("window.mark = 'here'").await;
}

async fn is_marked(browser: &Browser) -> bool {
    browser.value("window.mark === 'here'").await == true
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_page_becomes_the_app() {
    let app = App::example("starter", "waiting");
    let dev = Dev::start(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/about")).await;
    browser.until("document.title === 'About'").await;
    browser.until("getComputedStyle(document.body).display === 'flex'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_page_updates_by_itself() {
    let app = App::example("starter", "reload");
    let mut dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/about")).await;
    mark(&browser).await;
    app.edit("pages/about.rs", "h1 { \"One", "p #edited { \"edited just now\" } h1 { \"One");
    browser.until("document.querySelector('#edited')").await;
    assert!(is_marked(&browser).await, "the page was updated in place");
    dev.process.line("swap     pages/about.rs").await;

    // Saved again as it is: the next line is about the next change.
    mark(&browser).await;
    app.write("pages/about.rs", &app.read("pages/about.rs"));
    app.append("styles/main.scss", "/* more */\n");
    let next = dev.process.line("").await;
    assert!(next.starts_with("style"), "{next}");
    assert!(is_marked(&browser).await, "nothing was reloaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_missed_an_update_catches_up() {
    let app = App::example("starter", "missed");
    let mut dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/about")).await;
    mark(&browser).await;
    dev.process.stop().await;
    app.edit("pages/about.rs", "h1 { \"One", "p #edited { \"edited meanwhile\" } h1 { \"One");
    let port = dev.address.port().to_string();
    let _again = Dev::start_with(&app, &["--port", &port]).await;
    browser.until("document.querySelector('#edited')").await;
    assert!(is_marked(&browser).await, "the page was updated in place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_error_is_an_overlay_that_leaves_by_itself() {
    let app = App::example("starter", "overlay");
    let dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/about")).await;
    mark(&browser).await;
    app.edit("pages/about.rs", "    \"About\",", "    missing,");
    browser.until(&overlay_says("cannot find value `missing`")).await;
    for text in
        ["1 problem", "pages/about.rs:", "error[E0425]", "--> pages/about.rs:", "Compile error"]
    {
        browser.until(&overlay_says(text)).await;
    }
    let colours = "document.querySelector('nova-overlay').shadowRoot.querySelectorAll('pre span.b').length > 0";
    assert_eq!(browser.value(colours).await, true, "rustc's colours are there");
    assert!(is_marked(&browser).await, "the page under it is the one that was there");

    // Escape puts it aside, and the button brings it back.
    browser.press(Key::Escape).await;
    browser.until(&overlay_is_gone()).await;
    browser
        .run("document.querySelector('nova-overlay').shadowRoot.querySelector('.pill').click()")
        .await;
    browser.until(&overlay_says("cannot find value `missing`")).await;

    // The last good version serves, and whoever comes now is told, too.
    browser.open(&dev.at("/users")).await;
    browser.until("document.title === 'Users'").await;
    browser.until(&overlay_says("cannot find value `missing`")).await;

    mark(&browser).await;
    app.edit("pages/about.rs", "    missing,", "    \"About\",");
    browser.until(&overlay_is_gone()).await;
    assert!(is_marked(&browser).await, "the library is the one from before: no reload");
}

#[tokio::test(flavor = "multi_thread")]
async fn styles_change_without_a_reload() {
    let app = App::example("starter", "styles");
    let dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/")).await;
    mark(&browser).await;
    app.append("styles/main.scss", "$far: 30px;\nbody { margin-left: $far + 1; }\n");
    browser.until("getComputedStyle(document.body).marginLeft === '31px'").await;
    browser.until("document.querySelectorAll('link[data-nova-style]').length === 1").await;
    assert!(is_marked(&browser).await, "the page is the one that was there");

    app.edit("styles/main.scss", "$far + 1", "$near");
    browser.until(&overlay_says("Undefined variable")).await;
    browser.until(&overlay_says("styles/main.scss:")).await;
    let kept = "getComputedStyle(document.body).marginLeft";
    assert_eq!(browser.value(kept).await, "31px", "the last good styles stay");
    app.edit("styles/main.scss", "$near", "$far");
    browser.until("getComputedStyle(document.body).marginLeft === '30px'").await;
    browser.until(&overlay_is_gone()).await;
    assert!(is_marked(&browser).await, "the page is still the one that was there");

    // A page that is opened now has the styles of now from its first moment on.
    browser.open(&dev.at("/users")).await;
    let styles = "[document.readyState, document.title, ...performance.getEntriesByType('resource')]\
                  .map((it) => it.name ? `${it.name} ${it.responseStatus} ${it.decodedBodySize}` : it)";
    let loaded = browser.value(styles).await;
    assert_eq!(browser.value(kept).await, "30px", "{loaded}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_come_and_go_with_their_files() {
    let app = App::example("starter", "files");
    let dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/fresh")).await;
    browser.until("document.title === 'Not found'").await;
    app.write(
        "pages/fresh.rs",
        "use nova::prelude::*;\n\npub fn get() -> Html {\n    page(\"Fresh\", html! { p { \"new\" } })\n}\n",
    );
    browser.until("document.title === 'Fresh'").await;
    let status = "performance.getEntriesByType('navigation')[0].responseStatus";
    assert_eq!(browser.value(status).await, 200);
    app.delete("pages/fresh.rs");
    browser.until("document.title !== 'Fresh'").await;
    browser.until(&format!("{status} === 404")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_shows_its_place_and_the_server_goes_on() {
    let app = App::example("starter", "panic");
    let mut dev = Dev::built(&app).await;
    app.write(
        "pages/fail.rs",
        "pub fn get() -> String {\n    let none: Vec<u8> = vec![];\n    none[3].to_string()\n}\n",
    );
    dev.process.line("swap     pages/fail.rs (new)").await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/fail")).await;
    for text in ["index out of bounds", "pages/fail.rs:3:", "GET /fail", "Panic"] {
        browser.until(&overlay_says(text)).await;
    }
    dev.process.line("panic    GET /fail").await;

    // A script on a page asks: the page shows it.
    browser.open(&dev.at("/about")).await;
    assert_eq!(browser.value(OVERLAY).await, "");
    browser.run("fetch('/fail')").await;
    browser.until(&overlay_says("pages/fail.rs:3:")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_shows_its_place_and_a_crash_shows_once() {
    let app = App::example("starter", "failing");
    app.write(
        "pages/boom.rs",
        "use nova::prelude::*;\n\npub fn get() -> Result<String> {\n    \
         let seven: u8 = \"seven\".parse()?;\n    Ok(seven.to_string())\n}\n",
    );
    app.write("pages/crash.rs", "pub fn get() -> &'static str {\n    std::process::abort();\n}\n");
    let mut dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/boom")).await;
    for text in ["invalid digit", "pages/boom.rs:4:", "GET /boom", "Only this request failed"] {
        browser.until(&overlay_says(text)).await;
    }
    let line = dev.process.line("error    GET /boom").await;
    assert!(line.contains("pages/boom.rs:4:"), "{line}");
    assert!(!dev.process.output().contains("plugin-sdk/src"), "{}", dev.process);

    // What was said before the request that ended the server is not about it.
    // The request that did is answered with what it did.
    browser.open(&dev.at("/crash")).await;
    browser.until("document.body.innerText.includes('ended the server: SIGABRT')").await;
    assert_eq!(browser.value("document.body.innerText.includes('boom')").await, false);
    assert_eq!(browser.value(OVERLAY).await, "", "the page says it itself");
    browser.open(&dev.at("/about")).await;
    browser.until(&overlay_says("The server is back.")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_shown_and_its_place_opens_the_editor() {
    let app = App::example("starter", "errors");
    // What it is called with becomes a style, which the server notices.
    app.write("editor.sh", "echo \"/* $* */\" > styles/called.css\n");
    let script = "/bin/sh editor.sh -g {file}:{line}:{column}";
    app.write(".env", &format!("NOVA_EDITOR=\"{script}\"\n"));
    let mut dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/about")).await;
    app.edit("pages/about.rs", "    \"About\",", "    missing + absent,");
    browser.until(&overlay_says("2 problems")).await;
    for text in ["cannot find value `missing`", "cannot find value `absent`"] {
        browser.until(&overlay_says(text)).await;
    }
    // Put aside it stays aside, whatever else is heard of the same problems.
    browser.press(Key::Escape).await;
    browser.run("dispatchEvent(new Event('focus'))").await;
    app.append("styles/main.scss", "b { margin: 0 }\n");
    dev.process.line("style ").await;
    browser.until("document.querySelector('nova-overlay').shadowRoot.querySelector('.pill:not([hidden])')").await;
    assert_eq!(browser.value(OVERLAY).await, "");

    // Another problem brings it back.
    app.edit("pages/about.rs", "    missing + absent,", "    absent,");
    browser.until(&overlay_says("1 problem")).await;
    let place = "document.querySelector('nova-overlay').shadowRoot.querySelector('pre .place')";
    let text = browser.value(&format!("{place}.textContent")).await;
    let text = text.as_str().expect("a place").to_owned();
    assert!(text.starts_with("pages/about.rs:"), "{text}");
    browser.run(&format!("{place}.click()")).await;
    browser.until(&overlay_says("is open in the editor")).await;
    dev.process.line("style    styles/called.css").await;
    let called = app.read("styles/called.css");
    assert!(called.starts_with("/* -g /") && called.contains(&text), "{called}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dev_page_follows_the_session() {
    let app = App::example("starter", "page");
    let dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/__nova")).await;
    mark(&browser).await;
    let says = |text: &str| format!("document.body.innerText.includes({text:?})");
    for text in ["/users/{id}", "pages/users/[id].rs", "the whole app", "Generation", "resident"] {
        browser.until(&says(text)).await;
    }
    assert_eq!(browser.value("document.querySelectorAll('td .state.failed').length").await, 0);
    assert_eq!(browser.value("document.querySelectorAll('svg.chart g').length").await, 0);

    app.edit("pages/about.rs", "    \"About\",", "    missing,");
    browser.until("document.querySelector('td .state.failed')").await;
    browser.until(&says("cannot find value `missing`")).await;
    app.edit("pages/about.rs", "    missing,", "    \"About us\",");
    browser.until(&says("one edit")).await;
    browser.until("document.querySelectorAll('svg.chart g').length === 2").await;
    browser.until("document.querySelectorAll('svg.chart rect.compile').length === 2").await;
    browser.until("document.querySelectorAll('td .state.failed').length === 1").await;
    assert!(is_marked(&browser).await, "the page was updated in place");
    assert_eq!(browser.value(OVERLAY).await, "");
}
