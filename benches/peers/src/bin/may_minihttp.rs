//! may_minihttp: coroutines, and of HTTP what a benchmark needs.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::BufMut;
use may_minihttp::{HttpServer, HttpService, Request, Response};
use nova_bench_peers::Failure;
use nova_bench_peers::answers::{self, Item};
use nova_bench_peers::args::{Args, threads};

const TEXT: &str = "Content-Type: text/plain; charset=utf-8";
const HTML: &str = "Content-Type: text/html; charset=utf-8";
const JSON: &str = "Content-Type: application/json";

#[derive(Clone)]
struct App {
    /// The routes that `--routes` adds.
    routes: Arc<matchit::Router<usize>>,
}

impl HttpService for App {
    fn call(&mut self, request: Request, response: &mut Response) -> io::Result<()> {
        match (request.method(), request.path()) {
            ("GET", "/text") => {
                response.header(TEXT).body(answers::TEXT);
            }
            ("GET", "/page") => response.header(HTML).body_vec(answers::page().into_bytes()),
            ("POST", "/json") => {
                let item: Item = serde_json::from_slice(&whole(request)?)?;
                serde_json::to_writer(response.header(JSON).body_mut().writer(), &item)?;
            }
            ("POST", "/post") => {
                let length = whole(request)?.len().to_string();
                response.header(TEXT).body_vec(length.into_bytes());
            }
            ("GET", path) => self.get(path, response)?,
            _ => not_found(response),
        }
        Ok(())
    }
}

impl App {
    /// The routes with a parameter.
    fn get(&self, path: &str, response: &mut Response) -> io::Result<()> {
        if let Some(id) = path.strip_prefix("/json/") {
            let user = answers::user(number(id)?);
            serde_json::to_writer(response.header(JSON).body_mut().writer(), &user)?;
        } else if let Some(name) = path.strip_prefix("/html/") {
            response.header(HTML).body_vec(answers::hello(name).into_bytes());
        } else if let Ok(found) = self.routes.at(path) {
            let id = number(found.params.get("id").unwrap_or_default())?;
            let text = answers::route_text(*found.value, id);
            response.header(TEXT).body_vec(text.into_bytes());
        } else {
            not_found(response);
        }
        Ok(())
    }
}

fn number(text: &str) -> io::Result<u64> {
    text.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

fn whole(request: Request) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    request.body().read_to_end(&mut body)?;
    Ok(body)
}

fn not_found(response: &mut Response) {
    response.status_code(404, "Not Found").header(TEXT).body(answers::NOT_FOUND);
}

fn main() -> Result<(), Failure> {
    let args = Args::parse()?;
    may::config().set_workers(threads()?);
    let mut routes = matchit::Router::new();
    for number in 0..args.routes {
        routes.insert(answers::route(number, "{id}"), number)?;
    }
    let app = App { routes: Arc::new(routes) };
    let server = HttpServer(app).start(("127.0.0.1", args.port))?;
    server.join().map_err(|_| "the server has panicked")?;
    Ok(())
}
