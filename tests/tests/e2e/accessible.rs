//! Whether everybody can use the pages that an app begins with, and those of `nova dev`: axe finds
//! nothing, in light and dark, on a telephone and on a screen.

use fantoccini::key::Key;
use nova_tests::browser::{Browser, Scheme};
use nova_tests::dev::Dev;
use nova_tests::workspace::App;

/// What is wrong with the page that is open, in each way to look at it.
async fn faults(browser: &Browser, what: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (scheme, width) in [(Scheme::Light, 390), (Scheme::Dark, 1200)] {
        browser.look(scheme, width).await;
        let found = browser.axe().await;
        faults.extend(found.into_iter().map(|it| format!("{what}, {scheme:?}, {width}: {it}")));
    }
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_can_use_the_pages() {
    let app = App::example("starter", "accessible");
    let header = app.read("components/header.rs");
    app.append("components/header.rs", "\nfn mistake() -> u8 { missing }\n");
    app.write("pages/fail.rs", "pub fn get() -> String {\n    panic!(\"as it should\")\n}\n");
    let mut dev = Dev::start(&app).await;
    let browser = Browser::start().await;
    let mut found = Vec::new();

    browser.open(&dev.at("/")).await;
    let overlay = "document.querySelector('nova-overlay')?.shadowRoot";
    browser.until(&format!("{overlay}?.querySelector('dialog[open] pre')")).await;
    found.extend(faults(&browser, "the overlay").await);
    browser.press(Key::Escape).await;
    browser.until(&format!("{overlay}.querySelector('.pill:not([hidden])')")).await;
    found.extend(faults(&browser, "the waiting page").await);
    app.write("components/header.rs", &header);
    browser.until("document.title !== 'Building…'").await;

    for path in ["/", "/about", "/users", "/docs", "/guestbook", "/stream", "/none"] {
        browser.open(&dev.at(path)).await;
        browser.until(&format!("!{overlay}")).await;
        found.extend(faults(&browser, path).await);
    }
    browser.open(&dev.at("/fail")).await;
    browser.until(&format!("{overlay}?.querySelector('dialog[open]')")).await;
    browser.press(Key::Escape).await;
    found.extend(faults(&browser, "the page of an error").await);

    app.edit("pages/about.rs", "    \"About\",", "    missing,");
    dev.process.line("error    pages/about.rs").await;
    browser.open(&dev.at("/__nova")).await;
    browser.until("document.querySelector('td .state.failed')").await;
    found.extend(faults(&browser, "the dev page").await);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
