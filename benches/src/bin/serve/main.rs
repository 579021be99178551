//! The same pages served by: `serve linked`, `serve loaded LIB`, `serve hyper`, `serve axum`; the last two
//! take a port. `serve hyper-single` is hyper on a runtime of one thread, which steals no work and has
//! none stolen.
//!
//! The peers answer with the headers that the production host adds, prepared once: what is compared is
//! the way to an answer, and not its length.

mod axum;
mod hyper;
mod linked;

use std::net::TcpListener;

use http::header::{REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The public file, of 100 KiB.
const FILE: &str = "100k.bin";

fn main() -> Result<(), Failure> {
    let is_single = std::env::args().nth(1).is_some_and(|way| way == "hyper-single");
    let mut runtime = match is_single {
        true => tokio::runtime::Builder::new_current_thread(),
        false => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build()?.block_on(serve())
}

async fn serve() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (way, argument) = (args.next(), args.next());
    let port = match (way.as_deref(), &argument) {
        (Some("axum" | "hyper" | "hyper-single"), Some(port)) => port.parse()?,
        _ => 0,
    };
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    match (way.as_deref(), argument) {
        (Some("linked"), None) => linked::serve(listener, address, None).await,
        (Some("loaded"), Some(library)) => {
            linked::serve(listener, address, Some(library.into())).await
        }
        (Some("axum"), _) => axum::serve(listener, address).await,
        (Some("hyper" | "hyper-single"), _) => hyper::serve(listener, address).await,
        _ => Err("usage: serve linked | serve loaded LIB | serve axum [PORT] | serve hyper [PORT]"
            .into()),
    }
}

/// The id of each request, which the production host makes anew for each.
const ID: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-request-id"),
    HeaderValue::from_static("0123456789abcdef0123456789abcdef"),
);

/// Adds what the production host adds to each response, and to HTML.
fn add_headers(headers: &mut HeaderMap, is_html: bool) {
    if is_html {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let policy = HeaderValue::from_static("strict-origin-when-cross-origin");
        headers.insert(REFERRER_POLICY, policy);
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    }
    headers.insert(ID.0, ID.1);
}

/// The shell around a page of Nova's, for the peers, which have none.
fn shell(title: &str, content: &maud::Markup) -> String {
    let page = maud::html! {
        (maud::DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
            }
            body { (content) }
        }
    };
    page.into_string()
}
