//! Bodies: limits on the way in, streams on the way out.

use nova::body::DEFAULT_BODY_LIMIT;
use nova::handler::*;
use nova::prelude::*;
use nova::testing::TestApp;

use crate::{any, one};

/// A body that arrives in pieces and announces no length.
fn in_pieces(count: usize, piece: usize) -> Body {
    let (sender, body) = Body::channel();
    tokio::spawn(async move {
        for _ in 0..count {
            sender.send(vec![b'x'; piece]).await?;
        }
        Ok::<_, Closed>(())
    });
    body
}

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

#[tokio::test]
async fn the_limit_is_2_mib_unless_the_page_says_otherwise() {
    let mut app = nova::App::new(nova::no_state());
    app.page("/", "pages/index.rs").post(async_1(length));
    app.page("/small", "pages/small.rs").body_limit(10).post(async_1(length));
    let app = TestApp::new(app.finish()).await;
    assert_eq!(
        app.post("/").body(vec![0; DEFAULT_BODY_LIMIT]).await.text(),
        DEFAULT_BODY_LIMIT.to_string()
    );
    assert_eq!(app.post("/").body(vec![0; DEFAULT_BODY_LIMIT + 1]).await.status(), 413);
    assert_eq!(app.post("/small").body("0123456789").await.text(), "10");
    assert_eq!(app.post("/small").body("0123456789a").await.status(), 413);
    assert_eq!(app.post("/small").body(in_pieces(2, 5)).await.text(), "10");
    assert_eq!(app.post("/small").body(in_pieces(3, 4)).await.status(), 413);
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_refused_before_anything_is_read() {
    let mut app = nova::App::new(nova::no_state());
    app.page("/", "pages/index.rs").body_limit(10).post(async_1(length));
    let app = TestApp::new(app.finish()).await;
    // The piece that would make it too long never comes.
    let (_sender, body) = Body::channel();
    assert_eq!(app.post("/").body(body).header("content-length", "11").await.status(), 413);
}

#[tokio::test]
async fn a_stream_is_read_as_it_arrives_and_limited_too() {
    async fn post(mut body: Body) -> Result<String> {
        let mut pieces = 0;
        while let Some(piece) = body.chunk().await {
            assert_eq!(piece?.len(), 1 << 20);
            pieces += 1;
        }
        Ok(pieces.to_string())
    }
    let app = any("/", async_1(post)).await;
    assert_eq!(app.post("/").body(in_pieces(2, 1 << 20)).await.text(), "2");
    assert_eq!(app.post("/").body(in_pieces(3, 1 << 20)).await.status(), 413);
}

#[tokio::test]
async fn a_body_that_is_sent_back_keeps_its_limit() {
    async fn echo(body: Body) -> Body {
        body
    }
    let mut app = nova::App::new(nova::no_state());
    app.page("/", "pages/index.rs").body_limit(10).post(async_1(echo));
    let app = TestApp::new(app.finish()).await;
    assert_eq!(app.post("/").body(in_pieces(2, 5)).await.text(), "xxxxxxxxxx");
    assert_eq!(app.post("/").body("0123456789a").await.status(), 413);
}

#[tokio::test]
async fn text_has_to_be_utf_8() {
    let app = any("/", sync_1(|text: String| text)).await;
    assert_eq!(app.post("/").body("é").await.text(), "é");
    assert_eq!(app.post("/").body(vec![0xff]).await.status(), 400);
}

#[tokio::test]
async fn a_stream_goes_out_piece_by_piece() {
    async fn get() -> impl IntoResponse {
        (StatusCode::ACCEPTED, [("content-type", "text/plain")], in_pieces(3, 2))
    }
    let response = one("/", async_0(get)).await.get("/").await;
    assert_eq!(response.status(), 202);
    assert_eq!(response.header("content-type"), Some("text/plain"));
    assert_eq!(response.text(), "xxxxxx");
}

#[tokio::test]
async fn events_go_on_behind_the_last_one_that_the_client_has() {
    use nova::sse::{Event, LastEventId};
    fn get(last: Option<LastEventId>) -> Sse {
        let after = last.map_or("the start".to_owned(), |last| last.0);
        let (events, sse) = Sse::channel();
        tokio::spawn(async move {
            events.send(Event::comment("soon")).await?;
            events.send(Event::data(after).id("8")).await?;
            events.closed().await;
            Ok::<_, Closed>(())
        });
        sse
    }
    let app = one("/", sync_1(get)).await;
    for (last, after) in [(None, "the start"), (Some(""), "the start"), (Some("7"), "7")] {
        let mut request = app.get("/");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let mut response = request.stream().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.header("content-type"), Some("text/event-stream"));
        assert_eq!(response.chunk().await.expect("a piece"), ": soon\n\n");
        // It has no end, and is read all the same.
        assert_eq!(response.event().await.expect("an event"), format!("data: {after}\nid: 8"));
    }
}
