//! The pages for hyper alone, on tokio with several threads: the least that a server of Rust does.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nova_bench_app::content::{self, Order, User};

use super::{FILE, Failure, add_headers, shell};

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// Serves the pages.
pub(crate) async fn serve(listener: TcpListener, address: SocketAddr) -> Result<(), Failure> {
    let public: Arc<PathBuf> =
        Arc::new(std::env::var_os("NOVA_BENCH_PUBLIC").unwrap_or_default().into());
    let listener = tokio::net::TcpListener::from_std(listener)?;
    println!("listening on http://{address}");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let public = Arc::clone(&public);
        let service = service_fn(move |request| {
            let public = Arc::clone(&public);
            async move { Ok::<_, Infallible>(answer(request, &public).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(request: Request<Incoming>, public: &Path) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if let Some(id) = path.strip_prefix("/json/").and_then(|id| id.parse().ok()) {
        return json(&User::of(id));
    }
    if let Some(name) = path.strip_prefix("/hello/") {
        return respond(StatusCode::OK, HTML, content::hello(name).into_string());
    }
    match (request.method(), path) {
        (&Method::GET, "/text") => respond(StatusCode::OK, TEXT, "Hello, world!"),
        (&Method::GET, "/catalog/page") => {
            let page = shell("Catalog", &content::layout(&content::catalog()));
            respond(StatusCode::OK, HTML, page)
        }
        (&Method::POST, "/order") => {
            let Ok(body) = request.into_body().collect().await else {
                return respond(StatusCode::BAD_REQUEST, TEXT, "the body is cut");
            };
            match serde_json::from_slice::<Order>(&body.to_bytes()) {
                Ok(order) => json(&order),
                Err(error) => respond(StatusCode::BAD_REQUEST, TEXT, error.to_string()),
            }
        }
        (&Method::GET, path) if path.strip_prefix('/') == Some(FILE) => {
            match tokio::fs::read(public.join(FILE)).await {
                Ok(bytes) => respond(StatusCode::OK, BYTES, bytes),
                Err(error) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, error.to_string()),
            }
        }
        _ => respond(
            StatusCode::NOT_FOUND,
            TEXT,
            "404 Not Found: there is no page at this address\n",
        ),
    }
}

fn json<T: serde::Serialize>(value: &T) -> Response<Full<Bytes>> {
    match serde_json::to_vec(value) {
        Ok(bytes) => respond(StatusCode::OK, JSON, bytes),
        Err(error) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, error.to_string()),
    }
}

fn respond(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    add_headers(headers, kind == HTML);
    response
}
