//! Sessions over everything that becomes of the code and of the processes that serve it.

use std::path::Path;

use http::{Method, Request, StatusCode};
use nova_host::operate::admin::RollbackRequest;
use nova_tests::client::Connection;
use nova_tests::fixtures::{stamped, visits};
use nova_tests::host::{Host, Options};
use nova_tests::process::run;
use nova_tests::workspace::binary;
use rustix::process::Signal;

const OLD: &str = "an-old-secret-of-thirty-two-bytes-or-more";
const NEW: &str = "another-secret-of-thirty-two-bytes-or-more";

async fn host(library: &[u8], secret: &str) -> Host {
    let env = [("NOVA_SECRET", Path::new(secret))];
    let options = Options { args: &["--workers", "2"], env: &env, ..Options::default() };
    Host::start_with(library, options).await
}

/// A browser with the cookie that it was told last.
#[derive(Default)]
struct Visitor(String);

impl Visitor {
    /// What `/` has counted, each time on a connection of its own: some worker answers.
    async fn visit(&mut self, host: &Host) -> String {
        let request = Request::get("/").header("cookie", &self.0).body(Vec::new()).unwrap();
        let mut connection = Connection::open(host.address).await.unwrap();
        let answer = connection.request(request).await.unwrap();
        let set = answer.headers()["set-cookie"].to_str().unwrap();
        assert!(set.starts_with("__Host-session=") && set.contains("; Secure; Path=/"), "{set}");
        self.0 = set.split(';').next().unwrap().to_owned();
        String::from_utf8(answer.into_body().to_vec()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_the_code_the_workers_the_host_and_its_secret() {
    let library = visits();
    let mut first = host(&stamped(&library, "1"), OLD).await;
    let mut visitor = Visitor::default();
    let mut counted = Vec::new();
    for _ in 0..4 {
        counted.push(visitor.visit(&first).await);
    }
    let path = first.file("2.so", &stamped(&library, "2"));
    first.swap(&path).await.unwrap();
    counted.push(visitor.visit(&first).await);
    first.admin.rollback(&RollbackRequest::default()).await.unwrap();
    counted.push(visitor.visit(&first).await);
    first.process.signal(Signal::USR2);
    first.process.line("recycling: as told by a signal").await;
    first.process.line(" is live").await;
    counted.push(visitor.visit(&first).await);
    drop(first);

    // Started anew, with another secret before the old one, and then without that.
    for secret in [&format!("{NEW},{OLD}"), NEW] {
        counted.push(visitor.visit(&host(&library, secret).await).await);
    }
    assert_eq!(counted, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);

    // What the old secret has made is nothing by now, and what other sites ask for is refused.
    let last = host(&library, NEW).await;
    let mut connection = Connection::open(last.address).await.unwrap();
    let post = |site: &str| {
        let post = Request::builder().method(Method::POST).uri("/");
        let post = post.header("cookie", &visitor.0).header("sec-fetch-site", site);
        post.body(Vec::new()).unwrap()
    };
    let foreign = connection.request(post("cross-site")).await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert!(!foreign.headers().contains_key("set-cookie"));
    assert_eq!(connection.request(post("same-origin")).await.unwrap().body(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_secret_says_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libnova_routes.so");
    std::fs::write(&path, visits()).unwrap();
    let host = binary("nova-host").await;
    let (status, said) = run(&host, ["--routes", path.to_str().unwrap(), "--port", "0"]).await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("NOVA_SECRET is not set: `openssl rand -hex 32` prints one"), "{said}");
}
