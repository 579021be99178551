//! `app.rs`: starting, saving, importing and ending state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nova::handler::*;
use nova::hooks::{Hooks, init_async_0, init_async_1, init_sync_0, init_sync_1};
use nova::prelude::*;
use nova::testing::TestApp;
use nova::{App, Routes};

type Count = Arc<AtomicU32>;

fn count(value: u32) -> Count {
    Arc::new(AtomicU32::new(value))
}

fn routes(hooks: Hooks<Count>) -> Routes {
    let mut app = App::new(hooks);
    app.page("/", "pages/index.rs").get(sync_1(|State(count): State<Count>| {
        count.fetch_add(1, Ordering::Relaxed).to_string()
    }));
    app.finish()
}

async fn first_answer(hooks: Hooks<Count>, saved: Option<&str>) -> Result<String> {
    let saved = saved.map(|saved| saved.as_bytes().to_vec());
    let app = TestApp::start(&routes(hooks), Purpose::Serve, saved).await?;
    Ok(app.get("/").await.text().to_owned())
}

async fn init(purpose: Purpose) -> Result<Count> {
    Ok(count(if purpose == Purpose::Serve { 1 } else { 2 }))
}

#[tokio::test]
async fn init_in_every_form() -> Result<()> {
    let forms = [
        init_sync_0(|| count(1)),
        init_sync_1(|_| count(1)),
        init_sync_0(|| -> Result<Count> { Ok(count(1)) }),
        init_sync_1(|_| -> Result<Count, std::io::Error> { Ok(count(1)) }),
        init_async_0(|| async { count(1) }),
        init_async_1(init),
    ];
    for hooks in forms {
        assert_eq!(first_answer(hooks, None).await?, "1");
    }
    Ok(())
}

#[tokio::test]
async fn an_init_that_fails_says_why() {
    let hooks = init_async_0(|| async { Err::<Count, _>(std::io::Error::other("no database")) });
    let error = first_answer(hooks, None).await.expect_err("no state");
    assert_eq!(error.to_string(), "Internal Server Error: no database");
}

async fn export(count: &Count) -> u32 {
    count.load(Ordering::Relaxed)
}

async fn import(_: Purpose, saved: u32) -> Result<Count> {
    Ok(count(saved))
}

fn saving() -> Hooks<Count> {
    init_async_1(init).export_async(export).import_async(import)
}

#[tokio::test]
async fn state_is_carried_over() -> Result<()> {
    let app = TestApp::new(routes(saving())).await;
    app.get("/").await;
    let saved = app.export().await?.expect("saved state");
    assert_eq!(saved, b"3");
    let next = TestApp::start(&routes(saving()), Purpose::Serve, Some(saved)).await?;
    assert_eq!(next.get("/").await.text(), "3");

    let sync = init_sync_0(|| count(1))
        .export_sync(|count| -> Result<u32> { Ok(count.load(Ordering::Relaxed)) })
        .import_sync(|_, saved| count(saved));
    assert_eq!(first_answer(sync, Some("7")).await?, "7");
    Ok(())
}

#[tokio::test]
async fn saved_state_that_does_not_fit_is_an_error() {
    for (hooks, saved, why) in [
        (saving(), r#"{"count":7}"#, "invalid type: map, expected u32 at line 1 column 0"),
        (init_async_1(init), "7", "app.rs has no `import`"),
    ] {
        let error = first_answer(hooks, Some(saved)).await.expect_err("it does not fit");
        let text = format!("Internal Server Error: the saved state does not fit `import`: {why}");
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn without_export_nothing_is_saved() -> Result<()> {
    assert_eq!(TestApp::new(routes(init_async_1(init))).await.export().await?, None);
    Ok(())
}

#[tokio::test]
async fn shutdown_gets_the_state() -> Result<()> {
    let state = count(5);
    let end = |state: Count| async move { state.store(0, Ordering::Relaxed) };
    let hooks = init_sync_0({
        let state = state.clone();
        move || state.clone()
    });
    TestApp::new(routes(hooks.shutdown_async(end))).await.shutdown().await?;
    assert_eq!(state.load(Ordering::Relaxed), 0);

    let failing = init_sync_0(|| count(0)).shutdown_sync(|_| -> Result<()> { Err("stuck")? });
    assert!(TestApp::new(routes(failing)).await.shutdown().await.is_err());
    Ok(())
}

#[tokio::test]
async fn bad_routes_do_not_start() {
    for (first, second, want) in [
        (
            "/{a}",
            "/{b}",
            "Internal Server Error: pages/b.rs: route `/{b}` matches the same paths as `/{a}`",
        ),
        (
            "/a",
            "b",
            "Internal Server Error: pages/b.rs: bad route pattern `b`: it must begin with `/`",
        ),
    ] {
        let mut app = App::new(nova::no_state());
        app.page(first, "pages/a.rs").get(sync_0(|| ()));
        app.page(second, "pages/b.rs").get(sync_0(|| ()));
        let error =
            TestApp::start(&app.finish(), Purpose::Serve, None).await.expect_err("a problem");
        assert_eq!(error.to_string(), want);
    }
}
