//! A program of your own that loads compiled routes and calls them, without a server.
//!
//! `cargo run -- path/to/libnova_routes.so /some/path`: what a cron job, a static export or a
//! migration would do with the pages of a site.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use nova_host::{Assets, Caching, Site, StartInfo, Store, SwapSettings, Switch};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(library), Some(path)) = (args.next(), args.next()) else {
        bail!("usage: custom-script LIBRARY PATH");
    };

    // Every library passes one door, which keeps a private copy of what it maps.
    let folder = tempfile::tempdir()?;
    let switch = Arc::new(Switch::new(
        SwapSettings::default(),
        Store::open(folder.path())?,
    ));
    let started = switch
        .start(&[PathBuf::from(library)], &StartInfo::default())
        .await?;
    for library in &started {
        eprintln!("{} routes of build {}", library.routes, library.build_id);
    }

    // The same routing, middleware, layouts and error pages as behind a socket.
    let site = Site::new(
        switch,
        Arc::new(Assets::new(Vec::new(), Caching::Revalidate)),
    );
    let request = Request::get(&path)
        .header("host", "localhost")
        .body(Empty::<Bytes>::new())?;
    let response = site.answer(request, None).await.response;
    eprintln!("GET {path}: {}", response.status());
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(anyhow::Error::from_boxed);
    let body = body.context("the body ended before its end")?.to_bytes();
    println!("{}", String::from_utf8_lossy(&body));
    Ok(())
}
