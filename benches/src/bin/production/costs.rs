//! CPU time per request: what a profile takes away, and what the edge of the host adds.

use std::path::Path;

use http::Method;
use nova_benches::apps;
use nova_benches::server::Server;
use nova_benches::stats::{quantile, ratio};
use nova_tests::client::Failure;
use nova_tests::workspace::App;
use tokio::process::Command;

use super::build::release;

/// Requests in a round.
const REQUESTS: u32 = 2_000;

/// A request that is sent again and again.
struct Case {
    name: &'static str,
    method: Method,
    path: String,
    body: &'static [u8],
}

fn get(name: &'static str, path: &str) -> Case {
    Case { name, method: Method::GET, path: path.to_owned(), body: b"" }
}

async fn host(build: &Path, flags: &[&str]) -> Result<Server, Failure> {
    let mut command = Command::new(build.join("nova-host"));
    command.arg("--routes").arg(build).args(["--port", "0", "--no-access-log"]).args(flags);
    Server::start(command).await
}

/// `--aot` with and without `--pgo`: the starter, and pages full of JSON and HTML.
pub(crate) async fn pgo(rounds: usize) -> Result<(), Failure> {
    let heavy = [
        get("a page of HTML", &format!("{}?most=20", apps::url(7))),
        Case {
            name: "JSON, read and written",
            method: Method::POST,
            path: apps::url(7),
            body: br#"{"id":1,"name":"an item with a name","tags":["one","two","three","four"]}"#,
        },
    ];
    let starter = [
        get("starter: /", "/"),
        get("starter: /users", "/users"),
        get("starter: /api/users", "/api/users"),
    ];
    println!("requests per second of CPU, --aot alone and with --pgo, {rounds} alternating rounds");
    for (app, cases) in [
        (App::example("starter", "production"), starter.as_slice()),
        (apps::nova(8), heavy.as_slice()),
    ] {
        let build = release(&app, &["--aot"]).await?;
        let plain = app.path.join("plain");
        std::fs::rename(&build, &plain)?;
        let build = release(&app, &["--aot", "--pgo"]).await?;
        let size =
            |folder: &Path| std::fs::metadata(folder.join("libnova_routes.so")).map(|it| it.len());
        println!("libraries of {} and {} bytes", size(&plain)?, size(&build)?);
        let mut before = host(&plain, &["--no-admin"]).await?;
        let mut after = host(&build, &["--no-admin"]).await?;
        for case in cases {
            compare(case, rounds, &mut after, &mut before).await?;
        }
    }
    Ok(())
}

/// The whole edge, and each part of it alone, against a host with all of it off.
pub(crate) async fn edge(rounds: usize) -> Result<(), Failure> {
    let app = App::example("starter", "production");
    let build = release(&app, &[]).await?;
    const OFF: [&str; 4] =
        ["--no-compression", "--no-security-headers", "--no-request-ids", "--no-admin"];
    let without = |part: &'static str| OFF.into_iter().filter(move |flag| *flag != part);
    println!("requests per second of CPU, with a part of the edge and with none of it");
    let mut bare = host(&build, &OFF).await?;
    for (name, flags) in [
        ("all of it", Vec::new()),
        ("compression", without("--no-compression").collect()),
        ("security headers", without("--no-security-headers").collect()),
        ("request ids", without("--no-request-ids").collect()),
        ("counts, for the admin socket", without("--no-admin").collect()),
    ] {
        let mut server = host(&build, &flags).await?;
        let case = Case { name, ..get(name, "/users") };
        compare(&case, rounds, &mut server, &mut bare).await?;
    }
    Ok(())
}

/// Prints the throughput of both, and the ratio of `this` to `other` with its spread.
async fn compare(
    case: &Case,
    rounds: usize,
    this: &mut Server,
    other: &mut Server,
) -> Result<(), Failure> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for warming in [&mut *this, &mut *other] {
        warming.round(&case.method, &case.path, case.body, REQUESTS).await?;
    }
    for round in 0..rounds {
        // The order turns, so that none always follows the same other.
        for turn in 0..2 {
            let (server, times) =
                if (round + turn) % 2 == 0 { (&mut *this, &mut a) } else { (&mut *other, &mut b) };
            times.push(server.round(&case.method, &case.path, case.body, REQUESTS).await?);
        }
    }
    // Less time is more requests.
    let compared = ratio(&b, &a);
    let (low, high) = compared.interval;
    let per_second = |times: &mut [f64]| 1e6 / quantile(times, 0.5);
    println!(
        "{:<30}{:>9.0} and {:>7.0}   ratio {:.3} ({low:.3}-{high:.3})",
        case.name,
        per_second(&mut a),
        per_second(&mut b),
        compared.median
    );
    Ok(())
}
