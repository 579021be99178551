//! Pages that end the server of `nova dev`: it is back at once, and the page is named.

use std::time::{Duration, Instant};

use http::Method;
use nova_tests::client::{Connection, Sipper, fresh};
use nova_tests::dev::Dev;
use nova_tests::workspace::App;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

/// A page whose handler does this first.
fn page(does: &str) -> String {
    format!("pub fn get() -> &'static str {{\n    {does}\n    \"still here\"\n}}\n")
}

const SEGMENTATION_FAULT: &str =
    "unsafe { std::ptr::without_provenance_mut::<u8>(16).write_volatile(1) };";

/// The status and text of a page that a browser asks for, on a connection of its own.
async fn browse(dev: &Dev, path: &str) -> (u16, String) {
    let mut stream = Sipper::ask_for(dev.address, path, "accept: text/html\r\n").await.unwrap();
    while stream.sip(1).await.unwrap() {}
    let text = String::from_utf8_lossy(&stream.received).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_page_does_to_its_process_the_others_answer() {
    let app = App::example("starter", "crash");
    app.write("pages/word.rs", &page(""));
    app.write("pages/segv.rs", &page(SEGMENTATION_FAULT));
    app.write("pages/abort.rs", &page("std::process::abort();"));
    app.write("pages/exit.rs", &page("std::process::exit(0);"));
    app.write(
        "pages/deep.rs",
        "fn deep(n: u64) -> u64 {\n    let block = std::hint::black_box([n; 512]);\n    \
         deep(n + 1) + block[7]\n}\n\npub fn get() -> String {\n    deep(0).to_string()\n}\n",
    );
    let mut dev = Dev::built(&app).await;
    for (path, file, cause) in [
        ("/segv", "pages/segv.rs", "SIGSEGV"),
        ("/abort", "pages/abort.rs", "SIGABRT"),
        ("/exit", "pages/exit.rs", "exited with code 0"),
        ("/deep", "pages/deep.rs", "a stack overflow"),
    ] {
        // The request that did it is answered, with what it did.
        let (status, text) = browse(&dev, path).await;
        assert_eq!(status, 500, "{text}");
        for part in ["Try again", file, cause, "/__nova/client.js"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // At once, and without a refused connection.
        assert_eq!(fresh(dev.address, "/word").await.unwrap(), "still here", "after {path}");
        let line = dev.process.line("crash ").await;
        for part in [&format!("GET {path}"), file, cause] {
            assert!(line.contains(part), "{part} in {line}");
        }
        dev.process.line("restart  the server").await;
        // The page is not called again.
        let (status, text) = browse(&dev, path).await;
        assert_eq!(status, 500, "{text}");
        for part in ["Try again", file, cause, "/__nova/client.js"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    let crashes = dev.process.output().matches("crash ").count();
    assert_eq!(crashes, 4, "{}", dev.process);

    // Other code is a new chance.
    app.write("pages/segv.rs", &page(""));
    dev.process.line("swap     pages/segv.rs").await;
    assert_eq!(fresh(dev.address, "/segv").await.unwrap(), "still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_called_again_when_somebody_asks_for_it() {
    let app = App::example("starter", "again");
    let flag = app.path.join("flag");
    let does = format!("if !std::path::Path::new({flag:?}).exists() {{ std::process::abort() }}");
    app.write("pages/moody/[id].rs", &page(&does));
    let mut dev = Dev::built(&app).await;
    assert!(fresh(dev.address, "/moody/7").await.is_err());
    let (_, text) = browse(&dev, "/moody/8").await;
    let (_, rest) = text.split_once("action=\"").expect("a form");
    let action = rest.split('"').next().expect("an attribute").replace("&amp;", "&");
    app.write("flag", "");
    let mut connection = Connection::open(dev.address).await.unwrap();
    let response = connection.send(Method::POST, &action, b"").await.unwrap();
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["location"], "/moody/8");
    assert_eq!(connection.text("/moody/8").await.unwrap(), "still here");
    dev.process.line("crash ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_is_noticed_and_waiting_is_not() {
    let app = App::example("starter", "loop");
    app.write("nova.toml", "[dev]\npoll_limit = 0.6\n");
    app.write("pages/word.rs", &page(""));
    app.write("pages/spin.rs", &page("loop { std::hint::spin_loop() }"));
    app.write(
        "pages/wait.rs",
        "pub async fn get() -> &'static str {\n    \
         nova::tokio::time::sleep(std::time::Duration::from_millis(1500)).await;\n    \"waited\"\n}\n",
    );
    let mut dev = Dev::built(&app).await;
    assert_eq!(fresh(dev.address, "/wait").await.unwrap(), "waited");
    let began = Instant::now();
    assert!(fresh(dev.address, "/spin").await.is_err());
    assert!(began.elapsed() >= Duration::from_millis(500), "it had its time");
    let line = dev.process.line("crash ").await;
    assert!(
        line.contains("GET /spin") && line.contains("pages/spin.rs: an endless loop"),
        "{line}"
    );
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "still here");
    assert_eq!(browse(&dev, "/spin").await.0, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_that_aborts_is_refused() {
    let app = App::example("starter", "init");
    app.write("pages/word.rs", &page(""));
    let mut dev = Dev::built(&app).await;
    let before = app.read("app.rs");
    // A server that takes over from another calls `import` in the place of `init`.
    let import = "pub fn import(_purpose: Purpose, saved: Data) -> Store {";
    app.edit("app.rs", import, &format!("{import}\n    std::process::abort();"));
    dev.process.line("refused  app.rs").await;
    dev.process.line("SIGABRT").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "still here");
    app.write("app.rs", &before);
    dev.process.line("     app.rs").await;
    // What the code does not start with is tried again when there is other code.
    let init = "pub fn init(_purpose: Purpose) -> Store {";
    let refuses = "assert!(std::env::var_os(\"WORD\").is_none(), \"it has a word\");";
    app.edit("app.rs", init, &format!("{init}\n    {refuses}"));
    dev.process.line("swap     app.rs").await;
    app.write(".env", "WORD=1\n");
    dev.process.line("refused  .env").await;
    app.write("app.rs", &before);
    dev.process.line("swap     app.rs").await;
    dev.process.line("restart  .env").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_ends_every_server_is_given_up() {
    let app = App::example("starter", "giveup");
    app.write("pages/word.rs", &page(""));
    let flag = app.path.join("flag");
    // It passes the preflight, and ends each server that serves it.
    let does = format!(
        "if matches!(purpose, Purpose::Serve) {{\n        std::thread::spawn(|| {{\n            \
         while !std::path::Path::new({flag:?}).exists() {{\n                \
         std::thread::sleep(std::time::Duration::from_millis(5));\n            }}\n            \
         std::process::abort()\n        }});\n    }}"
    );
    let init = "pub fn init(_purpose: Purpose) -> Store {";
    app.edit("app.rs", init, &format!("{}\n    {does}", init.replace('_', "")));
    let mut dev = Dev::built(&app).await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "still here");
    app.write("flag", "");
    let line = dev.process.line("crash ").await;
    assert!(line.contains("the server") && line.contains("SIGABRT"), "{line}");
    dev.process.line("it is not started with this code again").await;
    // A server without the app says so, to whoever comes and to pages that are open.
    assert_eq!(browse(&dev, "/word").await.0, 503);
    let (_, events) = greeting(&dev).await;
    assert!(events.contains("The server ended"), "{events}");
    app.delete("flag");
    app.write("pages/word.rs", &page("let _next = 1;"));
    dev.process.line("build ").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "still here");
    let (_, events) = greeting(&dev).await;
    assert!(!events.contains("The server ended"), "{events}");
}

/// What an open page learns first, and the connection.
async fn greeting(dev: &Dev) -> (Sipper, String) {
    let mut events = Sipper::ask(dev.address, "/__nova/events").await.unwrap();
    loop {
        let text = String::from_utf8_lossy(&events.received).into_owned();
        if text.contains("\"type\":\"error\"") || text.contains("\"type\":\"ok\"") {
            return (events, text);
        }
        assert!(events.sip(1).await.unwrap(), "the stream ends before it begins: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_finds_the_next_server_at_the_same_version() {
    let app = App::example("starter", "reconnect");
    app.write("pages/abort.rs", &page("std::process::abort();"));
    app.write(
        "pages/wait.rs",
        "pub async fn get() {\n    eprintln!(\"it waits\");\n    \
         nova::tokio::time::sleep(std::time::Duration::MAX).await;\n}\n",
    );
    let mut dev = Dev::built(&app).await;
    let (mut events, before) = greeting(&dev).await;
    // Of another page, and there by chance.
    let mut beside = Sipper::ask(dev.address, "/wait").await.unwrap();
    dev.process.line("it waits").await;
    let (status, text) = browse(&dev, "/abort").await;
    assert!(status == 500 && text.contains("GET /abort"), "{text}");
    while beside.sip(1).await.unwrap() {}
    let beside = String::from_utf8_lossy(&beside.received).into_owned();
    assert!(beside.starts_with("HTTP/1.1 503 ") && beside.contains("try again"), "{beside}");
    while events.sip(1).await.unwrap_or(false) {}
    let (_, after) = greeting(&dev).await;
    let hello = |text: &str| {
        let line = text.lines().find(|line| line.contains("\"type\":\"hello\""));
        line.expect("a hello").to_owned()
    };
    assert_eq!(hello(&before), hello(&after), "nothing to reload for");
    assert!(after.contains("\"kind\":\"crash\"") && after.contains("GET /abort"), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_is_refused_while_servers_come_and_go() {
    let app = App::example("starter", "sockets");
    app.write("pages/word.rs", &page(""));
    app.write("pages/abort.rs", &page("std::process::abort();"));
    app.write(".env", "WORD=0\n");
    let mut dev = Dev::built(&app).await;
    let address = dev.address;
    // It is compiled, so that no answer is put off.
    assert_eq!(fresh(address, "/word").await.unwrap(), "still here");
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let asking = tokio::spawn(async move {
        let (mut asked, mut failed) = (0, Vec::new());
        while stopped.try_recv().is_err() {
            asked += 1;
            if let Err(error) = fresh(address, "/word").await {
                failed.push(error.to_string());
            }
        }
        (asked, failed)
    });
    for number in 1..4 {
        app.write(".env", &format!("WORD={number}\n"));
        dev.process.line("restart  .env").await;
    }
    stop.send(()).expect("it asks");
    let (asked, failed) = asking.await.expect("no panic");
    assert!(asked > 10, "{asked}");
    assert!(failed.is_empty(), "{} of {asked} failed: {failed:?}", failed.len());

    // A crash ends what runs; whoever connects meanwhile waits for the next server.
    assert!(fresh(address, "/abort").await.is_err());
    assert_eq!(fresh(address, "/word").await.unwrap(), "still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_knows_the_server_and_no_server_outlives_its_supervisor() {
    let app = App::example("starter", "status");
    let mut dev = Dev::built(&app).await;
    let socket = nova_host::operate::admin::default_socket(dev.address.port());
    let client = nova_host::operate::admin::AdminClient::new(Some(socket)).expect("a socket");
    let status = client.status().await.expect("a status");
    assert_eq!((status.url.as_str(), status.ready), (dev.url.as_str(), true));
    let pid = i32::try_from(status.pid).ok().and_then(Pid::from_raw).expect("a process id");
    let server = pidfd_open(pid, PidfdFlags::empty()).expect("the server runs");
    dev.process.signal(Signal::KILL);
    dev.process.ended().await;
    // Readable when the process has ended.
    let waiting = tokio::task::spawn_blocking(move || {
        poll(&mut [PollFd::new(&server, PollFlags::IN)], None).expect("a descriptor")
    });
    let ended = tokio::time::timeout(nova_tests::PATIENCE, waiting).await;
    assert_eq!(ended.expect("the server ends with its supervisor").expect("no panic"), 1);
}
