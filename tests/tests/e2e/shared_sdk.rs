//! Apps that `nova new` makes in one workspace: the first has the SDK, the others use it.

use std::process::ExitStatus;

use nova_tests::client::fresh;
use nova_tests::dev::Dev;
use nova_tests::process::Process;
use nova_tests::workspace::{App, apps};
use tokio::process::Command;

/// An empty workspace, for one test.
fn workspace(members: &str) -> App {
    let app = App::empty("workspace");
    app.write("Cargo.toml", &format!("[workspace]\nresolver = \"3\"\n{members}\n"));
    app.lock();
    app
}

/// What `nova` says; the workspace's folder is left out of it.
async fn nova(app: &App, args: &[&str]) -> (ExitStatus, String) {
    let mut command = app.command("nova").await;
    command.args(args);
    let mut process = Process::spawn(command);
    let (status, said) = (process.read_to_end().await, process.output());
    (status, said.replace(&app.path.display().to_string(), "[workspace]"))
}

async fn make(app: &App, path: &str, template: &str) -> String {
    let (status, said) = nova(app, &["new", path, "--template", template, "--no-git"]).await;
    assert!(status.success(), "{said}");
    said
}

/// What cargo says of the workspace, without a network.
async fn cargo(app: &App, args: &[&str]) -> (ExitStatus, String) {
    let mut cargo = Command::new("cargo");
    cargo.args(args).arg("--offline").current_dir(&app.path).env("CARGO_TARGET_DIR", apps());
    let output = cargo.output().await.expect("cargo runs");
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_app_of_a_workspace_uses_the_sdk_of_the_first() {
    let app = workspace("");
    make(&app, "shares-first", "minimal").await;
    let said = make(&app, "apps/shares-second", "minimal").await;
    insta::assert_snapshot!(said);
    assert!(!app.path.join("apps/shares-second/vendor").exists());
    let sdk = "../../shares-first/vendor/nova/plugin-sdk";
    for file in ["Cargo.toml", "README.md"] {
        assert!(app.read(&format!("apps/shares-second/{file}")).contains(sdk), "{file}");
    }
    let (status, said) = cargo(&app, &["check", "--workspace"]).await;
    assert!(status.success(), "{said}");
    for (dir, name) in [("shares-first", "shares-first"), ("apps/shares-second", "shares-second")] {
        let mut dev = Dev::start_with(&app, &[dir, "--port", "0"]).await;
        dev.process.line("build ").await;
        let page = fresh(dev.address, "/").await.unwrap();
        assert!(page.contains(name), "{page}");
        // The SDK is of what the app is made of, wherever it is.
        let source = "shares-first/vendor/nova/plugin-sdk/src/lib.rs";
        app.append(source, "\n#[allow(missing_docs)]\npub const CHANGED: u8 = 1;\n");
        dev.process.line("swap ").await;
        app.edit(source, "\n#[allow(missing_docs)]\npub const CHANGED: u8 = 1;\n", "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sdk_that_is_shared_is_replaced_for_all_and_can_be_had_again() {
    let app = workspace("members = [\"apps/*\"]\nexclude = [\"apps/alone\"]");
    make(&app, "apps/one", "minimal").await;
    let manifest = "apps/one/vendor/nova/Cargo.toml";
    let version = app.read(manifest);
    let version = version.lines().find(|line| line.starts_with("version = ")).expect("a version");
    app.edit(manifest, version, "version = \"0.0.9\"");

    // One that is not of the workspace has its own.
    let said = make(&app, "apps/alone", "api").await;
    assert!(app.path.join("apps/alone/vendor/nova").is_dir(), "{said}");
    // One that was made by another version is used; to replace it is said, not done.
    insta::assert_snapshot!(
        "new_beside_another_version",
        masked(&make(&app, "apps/two", "api").await)
    );
    let (_, said) = nova(&app, &["doctor", "apps/two"]).await;
    assert!(said.contains("0.0.9 in ../one/vendor/nova/plugin-sdk, and this nova"), "{said}");
    let (status, said) = nova(&app, &["upgrade", "apps/two"]).await;
    assert!(!status.success() && said.contains("../one/vendor/nova has changes"), "{said}");
    let (_, said) = nova(&app, &["upgrade", "apps/two", "--force"]).await;
    insta::assert_snapshot!("upgrade_of_a_shared_sdk", masked(&said));
    let (_, said) = nova(&app, &["upgrade", "apps/one"]).await;
    insta::assert_snapshot!("a_shared_sdk_is_unchanged", masked(&said));

    // With the first app goes the SDK; the next has one again, and a third uses that.
    make(&app, "apps/three", "minimal").await;
    std::fs::remove_dir_all(app.path.join("apps/one")).expect("the first app");
    let (status, said) = nova(&app, &["doctor", "apps/two"]).await;
    assert!(!status.success() && said.contains("where there is none"), "{said}");
    for (dir, path) in
        [("two", "vendor/nova/plugin-sdk"), ("three", "../two/vendor/nova/plugin-sdk")]
    {
        let (_, said) = nova(&app, &["upgrade", &format!("apps/{dir}")]).await;
        assert!(said.contains(&format!("path = \"{path}\" }}")), "{said}");
        app.edit(&format!("apps/{dir}/Cargo.toml"), "../one/vendor/nova/plugin-sdk", path);
    }
    let (status, said) = cargo(&app, &["metadata", "--format-version", "1"]).await;
    assert!(status.success(), "{said}");
}

/// With the version of this `nova` left out.
fn masked(said: &str) -> String {
    said.replace(env!("CARGO_PKG_VERSION"), "[version]")
}
