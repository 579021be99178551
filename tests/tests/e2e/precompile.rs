//! `nova precompile`: what it sends, what it finds, and what of a plan survives.

use std::fs;
use std::path::{Path, PathBuf};

use http::Method;
use nova_tests::client::Connection;
use nova_tests::fixtures::{library, stamped};
use nova_tests::host::Host;
use nova_tests::process::{Process, run};
use nova_tests::workspace::{App, binary};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A library in a folder of its own, as a release would have it.
struct Built {
    folder: TempDir,
}

impl Built {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("libnova_routes.so"), library(name)).expect("written");
        Self { folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    async fn precompile(&self, args: &[&str]) -> (Option<i32>, String) {
        let library = self.path("libnova_routes.so").display().to_string();
        let mut all = vec!["precompile", "--routes", &library];
        all.extend(args);
        let (status, said) = run(binary("nova").await, all).await;
        (status.code(), said)
    }

    fn plan(&self) -> Value {
        let text = fs::read(self.path("precompile.json")).expect("a plan");
        serde_json::from_slice(&text).expect("JSON")
    }

    fn write_plan(&self, plan: &Value) {
        fs::write(self.path("precompile.json"), plan.to_string()).expect("written");
    }
}

/// The request of a plan or report.
fn find<'a>(requests: &'a mut Value, method: &str, target: &str) -> &'a mut Value {
    let all = requests["requests"].as_array_mut().expect("requests");
    let found = all.iter_mut().find(|it| it["method"] == method && it["target"] == target);
    found.unwrap_or_else(|| panic!("no {method} {target}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_named_and_the_rest_goes_on() {
    let built = Built::new("exercised");
    let (status, said) = built.precompile(&["--limit", "300ms"]).await;
    assert_eq!(status, Some(1), "{said}");
    for complaint in [
        "GET /panics (pages/panics.rs) panicked: this page panics at ",
        "GET /hangs (pages/hangs.rs) did not answer within 300ms",
        "GET /spins (pages/spins.rs) did not answer within 300ms",
        "GET /sick (pages/sick.rs) answered 500 Internal Server Error",
        "GET /aborts (pages/aborts.rs) ended the process: it was ended by SIGABRT",
    ] {
        assert!(said.contains(&format!("failed    {complaint}")), "{complaint}\n{said}");
    }
    assert_eq!(said.matches("failed    ").count(), 5, "{said}");
    assert!(!built.path("precompile.json").exists(), "only --update writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_expected_passes_and_edits_survive() {
    let built = Built::new("exercised");
    let (_, said) = built.precompile(&["--limit", "300ms", "--update"]).await;
    let mut plan = built.plan();
    assert_eq!(find(&mut plan, "GET", "/users/7")["from"], "pages/users/[id].rs", "{said}");
    assert_eq!(find(&mut plan, "GET", "/panics")["from"], "pages/panics.rs");

    find(&mut plan, "GET", "/panics")["expect"] = json!("5xx");
    find(&mut plan, "GET", "/sick")["expect"] = json!(500);
    find(&mut plan, "GET", "/hangs")["expect"] = json!("hang");
    find(&mut plan, "GET", "/spins")["expect"] = json!("hang");
    find(&mut plan, "GET", "/aborts")["skip"] = json!(true);
    let own = json!({ "method": "PUT", "target": "/kept", "expect": 405 });
    plan["requests"].as_array_mut().expect("requests").push(own);
    built.write_plan(&plan);
    let (status, said) = built.precompile(&["--limit", "300ms"]).await;
    assert_eq!(status, Some(0), "{said}");

    let (status, said) = built.precompile(&["--limit", "300ms", "--update"]).await;
    assert_eq!(status, Some(0), "{said}");
    let mut again = built.plan();
    assert_eq!(again["requests"], plan["requests"]);
    assert_eq!(find(&mut again, "PUT", "/kept")["expect"], 405);

    // What was expected has to come, too.
    find(&mut again, "GET", "/")["expect"] = json!("5xx");
    built.write_plan(&again);
    let (status, said) = built.precompile(&["--limit", "300ms"]).await;
    assert_eq!(status, Some(1), "{said}");
    let complaint = "GET / (pages/index.rs) answered 200 OK, and 5xx was expected";
    assert!(said.contains(complaint), "{said}");

    built.write_plan(&json!({ "version": 1, "requests": [{ "method": "GET", "target": "x" }] }));
    let (status, said) = built.precompile(&[]).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("precompile.json: request 1, GET x: a target begins with"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_times_kinds_and_the_apps_own_requests() {
    let built = Built::new("exercised");
    let (_, said) = built.precompile(&["--limit", "300ms", "--json"]).await;
    let mut report: Value = serde_json::from_str(&said).expect("JSON");
    let index = find(&mut report, "GET", "/");
    assert_eq!(index["status"], 200);
    assert_eq!(index["bytes"], "Precompile".len(), "{index}");
    assert_eq!(index["kind"], "dynamic");
    assert!(index["us"].as_u64() <= index["first_us"].as_u64(), "{index}");
    assert_eq!(find(&mut report, "GET", "/stream")["kind"], "streaming");
    // `requests` of precompile.rs: the second sees what the first has written.
    assert_eq!(find(&mut report, "POST", "/kept")["status"], 201);
    assert_eq!(find(&mut report, "GET", "/kept")["status"], 200);
    let look = find(&mut report, "GET", "/_nova/precompile/look");
    assert_eq!(look["failure"], Value::Null, "{look}");

    let (_, said) = built.precompile(&["--limit", "300ms", "--json", "--read-only"]).await;
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let requests = report["requests"].as_array().expect("requests");
    let reads = |it: &Value| matches!(it["method"].as_str(), Some("GET" | "HEAD"));
    assert!(requests.iter().all(reads), "{said}");
    assert!(!requests.iter().any(|it| it["target"] == "/kept"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_serves_never_answers_for_precompilation() {
    let built = Built::new("exercised");
    let library = built.path("libnova_routes.so").display().to_string();
    for path in ["/_nova/precompile", "/_nova/precompile/requests", "/_nova/precompile/look"] {
        let args = ["call", "GET", path, "--routes", &library];
        let (status, said) = run(binary("nova").await, args).await;
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("there is no page at this address"), "{path}: {said}");
    }
}

/// The build id of a library, as a manifest has it.
fn build_id(library: &[u8]) -> String {
    nova_host::library::loader::BuildId::of(library).as_str().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_warms_up_by_its_plan_and_serves_what_was_rendered() {
    let host = Host::start(&stamped(&library("good"), "first")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let write = |file: &str, content: &[u8]| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("written");
    };
    let bytes = stamped(&library("good"), "second");
    write("libnova_routes.so", &bytes);
    write("prerendered/text/index.html", b"<p>rendered</p>");
    let page = json!({ "path": "/text", "file": "prerendered/text/index.html" });
    let manifest = json!({ "build_id": build_id(&bytes), "prerendered": [page] });
    write("manifest.json", manifest.to_string().as_bytes());
    let request = |method: &str, target: &str| json!({ "method": method, "target": target });
    let plan = json!({ "version": 1, "requests": [
        request("GET", "/sleep/0"),
        request("GET", "/build?x=1"),
        request("GET", "/panics"),
        request("GET", "/no-such-page"),
        request("POST", "/echo"),
    ] });
    write("precompile.json", plan.to_string().as_bytes());

    let swapped = host.swap(folder.path()).await.expect("it is as good as the first");
    let status = host.status().await;
    let now = status.generations.last().expect("a generation");
    assert_eq!(now.build_id, build_id(&bytes), "{swapped:?}");
    // One page opts out, one address has no page, and what writes is not sent.
    assert_eq!((now.requests, now.panics), (2, 0));

    let mut client = Connection::open(host.address).await.expect("a connection");
    let get = client.get("/text").await.expect("an answer");
    assert_eq!(get.body(), "<p>rendered</p>");
    assert_eq!(get.headers()["content-type"], "text/html; charset=utf-8");
    assert!(get.headers().contains_key("etag"));
    let head = client.send(Method::HEAD, "/text", b"").await.expect("an answer");
    assert_eq!(head.headers()["content-length"], "15");
    assert_eq!(client.send(Method::POST, "/text", b"").await.expect("an answer").status(), 405);

    // Whoever replaces the release replaces the page.
    let third = host.file("third.so", &stamped(&library("good"), "third"));
    host.swap(&third).await.expect("it is as good as the second");
    assert_eq!(client.text("/text").await.expect("an answer"), "hello");
}

async fn nova(app: &App, args: &[&str]) -> (Option<i32>, String) {
    let mut command = app.command("nova").await;
    command.args(args);
    let mut process = Process::spawn(command);
    let status = process.read_to_end().await;
    (status.code(), process.output())
}

#[tokio::test(flavor = "multi_thread")]
async fn compiling_exercises_what_changes_nothing() {
    let app = App::empty("exercised");
    let sdk = nova_tests::workspace::root().join("plugin-sdk").display().to_string();
    app.write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"exercised-app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
             [lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\nmaud = \"0.27\"\n\
             nova = {{ package = \"nova-plugin-sdk\", path = {sdk:?} }}\n\
             [profile.dev]\ndebug = \"line-tables-only\"\n"
        ),
    );
    app.lock();
    app.write("pages/index.rs", "pub fn get() -> &'static str { \"index\" }\n");
    app.write(
        "pages/sick.rs",
        "use nova::prelude::*;\npub fn get() -> StatusCode { StatusCode::BAD_GATEWAY }\n\
         pub fn post() -> StatusCode { panic!(\"it is not asked for\") }\n",
    );
    app.write(
        "precompile.rs",
        "use nova::precompile::Request;\nuse nova::prelude::*;\n\
         pub fn requests() -> Vec<Request> { vec![Request::get(\"/?own\").expect(200)] }\n\
         pub async fn run(uri: Uri) -> String { uri.to_string() }\n",
    );
    let compile = ["compile", "--profile", "dev"];
    let (status, said) = nova(&app, &compile).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("GET /sick (pages/sick.rs) answered 502 Bad Gateway"), "{said}");
    assert!(!said.contains("it is not asked for"), "{said}");
    assert!(app.read("lib.rs").contains("pub mod precompile;"), "{}", app.read("lib.rs"));

    let (status, said) = nova(&app, &[&compile[..], &["--no-precompile"]].concat()).await;
    assert_eq!(status, Some(0), "{said}");

    // The app's own plan is the one that counts, and it is left alone.
    let own = r#"{"version":1,"requests":[{"method":"GET","target":"/sick","expect":"5xx"}]}"#;
    app.write("precompile.json", own);
    let (status, said) = nova(&app, &compile).await;
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(app.read("precompile.json"), own);
    let plan = app.read("build/precompile.json");
    assert!(plan.contains(r#""target":"/?own""#) && plan.contains(r#""expect":"5xx""#), "{plan}");

    let library = Path::new("build").display().to_string();
    let (status, said) = nova(&app, &["precompile", "--routes", &library]).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("POST /sick (pages/sick.rs) panicked: it is not asked for"), "{said}");
}
