//! A debugger on the server of `nova dev`: a breakpoint in a page stops it there, also after the
//! page was saved.

use nova_tests::client::fresh;
use nova_tests::dev::Dev;
use nova_tests::process::Process;
use nova_tests::workspace::App;
use tokio::process::Command;

/// The page; the breakpoint is on its third line.
fn page(word: &str) -> String {
    format!("pub fn get() -> String {{\n    let word = \"{word}\";\n    word.to_uppercase()\n}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breakpoint_in_a_page_stops_there_and_after_a_swap_again() {
    let app = App::example("starter", "debugger");
    app.write("pages/words/[id].rs", &page("one"));
    let mut dev = Dev::start_with(&app, &["--port", "0", "--debugger"]).await;
    dev.process.line("build ").await;
    assert_eq!(fresh(dev.address, "/words/1").await.unwrap(), "ONE");
    let socket = nova_host::operate::admin::default_socket(dev.address.port());
    let client = nova_host::operate::admin::AdminClient::new(Some(socket)).expect("a socket");
    let server = client.status().await.expect("a status").pid;

    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-q", "-batch", "-iex", "set debuginfod enabled off"]);
    gdb.args(["-p", &server.to_string()]);
    for order in [
        "set breakpoint pending on",
        "break pages/words/[id].rs:3",
        "echo it runs\\n",
        "continue",
        "echo it goes on\\n",
        "continue",
        "delete",
        "detach",
    ] {
        gdb.args(["-ex", order]);
    }
    let mut gdb = Process::spawn(gdb);
    gdb.line("it runs").await;
    let address = dev.address;
    let asked = tokio::spawn(async move { fresh(address, "/words/1").await.unwrap() });
    gdb.line("pages/words/[id].rs:3").await;
    gdb.line("it goes on").await;
    assert_eq!(asked.await.expect("no panic"), "ONE");

    app.write("pages/words/[id].rs", &page("two"));
    dev.process.line("swap ").await;
    let asked = tokio::spawn(async move { fresh(address, "/words/1").await.unwrap() });
    gdb.line("pages/words/[id].rs:3").await;
    assert_eq!(asked.await.expect("no panic"), "TWO");
    assert!(gdb.ended().await.success(), "{gdb}");
}
