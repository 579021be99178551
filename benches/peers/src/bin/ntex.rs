//! ntex on tokio.

use nova_bench_peers::Failure;
use nova_bench_peers::answers::{self, Item, User};
use nova_bench_peers::args::{Args, threads};
use ntex::util::Bytes;
use ntex::web::types::{Json, Path};
use ntex::web::{self, App, HttpResponse, HttpServer};

async fn text() -> &'static str {
    answers::TEXT
}

async fn user(id: Path<u64>) -> Json<User> {
    Json(answers::user(id.into_inner()))
}

async fn echo(item: Json<Item>) -> Json<Item> {
    item
}

async fn hello(name: Path<String>) -> HttpResponse {
    html(answers::hello(&name))
}

async fn page() -> HttpResponse {
    html(answers::page())
}

fn html(document: String) -> HttpResponse {
    HttpResponse::Ok().content_type(answers::HTML_TYPE).body(document)
}

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().content_type(answers::TEXT_TYPE).body(answers::NOT_FOUND)
}

#[ntex::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse()?;
    let routes = args.routes;
    let app = async move || {
        let mut app = App::new()
            .route("/text", web::get().to(text))
            .route("/json/{id}", web::get().to(user))
            .route("/json", web::post().to(echo))
            .route("/html/{name}", web::get().to(hello))
            .route("/page", web::get().to(page))
            .route("/post", web::post().to(length))
            .default_service(web::to(not_found));
        for number in 0..routes {
            let text = async move |id: Path<u64>| answers::route_text(number, *id);
            app = app.route(&answers::route(number, "{id}"), web::get().to(text));
        }
        app
    };
    HttpServer::new(app).workers(threads()?).bind(("127.0.0.1", args.port))?.run().await?;
    Ok(())
}
