//! Apps that hold what a process, or the machine, has once: many swaps of each, and a rollback when
//! nothing of the app before is left.

use std::net::TcpListener;

use nova_tests::client::{Failure, fresh};
use nova_tests::data::app::DataApp;
use nova_tests::data::server::{Server, Settings};

use crate::PROFILE;

/// The apps, each with a page that uses what it holds.
const HOLDERS: [(&str, &str); 8] = [
    ("redb", "/orders"),
    ("port", "/port"),
    ("ctrlc", "/"),
    ("recorder", "/"),
    ("rayon", "/sum"),
    ("jemalloc", "/fill"),
    ("mimalloc", "/fill"),
    ("tls", "/count"),
];

/// How many swaps there are of each.
const SWAPS: u32 = 50;

/// Runs all, or those that are named.
pub(crate) async fn run(names: &[String]) -> Result<bool, Failure> {
    println!(
        "{:<10}{:<18}{:>6}{:>8}{:>9}{:>15}{:>15}{:>13}",
        "holds", "way", "swaps", "refused", "rollback", "threads", "mappings", "descriptors"
    );
    let mut sound = true;
    for (name, page) in HOLDERS {
        if names.is_empty() || names.iter().any(|it| it == name) {
            sound &= row(name, page).await?;
        }
    }
    Ok(sound)
}

async fn row(name: &str, page: &str) -> Result<bool, Failure> {
    let app = match DataApp::compile(&format!("holders/{name}"), PROFILE).await {
        Ok(app) => app,
        Err(said) => {
            println!("{name:<10}does not compile: {}", said.lines().last().unwrap_or_default());
            return Ok(false);
        }
    };
    let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.to_string();
    let settings = Settings {
        // That the standby ends before the rollback is waited for; a minute of it shows no more.
        args: &["--rollback-window", "1"],
        env: &[("HOLDER_ADDRESS", &address)],
    };
    let mut server = match Server::start(&app, settings).await {
        Ok(server) => server,
        Err(error) => {
            println!("{name:<10}does not start: {error}");
            return Ok(false);
        }
    };
    let mut refused = Vec::new();
    // The second build: what a swap leaves is measured from there.
    refused.extend(server.swap().await.err().map(|error| error.to_string()));
    server.alone().await?;
    let before = server.footprint();
    for _ in 1..SWAPS {
        refused.extend(server.swap().await.err().map(|error| error.to_string()));
        fresh(server.address, page).await?;
    }
    server.alone().await?;
    let after = server.footprint();
    let back = server.rollback().await.err().map(|error| error.to_string());
    fresh(server.address, page).await?;
    let range = |before: usize, after: usize| format!("{before} to {after}");
    println!(
        "{name:<10}{:<18}{SWAPS:>6}{:>8}{:>9}{:>15}{:>15}{:>13}",
        app.mode(),
        refused.len(),
        if back.is_none() { "done" } else { "refused" },
        range(before.threads, after.threads),
        range(before.mappings, after.mappings),
        range(before.descriptors, after.descriptors),
    );
    for error in refused.iter().take(1).chain(&back) {
        println!("          {error}");
    }
    let bounded =
        after.threads <= before.threads + 4 && after.descriptors <= before.descriptors + 8;
    Ok(refused.is_empty() && back.is_none() && bounded)
}
