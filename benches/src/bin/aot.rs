//! The table of the ahead-of-time document, made anew: how long the starter takes to answer without
//! an image and with one, what the image costs, and what each switch of `[build]` makes of its size.
//!
//! `cargo run --release -p nova-benches --bin aot [STARTS]`. Everything begins cold, in folders of
//! its own: no cache of sys images, no target folder. What crates.io gives is downloaded already,
//! because the workspace has it. The times are from exec to the first 200 of `/`.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nova_benches::server::{first_answer, free_address};
use nova_benches::stats::quantile;
use nova_tests::client::Failure;
use nova_tests::workspace::{App, binary};
use tokio::process::Command;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let starts: usize = std::env::args().nth(1).map_or(Ok(30), |starts| starts.parse())?;
    let app = App::example("starter", "aot");
    let nova = binary("nova").await;

    let without = dev(&app, &nova, None).await?;
    let (built, size) = build(&app, &nova).await?;
    let library = app.path.join("build/libnova_routes.so");
    let with = dev(&app, &nova, Some(&library)).await?;
    let mut production = Vec::new();
    for _ in 0..starts {
        let address = free_address()?;
        let mut command = Command::new(app.path.join("build/start"));
        command.args(["--no-admin", "--port", &address.port().to_string()]);
        production.push(first_answer(command, address, "/", Duration::ZERO).await?);
    }
    let (p50, p95) = (quantile(&mut production, 0.5), quantile(&mut production, 0.95));

    println!("| what | time or size |");
    println!("|---|---|");
    println!("| `nova dev`, cold: exec to the first 200 | {:.1} s |", without / 1000.0);
    println!("| `nova dev --routes build/libnova_routes.so`, as cold | {with:.0} ms |");
    println!("| `build/start`: p50 of {starts} starts (p95) | {p50:.1} ms ({p95:.1} ms) |");
    println!("| `nova build --aot`, dependencies included | {:.0} s |", built.as_secs_f64());
    println!("| `build/libnova_routes.so` | {:.2} MB |", size as f64 / 1e6);

    println!("\n| `[build]` | bytes |");
    println!("|---|---|");
    for (switch, size) in switches(&app, &nova).await? {
        println!("| `{switch}` | {size} |");
    }
    Ok(())
}

/// The bytes of the library with each switch alone. All but the first three compile all
/// dependencies anew.
async fn switches(app: &App, nova: &Path) -> Result<Vec<(&'static str, u64)>, Failure> {
    let folder = tempfile::tempdir()?;
    let mut sizes = Vec::new();
    for switch in [
        "strip = \"none\"",
        "strip = \"debuginfo\"",
        "strip = \"symbols\"",
        "codegen-units = 1",
        "opt-level = \"z\"",
        "lto = \"fat\"",
    ] {
        app.write("nova.toml", &format!("[build]\n{switch}\n"));
        let mut command = Command::new(nova);
        command.arg("build").current_dir(&app.path).stdout(Stdio::null());
        command.env("CARGO_TARGET_DIR", folder.path());
        if !command.status().await?.success() {
            return Err(format!("`nova build` with {switch} failed").into());
        }
        let library = app.path.join("build/libnova_routes.so");
        sizes.push((switch, std::fs::metadata(library)?.len()));
    }
    let usual = sizes[2].1;
    for (switch, size) in &sizes[3..] {
        if *size >= usual {
            return Err(format!("{switch} does not shrink {usual} bytes: {size}").into());
        }
    }
    Ok(sizes)
}

/// `nova dev` with nothing that an earlier one has left: milliseconds to the first answer.
async fn dev(app: &App, nova: &Path, library: Option<&Path>) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let left = app.path.join(".nova");
    if left.exists() {
        std::fs::remove_dir_all(left)?;
    }
    let address = free_address()?;
    let mut command = Command::new(nova);
    command.args(["dev", "--quiet", "--port", &address.port().to_string()]);
    command.current_dir(&app.path).env("NOVA_CACHE_DIR", folder.path().join("cache"));
    command.env("CARGO_TARGET_DIR", folder.path().join("target"));
    if let Some(library) = library {
        command.arg("--routes").arg(library);
    }
    first_answer(command, address, "/", Duration::from_millis(2)).await
}

/// A build with an empty target folder: its time, and the bytes of the library.
async fn build(app: &App, nova: &Path) -> Result<(Duration, u64), Failure> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(nova);
    command.args(["build", "--aot"]).current_dir(&app.path).stdout(Stdio::null());
    command.env("CARGO_TARGET_DIR", folder.path());
    let began = Instant::now();
    let status = command.status().await?;
    let took = began.elapsed();
    if !status.success() {
        return Err("`nova build --aot` failed".into());
    }
    Ok((took, std::fs::metadata(app.path.join("build/libnova_routes.so"))?.len()))
}
