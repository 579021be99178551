//! axum, with tower-http for files and sqlx for rows.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use bytes::Bytes;
use nova_bench_peers::Failure;
use nova_bench_peers::answers::{self, Item, User};
use nova_bench_peers::args::Args;
use nova_bench_peers::database::{self, Person};
use sqlx::SqlitePool;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

async fn user(Path(id): Path<u64>) -> Json<User> {
    Json(answers::user(id))
}

async fn echo(Json(item): Json<Item>) -> Json<Item> {
    Json(item)
}

async fn hello(Path(name): Path<String>) -> Html<String> {
    Html(answers::hello(&name))
}

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

async fn person(
    State(pool): State<SqlitePool>,
    Path(id): Path<i64>,
) -> Result<Json<Person>, StatusCode> {
    let person = database::person(&pool, id).await;
    person.map(Json).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse()?;
    let mut app = Router::new()
        .route("/text", get(async || answers::TEXT))
        .route("/json/{id}", get(user))
        .route("/json", post(echo))
        .route("/html/{name}", get(hello))
        .route("/page", get(async || Html(answers::page())))
        .route("/post", post(length))
        .nest_service("/static", ServeDir::new(args.public.join("static")))
        .fallback(async || (StatusCode::NOT_FOUND, answers::NOT_FOUND));
    for number in 0..args.routes {
        let text = move |Path(id): Path<u64>| async move { answers::route_text(number, id) };
        app = app.route(&answers::route(number, "{id}"), get(text));
    }
    if let Some(file) = &args.database {
        let rows = Router::new().route("/db/{id}", get(person));
        app = app.merge(rows.with_state(database::open(file).await?));
    }
    let listener = TcpListener::bind(("127.0.0.1", args.port)).await?;
    let listener = listener.tap_io(|stream| {
        // Without it the answers are right as well.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await?;
    Ok(())
}
