//! Apps that hold what a process, or the machine, has once: each can be swapped, and left again when
//! nothing is alive any more of the app before.

use std::net::TcpListener;

use nova_tests::client::fresh;
use nova_tests::data::server::{Server, Settings};

use super::compiled;

const SWAPS: u32 = 3;

/// Swaps an app, and goes back; `page` uses what it holds.
async fn can_be_swapped(name: &str, mode: &str, page: &str) {
    let app = compiled(&format!("holders/{name}")).await;
    assert_eq!(app.mode(), mode, "{}", app.said);
    // Any that is free, and is so again for each next app.
    let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().to_string();
    let settings =
        Settings { args: &["--rollback-window", "1"], env: &[("HOLDER_ADDRESS", &address)] };
    let mut server = Server::start(&app, settings).await.unwrap();
    for _ in 0..SWAPS {
        server.swap().await.unwrap_or_else(|error| panic!("{error}\n{}", server.process));
        fresh(server.address, page).await.unwrap();
    }
    server.alone().await.unwrap();
    let before = fresh(server.address, "/").await.unwrap();
    server.rollback().await.unwrap_or_else(|error| panic!("{error}\n{}", server.process));
    assert_ne!(fresh(server.address, "/").await.unwrap(), before);
    fresh(server.address, page).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_one_holder() {
    can_be_swapped("redb", "handover", "/orders").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port() {
    can_be_swapped("port", "handover", "/port").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_of_metrics() {
    can_be_swapped("recorder", "overlap", "/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn static_thread_local_data() {
    can_be_swapped("tls", "process", "/count").await;
}
