//! `nova dev` as a process: what it serves, what it says, what it survives.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::PathBuf;

use nova_tests::client::{Connection, Sipper, fresh};
use nova_tests::dev::Dev;
use nova_tests::process::Process;
use nova_tests::workspace::App;
use rustix::process::Signal;

/// A page that answers with a text of its own.
fn page(text: &str) -> String {
    format!("pub fn get() -> &'static str {{\n    {text:?}\n}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_streams_live_through_a_swap() {
    let app = App::example("starter", "alive");
    app.write("pages/word.rs", &page("one"));
    let mut dev = Dev::built(&app).await;
    let mut connection = Connection::open(dev.address).await.unwrap();
    assert_eq!(connection.text("/word").await.unwrap(), "one");
    let mut stream = Sipper::ask(dev.address, "/api/stream").await.unwrap();
    assert!(stream.sip(1).await.unwrap());
    app.write("pages/word.rs", &page("two"));
    dev.process.line("swap     pages/word.rs").await;
    assert_eq!(connection.text("/word").await.unwrap(), "two");
    while stream.sip(1).await.unwrap() {}
    let stream = String::from_utf8_lossy(&stream.received);
    assert!(stream.contains("the end"), "{stream}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_saves_ends_in_the_last_one() {
    let app = App::example("starter", "storm");
    app.write("pages/word.rs", &page("0"));
    let mut dev = Dev::built(&app).await;
    for number in 1..20 {
        // Some of them do not compile, and those in between may never be built.
        app.write("pages/word.rs", if number % 3 == 0 { "pub fn" } else { "mod" });
        app.write("pages/word.rs", &page(&number.to_string()));
        tokio::task::yield_now().await;
    }
    loop {
        dev.process.line("generation").await;
        if fresh(dev.address, "/word").await.unwrap() == "19" {
            break;
        }
    }
    let generations = dev.process.output().matches("generation").count();
    assert!(generations < 19, "stale builds are stopped\n{}", dev.process);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_on_screen_is_compiled_beside_the_app_library() {
    let app = App::example("starter", "beside");
    let word = |code: &str| format!("pub fn word() -> {code}\n");
    app.write("components/word.rs", &word("&'static str { \"one\" }"));
    app.write(
        "pages/word.rs",
        "pub fn get() -> &'static str {\n    crate::components::word::word()\n}\n",
    );
    let mut dev = Dev::built(&app).await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "one");
    // How the compiler was called for the latest page that had to wait for the app library.
    let calls = app.path.join(".nova/parts/commands.jsonl");
    let waited = || std::fs::read_to_string(&calls).unwrap_or_default().contains("pages/word.rs");
    assert!(waited());
    std::fs::remove_file(&calls).unwrap();
    app.write("components/word.rs", &word("&'static str { \"two\" }"));
    dev.process.line("swap     components/word.rs").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "two");
    assert!(!waited(), "{}", dev.process);
    // What the compiler writes on its way is no change of the user's.
    assert!(!dev.process.output().contains(".o "), "{}", dev.process);

    // Right for the app library, wrong for the page: both stay as they are.
    app.write("components/word.rs", &word("u8 { 3 }"));
    dev.process.line("mismatched types").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "two");
    app.write("components/word.rs", &word("&'static str { \"four\" }"));
    dev.process.line("swap     components/word.rs").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "four");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_the_libraries_of_the_one_before() {
    let app = App::example("starter", "again");
    app.write("pages/word.rs", &page("one"));
    let libraries = |start: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(app.path.join(".nova/parts/libraries")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(start) && name.ends_with(".so")).collect()
    };
    let mut dev = Dev::built(&app).await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "one");
    dev.process.stop().await;
    let (apps, pages) = (libraries("libnova_app-"), libraries("libnova_page-word-"));
    assert_eq!((apps.len(), pages.len()), (1, 1), "{}", dev.process);

    let dev = Dev::built(&app).await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "one");
    assert_eq!(libraries("libnova_app-"), apps, "{}", dev.process);
    assert_eq!(libraries("libnova_page-word-"), pages, "{}", dev.process);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_has_one_session_and_a_second_leaves_its_files_alone() {
    let app = App::example("starter", "one");
    app.write("pages/word.rs", &page("one"));
    let mut dev = Dev::built(&app).await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "one");
    let files = || -> BTreeSet<PathBuf> {
        let entries = std::fs::read_dir(app.path.join(".nova/parts/libraries")).unwrap().flatten();
        let files = entries.map(|entry| entry.path());
        files.filter(|it| it.extension().is_some_and(|it| it == "so")).collect()
    };
    let before = files();
    assert!(!before.is_empty());
    let said = format!("process {} already serves this app at {}", dev.process.id(), dev.url);
    for args in [&["dev", "--port", "0"][..], &["clean"]] {
        let mut command = app.command("nova").await;
        command.args(args);
        let mut second = Process::spawn(command);
        second.line(&said).await;
        assert_eq!(second.ended().await.code(), Some(1));
    }
    // Pages that nobody waits for are compiled meanwhile, so there may be more.
    assert!(before.is_subset(&files()));
    app.write("pages/word.rs", &page("two"));
    dev.process.line("swap     pages/word.rs").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "two");

    // The lock goes with its holder, however that ends.
    dev.process.signal(Signal::KILL);
    dev.process.ended().await;
    let mut again = Dev::built(&app).await;
    assert_eq!(fresh(again.address, "/word").await.unwrap(), "two");
    again.process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_whose_parts_cannot_be_prepared_is_built_as_a_whole() {
    let app = App::example("starter", "whole");
    app.write(
        "pages/word.rs",
        "pub fn get() -> &'static str {\n    include_str!(\"word.txt\")\n}\n",
    );
    app.write("pages/word.txt", "one");
    let hidden = "pub fn get() -> &'static str {\n    include_str!(\"../.texts/word.txt\")\n}\n";
    app.write("pages/hidden.rs", hidden);
    app.write(".texts/word.txt", "one");
    app.write(".nova/parts", "a file in the way of the folder");
    let Dev { mut process, address, .. } = Dev::start(&app).await;
    process.line("the app is built as a whole: the folder .nova/parts cannot be prepared").await;
    process.line("build ").await;
    assert_eq!(fresh(address, "/word").await.unwrap(), "one");
    // Only the compiler knows that this file is a part of the app.
    app.write("pages/word.txt", "two");
    process.line("swap     pages/word.txt").await;
    assert_eq!(fresh(address, "/word").await.unwrap(), "two");
    // And this one, in a folder that is not looked at.
    app.write(".texts/word.txt", "two");
    process.line(".texts/word.txt").await;
    assert_eq!(fresh(address, "/hidden").await.unwrap(), "two");
    app.write("pages/word.rs", "pub fn get() -> u8 {\n");
    process.line("error    pages/word.rs").await;
    assert_eq!(fresh(address, "/word").await.unwrap(), "two");
    // What has the time of an archive is a change all the same.
    app.write("pages/word.rs", &page("three"));
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(24 * 60 * 60);
    let file = std::fs::File::options().append(true).open(app.path.join("pages/word.rs"));
    file.unwrap().set_modified(old).unwrap();
    process.line("swap     pages/word.rs").await;
    assert_eq!(fresh(address, "/word").await.unwrap(), "three");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_build_everything_waits() {
    let app = App::example("starter", "wait");
    let dev = Dev::start(&app).await;
    let mut connection = Connection::open(dev.address).await.unwrap();
    let response = connection.get("/users").await.unwrap();
    // Unless the build was faster than this request.
    if response.status() != 200 {
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_that_of_the_file() {
    let app = App::example("starter", "env");
    app.write(
        "pages/greeting.rs",
        "pub fn get() -> String {\n    std::env::var(\"GREETING\").unwrap_or_else(|_| \"none\".into())\n}\n",
    );
    app.write(".env", "GREETING=\"good morning\"\n");
    let mut dev = Dev::built(&app).await;
    assert_eq!(fresh(dev.address, "/greeting").await.unwrap(), "good morning");
    app.write(".env", "what is this\n");
    dev.process.line("error    .env").await;
    assert_eq!(fresh(dev.address, "/greeting").await.unwrap(), "good morning");
    app.write(".env", "OTHER=1\n");
    dev.process.line("restart  .env").await;
    assert_eq!(fresh(dev.address, "/greeting").await.unwrap(), "none");
    // Nothing was compiled with it, and of that there is no line.
    assert!(!dev.process.output().contains("same     .env"), "{}", dev.process);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usual_port_gives_way_and_a_named_one_does_not() {
    let app = App::example("starter", "port");
    // Where it is taken already, that serves as well.
    let _taken = TcpListener::bind("127.0.0.1:2518");
    let dev = Dev::start_with(&app, &[]).await;
    dev.process.said("port 2518 is in use").await;

    let port = dev.address.port().to_string();
    let other = App::example("starter", "port");
    let mut command = other.command("nova").await;
    command.args(["dev", "--port", &port]);
    let mut second = Process::spawn(command);
    second.line("the port is in use by another program").await;
    assert_eq!(second.ended().await.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_said_once_and_the_last_good_version_serves() {
    let app = App::example("starter", "mistakes");
    app.write("pages/word.rs", &page("good"));
    let mut dev = Dev::built(&app).await;
    // A page is compiled when it is asked for, and this one shall have a good version.
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "good");
    for (file, text, said) in [
        ("pages/word.rs", "pub fn get() -> u8 {\n", "this file contains an unclosed delimiter"),
        ("pages/word.rs", "fn get() {}\n", "this page exports no handler"),
        ("pages/word.rs", "pub fn get() -> bool {\n    true\n}\n", "`bool` is not a response"),
        ("Cargo.toml", "[package\n", "Cargo.toml"),
        (
            "app.rs",
            "pub fn init() -> nova::Result<u8> {\n    Err(nova::Error::new(500, \"no\"))\n}\n",
            "",
        ),
    ] {
        let before = app.read(file);
        app.write(file, text);
        let mut line = dev.process.line(file).await;
        // The check of the whole app may be first, and says so in a note.
        while line.starts_with("note") {
            line = dev.process.line(file).await;
        }
        assert!(
            line.starts_with("error") || line.starts_with("refused"),
            "{line}\n{}",
            dev.process
        );
        dev.process.line(said).await;
        assert_eq!(fresh(dev.address, "/word").await.unwrap(), "good", "{file} {text}");
        app.write(file, &before);
        // Not a line of the compiler, which names the file too.
        let line = dev.process.line(&format!("     {file}")).await;
        assert!(line.starts_with("same") || line.starts_with("swap"), "{line}\n{}", dev.process);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_it_is_told_to_although_a_page_is_open() {
    let app = App::example("starter", "end");
    let mut dev = Dev::built(&app).await;
    let mut events = Sipper::ask(dev.address, "/__nova/events").await.unwrap();
    while !String::from_utf8_lossy(&events.received).contains("\"type\":\"hello\"") {
        assert!(events.sip(1).await.unwrap(), "the stream ends before it begins");
    }
    let status = dev.process.stop().await;
    assert_eq!(status.code(), Some(0), "{}", dev.process);
    while events.sip(1).await.expect("the stream ends in order") {}
}
