//! Which process of `nova dev` an app runs in: a fresh one where what the app before has left, or
//! still has, would be in the way; and that nothing is lost or refused on the way there.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Method;
use nova_tests::client::{Connection, Sipper, fresh};
use nova_tests::dev::Dev;
use nova_tests::workspace::App;

/// The starter with an `app.rs` whose `init` does this first, and a counter that is handed over.
fn app(test: &str, init: &str, rest: &str) -> App {
    let app = App::example("starter", test);
    for page in ["guestbook.rs", "users/index.rs", "users/[id].rs", "index.rs"] {
        if app.path.join("pages").join(page).exists() {
            app.delete(&format!("pages/{page}"));
        }
    }
    std::fs::remove_dir_all(app.path.join("pages/api")).unwrap();
    std::fs::remove_dir_all(app.path.join("tests")).unwrap();
    app.write(
        "app.rs",
        &format!(
            "use std::sync::Arc;\nuse std::sync::atomic::{{AtomicU64, Ordering}};\n\n\
             use nova::prelude::*;\n\n\
             #[derive(Clone)]\npub struct Count(pub Arc<AtomicU64>, pub Arc<Vec<std::net::TcpListener>>);\n\n\
             fn begin(purpose: Purpose, count: u64) -> Result<Count> {{\n    {init}\n}}\n\n\
             pub fn init(purpose: Purpose) -> Result<Count> {{\n    begin(purpose, 0)\n}}\n\n\
             pub fn export(count: &Count) -> u64 {{\n    count.0.load(Ordering::SeqCst)\n}}\n\n\
             pub fn import(purpose: Purpose, count: u64) -> Result<Count> {{\n    begin(purpose, count)\n}}\n\n\
             {rest}\n"
        ),
    );
    app.write(
        "pages/count.rs",
        "use std::sync::atomic::Ordering;\n\nuse nova::prelude::*;\n\nuse crate::app::Count;\n\n\
         pub fn get(State(count): State<Count>) -> String {\n    \
         count.0.load(Ordering::SeqCst).to_string()\n}\n\n\
         pub fn post(State(count): State<Count>) -> String {\n    \
         (count.0.fetch_add(1, Ordering::SeqCst) + 1).to_string()\n}\n",
    );
    app.write("components/word.rs", &word("one"));
    app.write(
        "pages/word.rs",
        "pub fn get() -> String {\n    \
         format!(\"{} {}\", crate::components::word::word(), std::process::id())\n}\n",
    );
    app
}

fn word(word: &str) -> String {
    format!("pub fn word() -> &'static str {{\n    {word:?}\n}}\n")
}

/// The word of the component, and the process that has it.
async fn asked(address: SocketAddr) -> (String, String) {
    let text = fresh(address, "/word").await.unwrap();
    let (word, pid) = text.split_once(' ').expect("a word and a process");
    (word.to_owned(), pid.to_owned())
}

async fn add(address: SocketAddr) -> String {
    let mut connection = Connection::open(address).await.unwrap();
    let response = connection.send(Method::POST, "/count", b"").await.unwrap();
    assert_eq!(response.status(), 200);
    String::from_utf8(response.into_body().to_vec()).unwrap()
}

/// Clients that add to the count, one request after the other, each on a connection of its own.
struct Writers {
    stop: Arc<AtomicBool>,
    added: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Writers {
    fn start(address: SocketAddr) -> Self {
        let (stop, added) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let writer = || {
            let (stop, added) = (Arc::clone(&stop), Arc::clone(&added));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    add(address).await;
                    added.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let tasks = (0..2).map(|_| writer()).collect();
        Self { stop, added, tasks }
    }

    /// How many writes were answered; none failed.
    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.added.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_installs_for_good_is_not_in_the_way_of_the_next_one() {
    let init = "let _ = purpose;\n    Ok(Count(Arc::new(AtomicU64::new(count)), Arc::default()))";
    let subscriber = "pub fn subscriber() -> impl nova::tracing::Subscriber + Send + Sync {\n    \
        nova::tracing::subscriber::NoSubscriber::new()\n}";
    let app = app("installs", init, subscriber);
    let mut dev = Dev::built(&app).await;
    let (one, first) = asked(dev.address).await;
    assert_eq!((&*one, &*fresh(dev.address, "/count").await.unwrap()), ("one", "0"));
    let writers = Writers::start(dev.address);
    add(dev.address).await;
    let mut pids = vec![first];
    for text in ["two", "three"] {
        app.write("components/word.rs", &word(text));
        dev.process.line("swap     components/word.rs").await;
        let (now, pid) = asked(dev.address).await;
        assert_eq!(now, text);
        assert!(!pids.contains(&pid), "another process\n{}", dev.process);
        pids.push(pid);
    }
    let added = writers.stop().await + 1;
    assert_eq!(fresh(dev.address, "/count").await.unwrap(), added.to_string(), "{}", dev.process);
    let said = dev.process.output();
    assert_eq!(said.matches("`init` does not start again").count(), 1, "{said}");
    assert!(said.contains("`subscriber` of app.rs comes too late"), "{said}");

    // A page is no start of the app.
    app.append("pages/word.rs", "// saved\n");
    dev.process.line("swap     pages/word.rs").await;
    assert_eq!(asked(dev.address).await.1, pids[2]);

    // The browser is told, too.
    let mut events = Sipper::ask(dev.address, "/__nova/events").await.unwrap();
    while !String::from_utf8_lossy(&events.received).contains("`init` does not start again") {
        assert!(events.sip(1).await.unwrap(), "the stream ends without the note");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_app_alone_may_hold_is_free_when_the_next_one_asks() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let init = format!(
        "let _ = purpose;\n    let port = std::net::TcpListener::bind((\"127.0.0.1\", {port}))?;\n    \
         Ok(Count(Arc::new(AtomicU64::new(count)), Arc::new(vec![port])))"
    );
    let app = app("holds", &init, "");
    let mut dev = Dev::built(&app).await;
    let (_, first) = asked(dev.address).await;
    fresh(dev.address, "/count").await.unwrap();
    let writers = Writers::start(dev.address);
    app.write("components/word.rs", &word("two"));
    dev.process.line("swap     components/word.rs").await;
    let (two, second) = asked(dev.address).await;
    assert_eq!(two, "two");
    assert_ne!(first, second);
    let added = writers.stop().await;
    assert_eq!(fresh(dev.address, "/count").await.unwrap(), added.to_string(), "{}", dev.process);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_that_fails_everywhere_disturbs_nothing() {
    let init = "let _ = purpose;\n    Ok(Count(Arc::new(AtomicU64::new(count)), Arc::default()))";
    let app = app("fails", init, "");
    let mut dev = Dev::built(&app).await;
    let (_, pid) = asked(dev.address).await;
    fresh(dev.address, "/count").await.unwrap();
    add(dev.address).await;
    let before = app.read("app.rs");
    app.write("app.rs", &before.replace("let _ = purpose;", "if purpose != Purpose::Precompile { return Err(Error::new(StatusCode::INTERNAL_SERVER_ERROR, \"no database\")); }"));
    dev.process.line("refused  app.rs").await;
    dev.process.line("no database").await;
    assert_eq!(asked(dev.address).await, ("one".to_owned(), pid.clone()));
    assert_eq!(fresh(dev.address, "/count").await.unwrap(), "1");
    app.write("app.rs", &before.replace("let _ = purpose;", "let _saved = purpose;"));
    dev.process.line("swap     app.rs").await;
    assert_eq!(asked(dev.address).await.1, pid, "it starts where the app before has run");
    assert_eq!(fresh(dev.address, "/count").await.unwrap(), "1");
    assert!(!dev.process.output().contains("does not start again"), "{}", dev.process);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_dependencies_come_in_another_process() {
    let init = "let _ = purpose;\n    Ok(Count(Arc::new(AtomicU64::new(count)), Arc::default()))";
    let app = app("depends", init, "");
    let mut dev = Dev::built(&app).await;
    let (_, first) = asked(dev.address).await;
    fresh(dev.address, "/count").await.unwrap();
    let writers = Writers::start(dev.address);
    // It is among those of the SDK, so nothing else has to be compiled or fetched.
    app.edit("Cargo.toml", "[dependencies]\n", "[dependencies]\nitoa = \"1\"\n");
    dev.process.line("Cargo.toml").await;
    let (one, second) = asked(dev.address).await;
    assert_eq!(one, "one");
    assert_ne!(first, second, "{}", dev.process);
    app.write("components/word.rs", &word("two"));
    dev.process.line("swap     components/word.rs").await;
    assert_eq!(asked(dev.address).await, ("two".to_owned(), second));
    let added = writers.stop().await;
    assert_eq!(fresh(dev.address, "/count").await.unwrap(), added.to_string(), "{}", dev.process);
    let said = dev.process.output();
    assert_eq!(said.matches("the dependencies have changed").count(), 1, "{said}");
}
