//! Whole apps, called in-process through the same pipeline as in a host.

#![expect(clippy::needless_pass_by_value, reason = "a page takes its arguments by value")]

mod bodies;
mod cookies;
mod errors;
mod extract;
mod hooks;
mod left_values;
mod login;
mod methods;
mod multipart;
mod pages;
mod responses;
mod rooms;
mod sessions;
mod tower;
mod unrouted;
mod validation;
mod websockets;

use nova::App;
use nova::handler::Handler;
use nova::testing::TestApp;

/// An app of one page.
async fn one(pattern: &str, get: Handler<()>) -> TestApp {
    let mut app = App::new(nova::no_state());
    app.page(pattern, "pages/index.rs").get(get);
    TestApp::new(app.finish()).await
}

/// An app of one page that answers any method.
async fn any(pattern: &str, handler: Handler<()>) -> TestApp {
    let mut app = App::new(nova::no_state());
    app.page(pattern, "pages/index.rs").any(handler);
    TestApp::new(app.finish()).await
}
