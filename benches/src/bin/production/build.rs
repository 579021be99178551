//! Building what is compared.

use std::path::PathBuf;
use std::process::Stdio;

use nova_tests::client::Failure;
use nova_tests::workspace::App;
use tokio::process::Command;

/// How many pages the app has that starts are measured with.
pub(crate) const PAGES: usize = 50;

/// `nova build` with these flags: the folder of the release.
pub(crate) async fn release(app: &App, flags: &[&str]) -> Result<PathBuf, Failure> {
    let mut command = app.command("nova").await;
    command.arg("build").args(flags).stdout(Stdio::null());
    if !command.status().await?.success() {
        return Err(format!("`nova build {}` failed", flags.join(" ")).into());
    }
    Ok(app.path.join("build"))
}

/// An axum program, built for production.
pub(crate) async fn axum(app: &App, name: &str) -> Result<PathBuf, Failure> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--target-dir", "target"]).current_dir(&app.path);
    if !command.status().await?.success() {
        return Err("the axum app does not build".into());
    }
    Ok(app.path.join("target/release").join(name))
}
