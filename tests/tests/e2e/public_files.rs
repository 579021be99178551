//! What `nova dev` does with open pages when files under `public/` change.

use nova_tests::browser::Browser;
use nova_tests::dev::Dev;
use nova_tests::workspace::App;

/// Writes what it is given into `public/uploads/`; a GET shows it.
const UPLOAD: &str = r##"use nova::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

static UPLOADS: AtomicUsize = AtomicUsize::new(0);

fn form() -> Markup {
    html! {
        img id="logo" src="/logo.svg" alt="logo";
        img id="shown" src="/uploads/shown.svg" alt="shown";
        form method="post" { button id="send" { "Send" } }
    }
}

pub fn get() -> Html {
    page("Form", form())
}

pub fn post() -> Result<Html> {
    let count = UPLOADS.fetch_add(1, Ordering::Relaxed) + 1;
    let folder = std::path::Path::new("public/uploads");
    std::fs::create_dir_all(folder).map_err(Error::internal)?;
    std::fs::copy("public/logo.svg", folder.join("shown.svg")).map_err(Error::internal)?;
    std::fs::write(folder.join(format!("{count}.txt")), "new").map_err(Error::internal)?;
    Ok(page(&format!("Upload {count}"), form()))
}
"##;

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_sends_no_form_again_and_a_page_reloads_for_what_it_shows() {
    let app = App::example("starter", "uploads");
    app.write("pages/upload.rs", UPLOAD);
    let mut dev = Dev::built(&app).await;
    let browser = Browser::start().await;
    browser.open(&dev.at("/upload")).await;
    browser.run("window.mark = 'here'").await;
    browser.run("document.querySelector('#send').click()").await;
    browser.until("document.title === 'Upload 1' && document.readyState === 'complete'").await;
    browser.run("window.mark = 'here'").await;
    dev.process.line("public   public/uploads").await;
    // A style is told to the page after that, over the same stream.
    app.append("styles/main.scss", "body { margin-left: 31px }\n");
    browser.until("getComputedStyle(document.body).marginLeft === '31px'").await;
    assert_eq!(browser.value("[document.title, window.mark].join()").await, "Upload 1,here");
    assert!(!app.path.join("public/uploads/2.txt").exists());

    // What the answer shows is another file now: it is offered, and not asked for.
    app.append("public/logo.svg", "<!-- other -->\n");
    let pill =
        "document.querySelector('nova-overlay')?.shadowRoot.querySelector('.pill:not([hidden])')";
    browser.until(&format!("{pill}?.textContent.includes('Send the form again?')")).await;
    assert_eq!(browser.value("window.mark").await, "here");

    // A page that was asked for is asked for again, and only for a file that it shows.
    browser.open(&dev.at("/upload")).await;
    browser.until("document.querySelector('#shown').naturalWidth > 0").await;
    browser.run("window.mark = 'here'").await;
    app.write("public/uploads/other.txt", "nothing to see");
    app.append("styles/main.scss", "body { margin-left: 32px }\n");
    browser.until("getComputedStyle(document.body).marginLeft === '32px'").await;
    assert_eq!(browser.value("window.mark").await, "here");
    app.append("public/uploads/shown.svg", "<!-- other -->\n");
    browser.until("window.mark !== 'here' && document.readyState === 'complete'").await;
}
