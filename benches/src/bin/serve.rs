//! The same pages served three ways: `serve linked`, `serve loaded LIB`, `serve axum [PORT]`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query};
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use nova_host::library::loader::{BuildId, Library, Store};
use nova_host::library::start::StartInfo;
use nova_host::release::Release;
use nova_host::server::{Options, Peer, Server};
use nova_host::site::Site;
use nova_host::site::files::{Assets, Caching};
use nova_host::swap::{SwapSettings, Switch};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (way, argument) = (args.next(), args.next());
    let port = match (way.as_deref(), &argument) {
        (Some("axum"), Some(port)) => port.parse()?,
        _ => 0,
    };
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    let address = listener.local_addr()?;
    match (way.as_deref(), argument) {
        (Some("linked"), None) => nova(listener, address, None).await,
        (Some("loaded"), Some(library)) => nova(listener, address, Some(library.into())).await,
        (Some("axum"), _) => axum_peer(listener, address).await,
        _ => Err("usage: serve linked | serve loaded LIB | serve axum [PORT]".into()),
    }
}

async fn nova(
    listener: std::net::TcpListener,
    address: SocketAddr,
    library: Option<PathBuf>,
) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let switch = Arc::new(Switch::new(SwapSettings::default(), Store::open(folder.path())?));
    let info = StartInfo::default();
    match library {
        Some(path) => drop(switch.start(&[path], &info).await?),
        None => {
            let build_id = BuildId::of(b"the benchmarks' pages");
            let app = "nova-bench-app 0.1.0";
            let root = nova_bench_app::nova_library();
            let linked = Library::linked(root, app, build_id)?;
            let release = Release::of_linked(switch.link(linked), None)?;
            switch.start_read(vec![release], &info).await?;
        }
    }
    let site = Arc::new(Site::new(switch, Arc::new(Assets::new(Vec::new(), Caching::Hour))));
    let server = Server::new([listener], Options::default())?;
    println!("listening on http://{address}");
    let _stopped = server
        .run(move |request, peer: Peer| {
            let site = site.clone();
            async move { site.answer(request, peer.addr).await.response }
        })
        .await;
    Ok(())
}

#[derive(serde::Serialize)]
struct User {
    id: u64,
    name: String,
    email: &'static str,
    roles: [&'static str; 3],
}

async fn user(Path(id): Path<u64>) -> Json<User> {
    Json(User {
        id,
        name: format!("user {id}"),
        email: "user@example.org",
        roles: ["reader", "writer", "admin"],
    })
}

async fn html(Query(query): Query<HashMap<String, String>>) -> Html<String> {
    let page = maud::html! {
        (maud::DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Things" }
            }
            body {
                h1 { "Things" }
                ul { @for (name, value) in &query { li { b { (name) } ": " (value) } } }
                table {
                    @for row in 0..20 {
                        tr { td { (row) } td { "thing number " (row) } td { (row * row) } }
                    }
                }
            }
        }
    };
    Html(page.into_string())
}

async fn axum_peer(listener: std::net::TcpListener, address: SocketAddr) -> Result<(), Failure> {
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
        .route("/html", get(html))
        .route("/sleep", get(sleep))
        .route("/outgoing", get(outgoing))
        .route("/stream", get(stream))
        .route("/post", post(|body: bytes::Bytes| async move { body.len().to_string() }));
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    println!("listening on http://{address}");
    axum::serve(listener, app).await?;
    Ok(())
}
