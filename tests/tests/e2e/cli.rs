//! The commands of `nova` as a script sees them: what they print, and how they end.

use std::process::ExitStatus;

use nova_tests::client::fresh;
use nova_tests::dev::Dev;
use nova_tests::process::{Process, run};
use nova_tests::workspace::{App, binary};
use tokio::process::Command;

/// Runs `nova` in the folder of an app.
async fn nova(app: &App, args: &[&str]) -> (Option<i32>, String) {
    let mut command = app.command("nova").await;
    command.args(args);
    let mut process = Process::spawn(command);
    let status = process.read_to_end().await;
    (status.code(), process.output())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_listed_compiled_checked_and_called() {
    let app = App::example("starter", "commands");
    let (status, routes) = nova(&app, &["routes"]).await;
    assert_eq!(status, Some(0));
    assert!(routes.contains("GET POST  /api/users"), "{routes}");
    let (_, json) = nova(&app, &["routes", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(json["routes"].as_array().is_some_and(|routes| routes.len() > 5), "{json}");

    let (status, said) = nova(&app, &["compile"]).await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("compiled  ") && said.contains("checked   "), "{said}");
    for file in ["libnova_routes.so", "routes_generated.rs", "manifest.json"] {
        assert!(app.path.join("build").join(file).is_file(), "{file}");
    }

    let (status, said) = nova(&app, &["check", "build"]).await;
    assert_eq!(status, Some(0), "{said}");
    let (status, said) = nova(&app, &["doctor"]).await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("is in step with the pages"), "{said}");

    let library = "build/libnova_routes.so";
    let (status, page) = nova(&app, &["call", "GET", "/about", "--routes", library]).await;
    assert_eq!(status, Some(0), "{page}");
    assert!(page.contains("<title>About</title>") && !page.contains("__nova"), "{page}");
    let post =
        ["call", "POST", "/api/users", "--routes", "build", "-i", "-d", "{\"name\":\"Ada\"}"];
    let (status, answer) = nova(&app, &post).await;
    assert_eq!(status, Some(0), "{answer}");
    assert!(answer.starts_with("HTTP/1.1 201 Created\n"), "{answer}");
    let (status, answer) = nova(&app, &["call", "GET", "/no", "--routes", "build"]).await;
    assert_eq!(status, Some(1), "{answer}");
    assert!(answer.contains("404 Not Found"), "{answer}");
    let head = ["call", "HEAD", "/about", "--routes", "build", "-H", "accept: text/html"];
    let (status, answer) = nova(&app, &head).await;
    assert_eq!(status, Some(0), "{answer}");
    assert!(answer.contains("content-type: text/html"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiled_library_answers_every_page_that_is_what_it_was() {
    let app = App::example("starter", "head-start");
    let (status, said) = nova(&app, &["compile"]).await;
    assert_eq!(status, Some(0), "{said}");
    let args = ["--port", "0", "--routes", "build/libnova_routes.so"];
    let mut dev = Dev::start_with(&app, &args).await;
    let line = dev.process.line("build ").await;
    assert!(line.contains("libnova_routes.so") && line.contains("generation 1"), "{line}");
    let about = fresh(dev.address, "/about").await.unwrap();
    assert!(about.contains("/__nova/client.js"), "{about}");
    // Nothing takes its place before something is saved.
    app.edit("pages/about.rs", "One server", "Saved: one server");
    dev.process.line("generation 2").await;
    let lives = dev.process.output().matches("generation ").count();
    assert_eq!(lives, 2, "{}", dev.process);
    assert!(fresh(dev.address, "/about").await.unwrap().contains("Saved: one"));
    dev.process.stop().await;

    // A page that is another by now is not answered with what it was.
    let mut dev = Dev::start_with(&app, &args).await;
    dev.process.line("generation 1").await;
    let users = fresh(dev.address, "/users").await.unwrap();
    assert!(users.contains("/__nova/client.js"), "{users}");
    assert!(!dev.process.output().contains("generation 2"), "{}", dev.process);
    // The pages come with dependencies of their own, so they get a process of their own; a request
    // that waits for one of them is sent there.
    match fresh(dev.address, "/about").await {
        Ok(about) => assert!(about.contains("Saved: one"), "{about}"),
        Err(error) => assert!(error.to_string().contains("503"), "{error}"),
    }
    dev.process.line("generation 2").await;
    assert!(fresh(dev.address, "/about").await.unwrap().contains("Saved: one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_two_and_a_failure_is_one() {
    let nova = binary("nova").await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = folder.path().display().to_string();
    for (args, status, said) in [
        (&["frobnicate"][..], 2, "unrecognized subcommand"),
        (&[], 2, "Usage: nova <COMMAND>"),
        (&["dev", "--port", "many"], 2, "invalid value 'many' for '--port"),
        (&["call", "GET", "users", "--routes", "x.so"], 2, "a target begins with a slash"),
        (&["new", "x", "--template", "huge"], 2, "possible values: minimal, starter, api"),
        (&["--help"], 0, "Serve an app, and update it in the browser"),
        (&["--version"], 0, "nova 0."),
        (&["dev", "/no/such/folder"], 1, "no such folder: /no/such/folder"),
        (&["dev", &empty], 1, "it has no Cargo.toml; make one with `nova new PATH`"),
        (&["routes", &empty], 1, "there is no Cargo.toml"),
        (&["compile", &empty], 1, "there is no Cargo.toml"),
        (&["check", "/no/such.so"], 1, "/no/such.so: no such file"),
        (&["call", "GET", "/", "--routes", "/no/such.so"], 1, "/no/such.so: no such file"),
        (&["status", "--admin", "/no/such.sock"], 1, "no nova-host answers on this socket"),
        (&["swap", "build", "--admin", "/no/such.sock"], 1, "no nova-host answers on this socket"),
        (&["upgrade", &empty], 1, "there is no Cargo.toml"),
    ] {
        let (ended, output): (ExitStatus, String) = run(&nova, args).await;
        assert_eq!(ended.code(), Some(status), "{args:?}\n{output}");
        assert!(output.contains(said), "{args:?}\n{output}");
        assert!(!output.contains('\x1b'), "colours without a terminal: {args:?}\n{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_app_is_whole_and_an_old_folder_is_left_alone() {
    let nova = binary("nova").await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("site").display().to_string();
    let (status, said) = run(&nova, ["new", &path, "--template", "minimal"]).await;
    assert!(status.success(), "{said}");
    assert!(said.contains("an app named site from the template minimal"), "{said}");
    assert!(said.contains("nova dev"), "{said}");
    let (status, routes) = run(&nova, ["routes", &path]).await;
    assert!(status.success() && routes.contains("pages/index.rs"), "{routes}");
    let (status, said) = run(&nova, ["doctor", &path]).await;
    assert!(status.success() && said.contains("in vendor/nova"), "{said}");
    let pages = format!("{path}/pages");
    let mut below = Command::new(&nova);
    below.arg("routes").current_dir(&pages);
    let mut below = Process::spawn(below);
    assert_eq!(below.read_to_end().await.code(), Some(0), "{below}");
    assert!(folder.path().join("site/.git").is_dir());

    let (status, said) = run(&nova, ["upgrade", &path]).await;
    assert!(status.success() && said.contains("unchanged"), "{said}");
    let changed = folder.path().join("site/vendor/nova/plugin-sdk/src/lib.rs");
    std::fs::write(&changed, "// mine").expect("a file");
    let (status, said) = run(&nova, ["upgrade", &path]).await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("would be lost: plugin-sdk/src/lib.rs"), "{said}");
    assert_eq!(std::fs::read_to_string(&changed).expect("a file"), "// mine");
    let (status, said) = run(&nova, ["upgrade", "--force", &path]).await;
    assert!(status.success() && said.contains("upgraded"), "{said}");

    let (status, said) = run(&nova, ["new", &path]).await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("is not empty"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_cargo_the_message_says_where_to_get_it() {
    let app = App::example("starter", "no-cargo");
    let mut command = app.command("nova").await;
    command.arg("compile").env("PATH", "/nonexistent");
    let mut process = Process::spawn(command);
    let status = process.read_to_end().await;
    assert_eq!(status.code(), Some(1), "{process}");
    let said = process.output();
    assert!(said.contains("cargo is not on PATH") && said.contains("https://rustup.rs"), "{said}");
}
