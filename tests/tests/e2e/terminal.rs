//! The terminal of `nova dev`: its keys, its lines for people, its lines for programs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use nova_tests::client::fresh;
use nova_tests::dev::Dev;
use nova_tests::terminal::Terminal;
use nova_tests::workspace::App;
use serde_json::Value;

/// A browser that notes its address in a style, which the session notices.
fn with_browser(app: &App) {
    app.write("browser.sh", "#!/bin/sh\necho \"/* $1 */\" > styles/opened.css\n");
    let script = app.path.join("browser.sh");
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).expect("a program");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_do_what_the_help_says() {
    let app = App::example("starter", "keys");
    with_browser(&app);
    let mut terminal = Terminal::new();
    let mut dev = Dev::start_at(&app, &["--port", "0"], terminal.stdin()).await;
    dev.process.line("build ").await;
    // The banner and the ready line come on two streams, in either order.
    dev.process.said("press ? for the keys").await;
    assert!(!terminal.is_as_before(), "keys arrive as they are pressed");

    terminal.press("?");
    dev.process.line("list the routes").await;
    terminal.press("\x1b[Cxl");
    dev.process.line("pages/users/[id].rs").await;
    terminal.press("r");
    dev.process.line("everything is built anew").await;
    dev.process.line("everything").await;
    terminal.press("o");
    dev.process.line("styles/opened.css").await;
    assert_eq!(app.read("styles/opened.css"), format!("/* {} */\n", dev.url));
    terminal.press("q");
    assert_eq!(dev.process.ended().await.code(), Some(0), "{}", dev.process);
    assert!(terminal.is_as_before());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_put_back_when_the_session_is_interrupted() {
    let app = App::example("starter", "interrupted");
    let terminal = Terminal::new();
    let mut dev = Dev::start_at(&app, &["--port", "0"], terminal.stdin()).await;
    dev.process.line("build ").await;
    assert!(!terminal.is_as_before());
    assert_eq!(dev.process.stop().await.code(), Some(0), "{}", dev.process);
    assert!(terminal.is_as_before());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_opens_when_it_is_told_to() {
    let app = App::example("starter", "open");
    with_browser(&app);
    let mut dev = Dev::start_at(&app, &["--port", "0", "--open"], Stdio::null()).await;
    dev.process.line("styles/opened.css").await;
    assert_eq!(app.read("styles/opened.css"), format!("/* {} */\n", dev.url));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_read_an_object_on_each_line() {
    let app = App::example("starter", "json");
    app.write("pages/fail.rs", "pub fn get() -> String {\n    panic!(\"on purpose\")\n}\n");
    let terminal = Terminal::new();
    let arguments = ["--port", "0", "--log-format", "json"];
    let mut dev = Dev::start_at(&app, &arguments, terminal.stdin()).await;
    let built = object(&dev.process.line("\"scope\":\"code\"").await);
    let output = dev.process.output();
    let ready = output.lines().find(|line| line.contains("\"ready\"")).map(object);
    let ready = ready.expect("it says where it listens");
    assert_eq!(ready["url"], dev.url);
    assert_eq!(ready["network"], Value::Null);
    assert!(terminal.is_as_before(), "keys are for people");

    assert_eq!((&built["outcome"], &built["generation"]), (&"live".into(), &1.into()));
    assert!(built["phases"]["compile_us"].as_u64() > Some(0), "{built}");
    app.append("styles/main.scss", "/* more */\n");
    let styled = object(&dev.process.line("\"files\":[\"styles/main.scss\"]").await);
    assert_eq!(styled["scope"], "styles");

    assert!(fresh(dev.address, "/fail").await.is_err());
    let panic = object(&dev.process.line("\"panic\"").await);
    assert_eq!((&panic["request"], &panic["message"]), (&"GET /fail".into(), &"on purpose".into()));
    assert!(panic["location"].as_str().is_some_and(|it| it.starts_with("pages/fail.rs:2:")));

    app.write("pages/fail.rs", "pub fn get() -> String {\n    missing\n}\n");
    let failed = object(&dev.process.line("\"failed\"").await);
    assert_eq!(failed["files"], Value::from(vec!["pages/fail.rs"]));
    assert_eq!(failed["errors"][0]["file"], "pages/fail.rs");
    assert_eq!(failed["errors"][0]["line"], 2);
    assert!(failed["text"].as_str().is_some_and(|it| it.starts_with("error[E0425]")), "{failed}");
    assert!(failed["total_us"].as_u64() > Some(0));

    dev.process.stop().await;
    for line in dev.process.output().lines() {
        assert!(line.starts_with("listening on ") || object(line).is_object(), "{line}");
    }
}

fn object(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_session_speaks_of_mistakes_alone() {
    let app = App::example("starter", "quiet");
    let mut dev = Dev::start_at(&app, &["--port", "0", "--quiet"], Stdio::null()).await;
    while fresh(dev.address, "/about").await.is_err() {
        // Nothing is said of the first build.
        tokio::task::yield_now().await;
    }
    app.edit("pages/about.rs", "    \"About\",", "    missing,");
    dev.process.line("error    pages/about.rs").await;
    dev.process.line("cannot find value `missing`").await;
    let output = dev.process.output();
    for word in ["build ", "swap ", "same ", "nova 0"] {
        assert!(!output.lines().any(|line| line.trim_start().starts_with(word)), "{output}");
    }
}
