//! What is wrong with one file keeps no other from going live under `nova dev`, and is told for as
//! long as it is there; files count wherever they lie. One app for all of it, started once.

use std::fs;
use std::os::unix::fs::symlink;

use nova_tests::PATIENCE;
use nova_tests::client::{Connection, Sipper, fresh};
use nova_tests::dev::Dev;
use nova_tests::workspace::App;

/// A page that answers with a text of its own.
fn page(text: &str) -> String {
    format!("pub fn get() -> &'static str {{\n    {text:?}\n}}\n")
}

/// The status and the text of an answer.
async fn ask(dev: &Dev, path: &str) -> (u16, String) {
    let mut connection = Connection::open(dev.address).await.expect("it listens");
    let response = connection.get(path).await.expect("an answer");
    (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
}

/// Waits until a page that is opened is told of a mistake with this text, or no more.
async fn until_told(dev: &Dev, text: &str, expected: bool) {
    let asking = async {
        loop {
            let mut events = Sipper::ask(dev.address, "/__nova/events").await.expect("it listens");
            let told = loop {
                let told = String::from_utf8_lossy(&events.received).into_owned();
                if told.contains("\"type\":\"error\"") || told.contains("\"type\":\"ok\"") {
                    break told;
                }
                assert!(events.sip(1).await.expect("an event"), "it ends too early: {told}");
            };
            if told.contains(text) == expected {
                return;
            }
        }
    };
    let done = tokio::time::timeout(PATIENCE, asking).await;
    assert!(done.is_ok(), "{text:?} is told: not {expected}\n{}", dev.process);
}

/// A save of the page that is right goes live.
async fn others_go_live(app: &App, dev: &mut Dev, text: &str) {
    app.write("pages/index.rs", &page(text));
    dev.process.line("swap     pages/index.rs").await;
    assert_eq!(fresh(dev.address, "/").await.unwrap(), text, "{}", dev.process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_keeps_no_other_file_from_going_live() {
    let app = App::bare("mistakes");
    app.write("pages/index.rs", &page("first"));
    app.write("pages/half.rs", "// to do\n");
    // From the start on.
    let mut dev = Dev::built(&app).await;
    dev.process.said("this page exports no handler").await;
    assert_eq!(ask(&dev, "/").await, (200, "first".to_owned()));
    let (status, text) = ask(&dev, "/half").await;
    assert!(status == 500 && text.contains("exports no handler"), "{text}");

    others_go_live(&app, &mut dev, "beside a page without a handler").await;
    a_name_that_is_no_route(&app, &mut dev).await;
    a_route_that_another_page_has(&app, &mut dev).await;
    a_page_that_lost_its_handler(&app, &mut dev).await;
    a_layout_that_is_not_written_yet(&app, &mut dev).await;
    an_error_in_what_all_share(&app, &mut dev).await;
    a_module_that_is_named_before_it_is_there(&app, &mut dev).await;
    a_library_that_the_loader_refuses(&app, &mut dev).await;
    a_manifest_that_is_mended(&app, &mut dev).await;
    // What is still wrong was told once.
    app.delete("pages/half.rs");
    dev.process.line("pages/half.rs (deleted)").await;
    let told = dev.process.output().matches("this page exports no handler").count();
    assert_eq!(told, 2, "half.rs, and the page that lost its handler\n{}", dev.process);
    assert_eq!(ask(&dev, "/half").await.0, 404);
}

async fn a_name_that_is_no_route(app: &App, dev: &mut Dev) {
    app.write("pages/a b.rs", &page("never"));
    dev.process.line("error    pages/a b.rs").await;
    others_go_live(app, dev, "beside a bad name").await;
    app.delete("pages/a b.rs");
    dev.process.line("pages/a b.rs (deleted)").await;
}

async fn a_route_that_another_page_has(app: &App, dev: &mut Dev) {
    app.write("pages/(other)/index.rs", &page("the second"));
    dev.process.line("two pages answer /").await;
    others_go_live(app, dev, "the first of two").await;
    app.delete("pages/(other)/index.rs");
    dev.process.line("pages/(other)/index.rs (deleted)").await;
}

async fn a_page_that_lost_its_handler(app: &App, dev: &mut Dev) {
    app.write("pages/lost.rs", &page("lost"));
    dev.process.line("swap     pages/lost.rs").await;
    app.write("pages/lost.rs", "fn get() {}\n");
    dev.process.line("error    pages/lost.rs").await;
    others_go_live(app, dev, "beside a page that lost its handler").await;
    assert_eq!(ask(dev, "/lost").await, (200, "lost".to_owned()), "the last good version serves");
    app.write("pages/lost.rs", &page("found"));
    dev.process.line("swap     pages/lost.rs").await;
    assert_eq!(fresh(dev.address, "/lost").await.unwrap(), "found");
}

async fn a_layout_that_is_not_written_yet(app: &App, dev: &mut Dev) {
    app.write("pages/_layout.rs", "// to do\n");
    dev.process.line("this file must export `layout`").await;
    others_go_live(app, dev, "without the layout").await;
    app.write("pages/new.rs", &page("new"));
    dev.process.line("swap     pages/new.rs").await;
    assert_eq!(ask(dev, "/new").await, (200, "new".to_owned()));
    app.delete("pages/_layout.rs");
    dev.process.line("pages/_layout.rs (deleted)").await;
    // One that is written is compiled, although nothing has named it before.
    app.write("pages/404.rs", &page("nothing here"));
    dev.process.line("swap     pages/404.rs").await;
    assert_eq!(ask(dev, "/nowhere").await, (404, "nothing here".to_owned()));
    // And so is one in a folder, for the addresses there.
    app.write("pages/deep/[name]/404.rs", DEEP);
    dev.process.line("swap     pages/deep/[name]/404.rs").await;
    assert_eq!(ask(dev, "/deep/down/nowhere").await, (404, "not in down".to_owned()));
    assert_eq!(ask(dev, "/deep").await, (404, "nothing here".to_owned()));
}

/// What a folder says of an address without a page.
const DEEP: &str = "use nova::prelude::*;\n\npub fn get(Path(name): Path<String>) -> String {\n    \
    format!(\"not in {name}\")\n}\n";

async fn an_error_in_what_all_share(app: &App, dev: &mut Dev) {
    app.write("components/word.rs", "pub fn word() -> u8 {\n    \"eight\"\n}\n");
    dev.process.line("error    components/word.rs").await;
    dev.process.line("mismatched types").await;
    // A page behind it, that is asked for.
    let naming = "pub fn get() -> String {\n    crate::components::word::word().to_string()\n}\n";
    app.write("pages/behind.rs", naming);
    let asked = async {
        loop {
            let answer = ask(dev, "/behind").await;
            // The file may not have been seen yet.
            if answer.0 != 404 {
                return answer;
            }
        }
    };
    let asked = tokio::time::timeout(PATIENCE, asked).await;
    let (status, text) = asked.unwrap_or_else(|_| panic!("no answer\n{}", dev.process));
    assert!(status == 500 && text.contains("mismatched types"), "{text}\n{}", dev.process);
    others_go_live(app, dev, "beside an app library with an error").await;
    let told = dev.process.output().matches("mismatched types").count();
    assert!(matches!(told, 1 | 2), "for the component and for the page\n{}", dev.process);
    app.write("components/word.rs", "pub fn word() -> u8 {\n    8\n}\n");
    dev.process.line("swap     components/word.rs").await;
    assert_eq!(ask(dev, "/behind").await, (200, "8".to_owned()));
}

async fn a_module_that_is_named_before_it_is_there(app: &App, dev: &mut Dev) {
    app.append("lib.rs", "\npub mod rows;\n");
    dev.process.line("error    lib.rs").await;
    // The library that serves has not read it, and it mends nothing at first.
    app.write("rows.rs", "pub fn rows() -> u8 {\n    \"three\"\n}\n");
    dev.process.line("error    rows.rs").await;
    app.write("rows.rs", "pub fn rows() -> u8 {\n    3\n}\n");
    dev.process.line("swap     rows.rs").await;
    app.write(
        "pages/rows.rs",
        "pub fn get() -> String {\n    crate::rows::rows().to_string()\n}\n",
    );
    dev.process.line("swap     pages/rows.rs").await;
    assert_eq!(fresh(dev.address, "/rows").await.unwrap(), "3", "{}", dev.process);
}

async fn a_library_that_the_loader_refuses(app: &App, dev: &mut Dev) {
    app.write(
        "pages/refused.rs",
        "unsafe extern \"C\" {\n    fn there_is_no_such_function();\n}\n\n\
         pub fn get() -> &'static str {\n    unsafe { there_is_no_such_function() }\n    \"never\"\n}\n",
    );
    dev.process.line("there_is_no_such_function").await;
    // As a whole it does not load either.
    dev.process.line("refused  pages/refused.rs").await;
    assert_eq!(ask(dev, "/refused").await.0, 500);
    app.write("pages/good.rs", &page("good"));
    dev.process.line("swap     pages/good.rs").await;
    assert_eq!(ask(dev, "/good").await, (200, "good".to_owned()), "{}", dev.process);
    others_go_live(app, dev, "beside a refused library").await;
    app.write("pages/refused.rs", &page("mended"));
    dev.process.line("swap     pages/refused.rs").await;
    assert_eq!(fresh(dev.address, "/refused").await.unwrap(), "mended");
}

async fn a_manifest_that_is_mended(app: &App, dev: &mut Dev) {
    let manifest = app.read("Cargo.toml");
    app.write("Cargo.toml", &manifest.replace("maud = ", "maud = = "));
    dev.process.line("error    Cargo.toml").await;
    app.write("Cargo.toml", &manifest);
    dev.process.line("same     Cargo.toml").await;
    // What cargo alone finds wrong is told for no longer either.
    app.write("Cargo.toml", &manifest.replace("maud = \"0.27\"", "maud = { path = \"nowhere\" }"));
    dev.process.line("error    Cargo.toml").await;
    until_told(dev, "nowhere/Cargo.toml", true).await;
    app.write("Cargo.toml", &manifest);
    dev.process.line("same     Cargo.toml").await;
    until_told(dev, "nowhere/Cargo.toml", false).await;
    // So quickly that it may not be seen at all.
    app.write("Cargo.toml", &manifest.replace("maud = ", "maud = = "));
    tokio::task::yield_now().await;
    app.write("Cargo.toml", &manifest);
    app.write("pages/index.rs", &page("after the manifest"));
    let live = async {
        while fresh(dev.address, "/").await.unwrap() != "after the manifest" {
            tokio::task::yield_now().await;
        }
    };
    let live = tokio::time::timeout(PATIENCE, live).await;
    assert!(live.is_ok(), "{}", dev.process);
    // Once, for the library that did not load.
    let whole = dev.process.output().matches("the app is built as a whole").count();
    assert_eq!(whole, 1, "{}", dev.process);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_count_wherever_they_lie() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let elsewhere = elsewhere.path().canonicalize().expect("a path");
    let write = |name: &str, text: &str| fs::write(elsewhere.join(name), text).expect("written");
    let app = App::bare("elsewhere");
    write("text.txt", "a text");
    write("module.rs", "pub const WORD: &str = \"a module\";\n");
    write("page.rs", &page("a page"));
    let at = |name: &str| elsewhere.join(name).display().to_string();
    app.write("pages/index.rs", &page("first"));
    app.write(
        "pages/text.rs",
        &format!("pub fn get() -> &'static str {{\n    include_str!({:?})\n}}\n", at("text.txt")),
    );
    app.write(
        "pages/module.rs",
        &format!(
            "#[path = {:?}]\nmod module;\n\npub fn get() -> &'static str {{\n    module::WORD\n}}\n",
            at("module.rs")
        ),
    );
    symlink(elsewhere.join("page.rs"), app.path.join("pages/linked.rs")).expect("a link");
    let mut dev = Dev::built(&app).await;
    for (path, file, text, after, said) in [
        ("/text", "text.txt", "a text", "another text", at("text.txt")),
        ("/module", "module.rs", "a module", "another module", at("module.rs")),
        ("/linked", "page.rs", "a page", "another page", "pages/linked.rs".to_owned()),
    ] {
        assert_eq!(fresh(dev.address, path).await.unwrap(), text);
        // As editors save: another file in the place of the one before.
        let before = fs::read_to_string(elsewhere.join(file)).expect("a file");
        write("new", &before.replace(text, after));
        fs::rename(elsewhere.join("new"), elsewhere.join(file)).expect("renamed");
        dev.process.line(&format!("swap     {said}")).await;
        assert_eq!(fresh(dev.address, path).await.unwrap(), after, "{}", dev.process);
    }
}
