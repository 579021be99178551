//! The pages for axum, as its users write them.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::extract::{Path, Query, Request};
use axum::middleware::{self, Next};
use axum::response::{Html, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use nova_bench_app::content::{self, Order, User};
use tower_http::services::ServeDir;

use super::{Failure, add_headers, shell};

async fn user(Path(id): Path<u64>) -> Json<User> {
    Json(User::of(id))
}

async fn html(Query(query): Query<HashMap<String, String>>) -> Html<String> {
    let content = maud::html! {
        h1 { "Things" }
        ul { @for (name, value) in &query { li { b { (name) } ": " (value) } } }
        table {
            @for row in 0..20 {
                tr { td { (row) } td { "thing number " (row) } td { (row * row) } }
            }
        }
    };
    Html(shell("Things", &content))
}

async fn hello(Path(name): Path<String>) -> Html<String> {
    Html(content::hello(&name).into_string())
}

async fn catalog() -> Html<String> {
    Html(shell("Catalog", &content::layout(&content::catalog())))
}

async fn order(Json(order): Json<Order>) -> Json<Order> {
    Json(order)
}

/// Adds what the production host adds.
async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let kind = response.headers().get(http::header::CONTENT_TYPE);
    let is_html = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    add_headers(response.headers_mut(), is_html);
    response
}

pub(crate) async fn serve(listener: TcpListener, address: SocketAddr) -> Result<(), Failure> {
    let upstream = std::env::var("NOVA_BENCH_UPSTREAM").unwrap_or_default();
    let client = reqwest::Client::new();
    let outgoing = move || async move {
        let answer = client.get(upstream).send().await;
        match answer {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    };
    let stream = || async {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, Failure>>(8);
        tokio::spawn(async move {
            for _ in 0..64 {
                let piece = bytes::Bytes::from_static(&[b'x'; 4096]);
                if sender.send(Ok(piece)).await.is_err() {
                    return;
                }
            }
        });
        axum::body::Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(receiver))
    };
    let sleep = || async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        "slept"
    };
    let app = Router::new()
        .route("/text", get(|| async { "Hello, world!" }))
        .route("/json/{id}", get(user))
        .route("/hello/{name}", get(hello))
        .route("/catalog/page", get(catalog))
        .route("/order", post(order))
        .route("/html", get(html))
        .route("/sleep", get(sleep))
        .route("/outgoing", get(outgoing))
        .route("/stream", get(stream))
        .route("/post", post(|body: bytes::Bytes| async move { body.len().to_string() }))
        .fallback_service(ServeDir::new(std::env::var("NOVA_BENCH_PUBLIC").unwrap_or_default()))
        .layer(middleware::from_fn(headers));
    let listener = tokio::net::TcpListener::from_std(listener)?;
    println!("listening on http://{address}");
    axum::serve(listener, app).await?;
    Ok(())
}
