//! Every way in which files change under `nova dev`: whatever happens, it ends in what is on disk.
//!
//! One app for all of them, because two hundred pages take a while to build.

use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, SystemTime};

use nova_tests::client::Connection;
use nova_tests::dev::Dev;
use nova_tests::workspace::App;

/// How many pages the app has.
const PAGES: usize = 200;

/// Some of them, to ask.
const ASKED: [usize; 4] = [0, 77, 120, PAGES - 1];

/// A page that answers with a text of its own.
fn page(text: &str) -> String {
    format!("pub fn get() -> &'static str {{\n    {text:?}\n}}\n")
}

fn file(number: usize) -> String {
    format!("pages/p{number}.rs")
}

fn app() -> App {
    let app = App::bare("saves");
    app.write(".gitignore", "/target\n/.nova\n/Cargo.lock\n/lib.rs\n");
    all(&app, "first");
    app
}

/// Writes every page, to answer with its number and this word.
fn all(app: &App, word: &str) {
    for number in 0..PAGES {
        app.write(&file(number), &page(&format!("{number} {word}")));
    }
}

/// A `nova dev` and what is asked of it.
struct Session {
    dev: Dev,
    connection: Connection,
}

impl Session {
    async fn answer(&mut self, number: usize) -> String {
        let response = self.connection.get(&format!("/p{number}")).await.expect("an answer");
        let text = String::from_utf8_lossy(response.body()).into_owned();
        if response.status() == 200 { text } else { response.status().as_u16().to_string() }
    }

    /// Waits until a page answers with `expected`; it is asked again and again, because a page that
    /// is compiled on demand is not announced.
    async fn until(&mut self, number: usize, expected: &str) {
        let asking = async {
            while self.answer(number).await != expected {
                tokio::task::yield_now().await;
            }
        };
        let done = tokio::time::timeout(nova_tests::PATIENCE, asking).await;
        assert!(done.is_ok(), "/p{number} never answered {expected:?}\n{}", self.dev.process);
    }

    /// The same for some pages of all.
    async fn until_all(&mut self, word: &str) {
        for number in ASKED {
            self.until(number, &format!("{number} {word}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_in_what_is_on_disk() {
    let app = app();
    git(&app, &["init", "--quiet", "--initial-branch", "first"]);
    git(&app, &["add", "."]);
    git(&app, &["commit", "--quiet", "--message", "first"]);
    let dev = Dev::built(&app).await;
    let connection = Connection::open(dev.address).await.expect("it listens");
    let mut session = Session { dev, connection };
    session.until_all("first").await;
    // Without the outline of the image all of it works, and nobody would notice that it is slower.
    let commands = app.read(".nova/parts/commands.jsonl");
    assert!(commands.contains("/outline/libnova_sys-"), "{commands}");

    a_storm_with_a_mistake_in_it(&app, &mut session).await;
    a_checkout_of_many_files(&app, &mut session).await;
    an_atomic_save(&app, &mut session).await;
    the_same_content_again(&app, &mut session).await;
    a_change_and_its_revert(&app, &mut session).await;
    files_from_other_times(&app, &mut session).await;
}

async fn a_storm_with_a_mistake_in_it(app: &App, session: &mut Session) {
    all(app, "storm");
    app.write(&file(120), "pub fn get() -> &'static str {\n");
    // Of so many, those that nobody looks at are compiled when they are asked for. The check of the
    // whole app comes before that, so that the mistake is known.
    session.dev.process.line("pages/p120.rs does not compile").await;
    // Whatever happens to a page that does not compile, it never answers with the half of it.
    let asking = async {
        while !session.dev.process.output().contains("this file contains an unclosed delimiter") {
            let answer = session.answer(120).await;
            assert!(answer == "120 first" || answer == "500", "{answer}");
        }
    };
    tokio::time::timeout(nova_tests::PATIENCE, asking).await.expect("the mistake is said");
    app.write(&file(120), &page("120 storm"));
    session.until_all("storm").await;
}

async fn a_checkout_of_many_files(app: &App, session: &mut Session) {
    git(app, &["checkout", "--quiet", "-b", "second"]);
    for number in (0..PAGES).step_by(10) {
        app.delete(&file(number));
        app.write(&file(PAGES + number), &page("new"));
    }
    git(app, &["add", "--all"]);
    git(app, &["commit", "--quiet", "--message", "second"]);
    session.until(0, "404").await;
    session.until(PAGES, "new").await;
    git(app, &["checkout", "--quiet", "first"]);
    session.until_all("first").await;
    session.until(PAGES, "404").await;
    git(app, &["checkout", "--quiet", "second"]);
    session.until(77, "77 storm").await;
    session.until(0, "404").await;
    session.until(PAGES, "new").await;
}

async fn an_atomic_save(app: &App, session: &mut Session) {
    app.write("pages/.p5.rs.tmp", &page("renamed"));
    fs::rename(app.path.join("pages/.p5.rs.tmp"), app.path.join(file(5))).expect("renamed");
    session.until(5, "renamed").await;
}

async fn the_same_content_again(app: &App, session: &mut Session) {
    let before = session.dev.process.output();
    app.write(&file(6), &app.read(&file(6)));
    app.write(&file(7), &page("another"));
    session.until(7, "another").await;
    let output = session.dev.process.output();
    let since = &output[before.len()..];
    assert!(!since.contains("p6.rs") && !since.contains("more"), "{since}");
}

async fn a_change_and_its_revert(app: &App, session: &mut Session) {
    let before = app.read(&file(8));
    app.write(&file(8), &page("for a moment"));
    session.until(8, "for a moment").await;
    app.write(&file(8), &before);
    session.until(8, "8 storm").await;
}

async fn files_from_other_times(app: &App, session: &mut Session) {
    let day = Duration::from_secs(24 * 60 * 60);
    let now = SystemTime::now();
    for (time, text) in [(now - day, "of yesterday"), (now + day, "of tomorrow"), (now, "of today")]
    {
        let beside = app.path.join("pages/.p9.rs.tmp");
        fs::write(&beside, page(text)).expect("written");
        let opened = File::options().write(true).open(&beside).expect("opened");
        opened.set_modified(time).expect("a time");
        fs::rename(&beside, app.path.join(file(9))).expect("renamed");
        session.until(9, text).await;
    }
}

fn git(app: &App, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=Nova", "-c", "user.email=nova@example.com"])
        .args(arguments)
        .current_dir(&app.path)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
