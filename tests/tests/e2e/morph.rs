//! A page that is open while its code changes: what the reader has done to it stays.

use nova_tests::browser::Browser;
use nova_tests::dev::Dev;
use nova_tests::workspace::App;

/// A page with everything that a reader can change.
const FORM: &str = r#"use nova::prelude::*;

pub fn get() -> Html {
    page("Form", html! {
        // first
        form {
            input type="text" name="name";
            input type="text" name="mail" value="nobody";
            textarea name="text" { "nothing" }
            input type="checkbox" name="sure";
            select name="kind" { option value="a" { "A" } option value="b" { "B" } }
        }
        details { summary { "more" } p { "inside" } }
        p data-nova-keep { "kept" }
        p style="height: 3000px" { "long" }
        // last
    })
}

pub fn post() -> Html {
    page("Sent", html! { h1 { "Sent" } })
}
"#;

/// The state of that page as one text.
const STATE: &str = "(() => {
    const by = (name) => document.querySelector(`[name=${name}]`);
    return [
        by('name').value, by('mail').value, by('text').value, by('sure').checked, by('kind').value,
        document.querySelector('details').open, document.querySelector('[data-nova-keep]').textContent,
        document.activeElement.name, by('mail').selectionStart, by('mail').selectionEnd,
    ].join(' ');
})()";

async fn fill(browser: &Browser) {
    browser.run("document.querySelector('[name=name]').focus()").await;
    browser.write("Ada").await;
    browser.run("document.querySelector('[name=text]').focus()").await;
    browser.write("more ").await;
    browser.run("document.querySelector('[name=sure]').click()").await;
    browser
        .run(
            "const kind = document.querySelector('[name=kind]');
             kind.value = 'b';
             kind.dispatchEvent(new Event('change', { bubbles: true }));
             document.querySelector('details').open = true;
             document.querySelector('[data-nova-keep]').textContent = 'changed';
             const mail = document.querySelector('[name=mail]');
             mail.focus({ preventScroll: true });
             mail.setSelectionRange(2, 4);
             window.updates = 0;
             document.addEventListener('nova:update', () => { window.updates += 1; });
             // Not smoothly, as the starter's styles would have it: it shall be there at once.
             window.scrollTo({ top: 700, behavior: 'instant' });",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scroll_focus_and_what_was_typed_stay() {
    let app = App::example("starter", "form");
    app.write("pages/form.rs", FORM);
    let dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/form")).await;
    fill(&browser).await;
    let state = "Ada nobody more nothing true b true changed mail 2 4";
    assert_eq!(browser.value(STATE).await, state);
    assert_eq!(browser.value("scrollY").await, 700);

    // Something at the end: nothing moves.
    app.edit("pages/form.rs", "// last", "p #last { \"last\" }");
    browser.until("document.querySelector('#last') && window.updates === 1").await;
    assert_eq!(browser.value(STATE).await, state);
    assert_eq!(browser.value("scrollY").await, 700);

    // Another field before the others, of the same kind: what was typed stays with its name.
    app.edit(
        "pages/form.rs",
        "        // first",
        "        form { input type=\"text\" name=\"first\" value=\"new\"; }",
    );
    app.edit(
        "pages/form.rs",
        "        form {\n",
        "        form { input type=\"text\" name=\"second\";\n",
    );
    browser.until("document.querySelector('[name=second]')").await;
    assert_eq!(browser.value(STATE).await, state);
    assert_eq!(browser.value("document.querySelector('[name=first]').value").await, "new");
    assert_eq!(browser.value("document.querySelector('[name=second]').value").await, "");

    // What nobody touched follows the server, and so do title and head.
    app.edit("pages/form.rs", "value=\"nobody\"", "value=\"somebody\"");
    app.edit("pages/form.rs", "page(\"Form\"", "page(\"Another\"");
    browser.until("document.querySelector('[name=mail]').value === 'somebody'").await;
    assert_eq!(browser.value("document.title").await, "Another");
    assert_eq!(browser.value("document.querySelectorAll('title').length").await, 1);
    assert_eq!(browser.value("document.querySelectorAll('link[data-nova-style]').length").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_scripts_change_reloads() {
    let app = App::example("starter", "scripts");
    let page = |script: &str, text: &str| {
        format!(
            "use nova::prelude::*;\n\npub fn get() -> Html {{\n    page(\"Run\", html! {{ p {{ {text:?} }} script {{ (PreEscaped({script:?})) }} }})\n}}\n"
        )
    };
    let script = "window.runs = (window.runs || 0) + 1; window.word = 'one';";
    app.write("pages/run.rs", &page(script, "first"));
    let dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/run")).await;
    browser.run("window.mark = 'here'").await;
    app.write("pages/run.rs", &page(script, "second"));
    browser.until("document.querySelector('p').textContent === 'second'").await;
    assert_eq!(browser.value("window.mark").await, "here");
    assert_eq!(browser.value("window.runs").await, 1, "the script did not run again");

    app.write("pages/run.rs", &page(&script.replace("one", "two"), "second"));
    browser.until("window.word === 'two'").await;
    assert_eq!(browser.value("window.mark === undefined").await, true, "the page was loaded anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_form_is_not_asked_for_again() {
    let app = App::example("starter", "post");
    app.write("pages/form.rs", FORM);
    let mut dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/form")).await;
    browser
        .run("const form = document.querySelector('form'); form.method = 'post'; form.submit();")
        .await;
    browser.until("document.title === 'Sent'").await;
    app.edit("pages/form.rs", "h1 { \"Sent\" }", "h1 { \"Sent twice\" }");
    dev.process.line("swap     pages/form.rs").await;
    browser
        .until(
            "document.querySelector('nova-overlay').shadowRoot.querySelector('.pill:not([hidden])')\
             .textContent.includes('Send the form again?')",
        )
        .await;
    assert_eq!(browser.value("document.querySelector('h1').textContent").await, "Sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tabs_share_one_connection() {
    let app = App::example("starter", "tabs");
    let dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/about")).await;
    let mut tabs = Vec::new();
    // One more than the connections that a browser has for a host.
    for _ in 0..7 {
        tabs.push(browser.tab().await);
        browser.open(&dev.at("/about")).await;
    }
    app.edit("pages/about.rs", "h1 { \"One", "p #edited { \"edited\" } h1 { \"One");
    for tab in &tabs {
        browser.look_at(tab).await;
        browser.until("document.querySelector('#edited')").await;
    }
    // The page that somebody looks at is the one that the server hears of.
    let last = tabs.last().expect("a tab");
    browser.look_at(last).await;
    browser.open(&dev.at("/users")).await;
    let screen = "(await (await fetch('/__nova')).text()).match(/on screen: ([^<]*)/)?.[1]";
    let look = format!(
        "window.screenNow = null; (async () => {{ while (window.screenNow !== '/users') window.screenNow = {screen}; }})()"
    );
    browser.run(&look).await;
    browser.until("window.screenNow === '/users'").await;
}
