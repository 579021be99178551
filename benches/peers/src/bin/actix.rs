//! actix-web, with actix-files for files and sqlx for rows.

use actix_files::Files;
use actix_web::web::{self, Bytes, Data, Html, Json, Path};
use actix_web::{App, HttpResponse, HttpServer};
use nova_bench_peers::Failure;
use nova_bench_peers::answers::{self, Item, User};
use nova_bench_peers::args::{Args, threads};
use nova_bench_peers::database::{self, Person};
use sqlx::SqlitePool;

async fn text() -> &'static str {
    answers::TEXT
}

async fn user(id: Path<u64>) -> Json<User> {
    Json(answers::user(id.into_inner()))
}

async fn echo(item: Json<Item>) -> Json<Item> {
    item
}

async fn hello(name: Path<String>) -> Html {
    Html::new(answers::hello(&name))
}

async fn page() -> Html {
    Html::new(answers::page())
}

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

async fn person(pool: Data<SqlitePool>, id: Path<i64>) -> actix_web::Result<Json<Person>> {
    let person = database::person(&pool, id.into_inner()).await;
    person.map(Json).map_err(actix_web::error::ErrorInternalServerError)
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().content_type(answers::TEXT_TYPE).body(answers::NOT_FOUND)
}

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse()?;
    let pool = match &args.database {
        Some(file) => Some(Data::new(database::open(file).await?)),
        None => None,
    };
    let (port, workers) = (args.port, threads()?);
    let app = move || {
        let mut app = App::new()
            .route("/text", web::get().to(text))
            .route("/json/{id}", web::get().to(user))
            .route("/json", web::post().to(echo))
            .route("/html/{name}", web::get().to(hello))
            .route("/page", web::get().to(page))
            .route("/post", web::post().to(length))
            .service(Files::new("/static", args.public.join("static")))
            .default_service(web::to(not_found));
        for number in 0..args.routes {
            let text = move |id: Path<u64>| async move { answers::route_text(number, *id) };
            app = app.route(&answers::route(number, "{id}"), web::get().to(text));
        }
        if let Some(pool) = &pool {
            app = app.app_data(pool.clone()).route("/db/{id}", web::get().to(person));
        }
        app
    };
    HttpServer::new(app).workers(workers).bind_auto_h2c(("127.0.0.1", port))?.run().await?;
    Ok(())
}
