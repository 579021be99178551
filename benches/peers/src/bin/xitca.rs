//! xitca-web.

use nova_bench_peers::Failure;
use nova_bench_peers::answers::{self, Item, User};
use nova_bench_peers::args::{Args, threads};
use xitca_web::App;
use xitca_web::handler::handler_service;
use xitca_web::handler::html::Html;
use xitca_web::handler::json::Json;
use xitca_web::handler::params::Params;
use xitca_web::http::header::{CONTENT_TYPE, HeaderValue};
use xitca_web::http::{StatusCode, WebResponse};
use xitca_web::route::{get, post};

async fn text() -> &'static str {
    answers::TEXT
}

async fn user(Params(id): Params<u64>) -> Json<User> {
    Json(answers::user(id))
}

async fn echo(Json(item): Json<Item>) -> Json<Item> {
    Json(item)
}

async fn hello(Params(name): Params<String>) -> Html<String> {
    Html(answers::hello(&name))
}

async fn page() -> Html<String> {
    Html(answers::page())
}

async fn length(body: Vec<u8>) -> String {
    body.len().to_string()
}

async fn not_found() -> WebResponse {
    let mut response = WebResponse::new(answers::NOT_FOUND.into());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answers::TEXT_TYPE));
    response
}

fn main() -> Result<(), Failure> {
    let args = Args::parse()?;
    let mut app = App::new()
        .at("/text", get(handler_service(text)))
        .at("/json/{id}", get(handler_service(user)))
        .at("/json", post(handler_service(echo)))
        .at("/html/{name}", get(handler_service(hello)))
        .at("/page", get(handler_service(page)))
        .at("/post", post(handler_service(length)))
        .at("/{*path}", get(handler_service(not_found)));
    for number in 0..args.routes {
        let text = move |Params(id): Params<u64>| async move { answers::route_text(number, id) };
        app = app.at(&answers::route(number, "{id}"), get(handler_service(text)));
    }
    app.serve()
        .h2c_prior_knowledge()
        .worker_threads(threads()?)
        .bind(("127.0.0.1", args.port))?
        .run()
        .wait()?;
    Ok(())
}
