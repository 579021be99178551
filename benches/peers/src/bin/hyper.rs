//! hyper by itself, with routes matched by hand: the floor under every framework on it.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use nova_bench_peers::Failure;
use nova_bench_peers::answers::{self, HTML_TYPE, Item, JSON_TYPE, TEXT_TYPE};
use nova_bench_peers::args::Args;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;
use tower_http::services::fs::ServeFileSystemResponseBody;

type Answer = Response<Either<Full<Bytes>, ServeFileSystemResponseBody>>;

struct App {
    /// The routes that `--routes` adds.
    routes: matchit::Router<usize>,
    files: ServeDir,
}

impl App {
    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Failure> {
        let path = request.uri().path();
        let get = request.method() == Method::GET;
        Ok(match path {
            "/text" if get => answer(TEXT_TYPE, answers::TEXT),
            "/page" if get => answer(HTML_TYPE, answers::page()),
            "/json" if request.method() == Method::POST => {
                let body = request.into_body().collect().await?.to_bytes();
                let item: Item = serde_json::from_slice(&body)?;
                answer(JSON_TYPE, serde_json::to_vec(&item)?)
            }
            "/post" if request.method() == Method::POST => {
                let body = request.into_body().collect().await?.to_bytes();
                answer(TEXT_TYPE, body.len().to_string())
            }
            _ if get => {
                if let Some(id) = path.strip_prefix("/json/") {
                    answer(JSON_TYPE, serde_json::to_vec(&answers::user(id.parse()?))?)
                } else if let Some(name) = path.strip_prefix("/html/") {
                    answer(HTML_TYPE, answers::hello(name))
                } else if path.starts_with("/static/") {
                    self.files.clone().try_call(request).await?.map(Either::Right)
                } else if let Ok(found) = self.routes.at(path) {
                    let id = found.params.get("id").ok_or("a route has an id")?;
                    answer(TEXT_TYPE, answers::route_text(*found.value, id.parse()?))
                } else {
                    failed(StatusCode::NOT_FOUND, answers::NOT_FOUND)
                }
            }
            _ => failed(StatusCode::NOT_FOUND, answers::NOT_FOUND),
        })
    }
}

fn answer(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body.into())));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn failed(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = answer(TEXT_TYPE, text);
    *answer.status_mut() = status;
    answer
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse()?;
    let mut routes = matchit::Router::new();
    for number in 0..args.routes {
        routes.insert(answers::route(number, "{id}"), number)?;
    }
    let app = Arc::new(App { routes, files: ServeDir::new(&args.public) });
    let listener = TcpListener::bind(("127.0.0.1", args.port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let app = app.clone();
        let service = service_fn(move |request| {
            let app = app.clone();
            async move {
                Ok::<_, Infallible>(app.answer(request).await.unwrap_or_else(|error| {
                    failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
                }))
            }
        });
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // A client that leaves is no failure.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
