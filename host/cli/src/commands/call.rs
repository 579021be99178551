//! `nova call`: one request to a library, without a server.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use nova_host::generation::body::Body;
use nova_host::library::loader::Store;
use nova_host::library::start::StartInfo;
use nova_host::release::trust::Trust;
use nova_host::site::Site;
use nova_host::site::files::{Assets, Caching};
use nova_host::swap::{SwapSettings, Switch};

use super::Outcome;

/// Send one request to a library and print the answer: for scripts and CI
///
/// The body of the answer goes to standard output. The command fails when the status is 400 or
/// above.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// GET, POST, ...
    method: Method,
    /// The path, with its query: /users/1?full=yes
    #[arg(value_parser = target)]
    target: Uri,
    /// The library, or the folder of its release; several make one table
    #[arg(long, value_name = "LIB", required = true)]
    routes: Vec<PathBuf>,
    /// A header of the request: 'accept: application/json'
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The body of the request; @FILE reads it from a file, @- from standard input
    #[arg(short = 'd', long = "data", value_name = "BODY")]
    body: Option<String>,
    /// Print status and headers before the body
    #[arg(short, long)]
    include: bool,
}

fn target(text: &str) -> Result<Uri, String> {
    if !text.starts_with('/') {
        return Err("a target begins with a slash, such as /users/1".into());
    }
    text.parse().map_err(|error: http::uri::InvalidUri| error.to_string())
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written NAME: VALUE")?;
    let name = name.trim().parse().map_err(|_| format!("`{name}` is not a header's name"))?;
    let value = value.trim().parse().map_err(|_| format!("`{value}` is not a header's value"))?;
    Ok((name, value))
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the threads of the call")?;
    let outcome = runtime.block_on(call(args));
    // A library may have left something running that never ends.
    runtime.shutdown_background();
    outcome
}

async fn call(args: Args) -> anyhow::Result<Outcome> {
    let Args { method, target, routes, headers, body, include } = args;
    let request = request(method.clone(), target, headers, body.map(read).transpose()?);
    let folder = tempfile::tempdir().context("no temporary folder for a copy of the library")?;
    let trust = Trust::of_developer();
    let settings = SwapSettings { exercise: false, trust, ..SwapSettings::default() };
    let switch = Arc::new(Switch::new(settings, Store::open(folder.path().join("libraries"))?));
    switch.start(&routes, &StartInfo::default()).await?;
    let no_files = Arc::new(Assets::new(Vec::new(), Caching::Revalidate));
    let answer = Site::new(Arc::clone(&switch), no_files).answer(request, None).await;
    let outcome = print(answer.response, include || method == Method::HEAD).await;
    switch.stop(std::time::Duration::ZERO, switch.settings().hook_limit).await;
    outcome
}

fn request(
    method: Method,
    target: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Vec<u8>>,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.method_mut() = method;
    *request.uri_mut() = target;
    for (name, value) in headers {
        request.headers_mut().append(name, value);
    }
    let headers = request.headers_mut();
    headers.entry(HOST).or_insert(HeaderValue::from_static("localhost"));
    if let Some(body) = body {
        headers.entry(CONTENT_TYPE).or_insert(content_type(&body));
        *request.body_mut() = Full::from(body);
    }
    request
}

/// What a body is, unless a header says otherwise.
fn content_type(body: &[u8]) -> HeaderValue {
    let json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    HeaderValue::from_static(if json {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    })
}

fn read(body: String) -> anyhow::Result<Vec<u8>> {
    match body.strip_prefix('@') {
        None => Ok(body.into_bytes()),
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
            Ok(bytes)
        }
        Some(file) => std::fs::read(file).with_context(|| format!("cannot read {file}")),
    }
}

/// Prints the answer as it comes; a stream is seen while it runs.
async fn print(response: Response<Body>, include: bool) -> anyhow::Result<Outcome> {
    let (head, mut body) = response.into_parts();
    let mut out = std::io::stdout().lock();
    if include {
        writeln!(out, "HTTP/1.1 {}", head.status)?;
        for (name, value) in &head.headers {
            out.write_all(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat())?;
        }
        writeln!(out)?;
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(anyhow::Error::from_boxed).context("the answer broke off")?;
        if let Ok(data) = frame.into_data() {
            out.write_all(&data)?;
            out.flush()?;
        }
    }
    if head.status.as_u16() < 400 {
        return Ok(Outcome::Done);
    }
    anstream::eprintln!("{}", head.status);
    Ok(Outcome::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_arguments_are_named() {
        assert!(target("users").unwrap_err().contains("begins with a slash"));
        assert!(target("/users?q=1 2").is_err());
        assert_eq!(target("/users?q=1").expect("a target").query(), Some("q=1"));
        assert_eq!(header("accept").unwrap_err(), "a header is written NAME: VALUE");
        assert_eq!(header("a b: c").unwrap_err(), "`a b` is not a header's name");
        let (name, value) = header("X-Time: 10:30").expect("a header");
        assert_eq!((name.as_str(), value.as_bytes()), ("x-time", &b"10:30"[..]));
    }

    #[test]
    fn a_body_says_what_it_is() {
        let of = |body: &str| content_type(body.as_bytes());
        assert_eq!(of(r#"{"name": "Ada"}"#), "application/json");
        assert_eq!(of("name=Ada"), "application/x-www-form-urlencoded");
        let named = vec![(CONTENT_TYPE, HeaderValue::from_static("text/plain"))];
        let request = request(Method::POST, Uri::from_static("/"), named, Some(b"{}".to_vec()));
        assert_eq!(request.headers()[CONTENT_TYPE], "text/plain");
        assert_eq!(request.headers()[HOST], "localhost");
    }
}
