//! The corpus of HTTP/1.1, all of it at once against one host.

use tokio::task::JoinSet;

use super::{fields, framing, lines};
use crate::edge::ground::Ground;

/// How many cases are sent at once.
const AT_ONCE: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn every_request_gets_the_answer_that_http_asks_for() {
    let ground = Ground::of("edge");
    let host = ground.start(&["--no-access-log"]).await;
    let cases: Vec<_> = lines::cases().chain(fields::cases()).chain(framing::cases()).collect();
    let count = cases.len();
    assert!(count >= 300, "{count} cases");
    let mut running: JoinSet<Result<(), String>> = JoinSet::new();
    let mut wrong = Vec::new();
    let address = host.address;
    for case in cases {
        if running.len() == AT_ONCE
            && let Some(done) = running.join_next().await
        {
            wrong.extend(done.unwrap().err());
        }
        running.spawn(async move { case.run(address).await });
    }
    while let Some(done) = running.join_next().await {
        wrong.extend(done.unwrap().err());
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    // Whatever came, the host is well.
    assert_eq!(host.get("/seen", "").await.text(), "GET /seen host=a cookie= body=0");
    // An address without a page goes through the middleware of its folder.
    let none = host.get("/seen/none", "").await;
    assert_eq!((none.status(), none.header("x-asked-for")), (404, Some("a")));
    assert_eq!(host.get("/none", "").await.header("x-asked-for"), None);
}
