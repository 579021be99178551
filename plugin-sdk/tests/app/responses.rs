//! What functions return.

use std::borrow::Cow;

use nova::handler::*;
use nova::prelude::*;
use nova::sse::{Event, Sse};

use crate::one;

/// Status, content type, body.
async fn answer(response: impl IntoResponse) -> (u16, Option<String>, String) {
    let response = std::sync::Mutex::new(Some(response.into_response()));
    let get = move || response.lock().expect("no panic").take().expect("one request");
    let response = one("/", sync_0(get)).await.get("/").await;
    (
        response.status().as_u16(),
        response.header("content-type").map(str::to_owned),
        response.text().to_owned(),
    )
}

#[tokio::test]
async fn plain_values() {
    let text = Some("text/plain; charset=utf-8".to_owned());
    let bytes = Some("application/octet-stream".to_owned());
    let table = [
        (answer("a").await, (200, text.clone(), "a")),
        (answer(String::from("a")).await, (200, text.clone(), "a")),
        (answer(Cow::Borrowed("a")).await, (200, text.clone(), "a")),
        (answer(Text("a")).await, (200, text.clone(), "a")),
        (answer(b"a").await, (200, bytes.clone(), "a")),
        (answer(vec![b'a']).await, (200, bytes.clone(), "a")),
        (answer(Bytes::from_static(b"a")).await, (200, bytes, "a")),
        (answer(()).await, (200, None, "")),
        (answer(StatusCode::IM_A_TEAPOT).await, (418, None, "")),
        (answer(Json(["a"])).await, (200, Some("application/json".to_owned()), "[\"a\"]")),
        (answer(Redirect::permanent("/b")).await, (308, None, "")),
        (answer(Ok::<_, StatusCode>("a")).await, (200, text, "a")),
        (answer(Err::<(), _>(StatusCode::GONE)).await, (410, None, "")),
        (answer(Body::from("a")).await, (200, None, "a")),
    ];
    for (got, (status, content_type, body)) in table {
        assert_eq!(got, (status, content_type, body.to_owned()));
    }
}

#[tokio::test]
async fn tuples() {
    let (status, content_type, body) =
        answer((StatusCode::CREATED, [("content-type", "text/css")], "a{}")).await;
    assert_eq!((status, content_type.as_deref(), &*body), (201, Some("text/css"), "a{}"));
    let mut headers = HeaderMap::new();
    headers.insert("x", HeaderValue::from_static("1"));
    let response =
        (StatusCode::CREATED, headers, AppendHeaders([("x", "2")]), Json(1)).into_response();
    assert_eq!(response.headers().get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(answer(([("bad name", "x")], "a")).await.0, 500);
    assert_eq!(answer((StatusCode::CREATED, [("x", "line\nbreak")], "a")).await.0, 500);
    assert_eq!(answer(Redirect::to("/a\nb")).await.0, 500);
    assert_eq!(Redirect::to("/é?q=a").into_response().headers()["location"], "/%C3%A9?q=a");
}

#[tokio::test]
async fn a_value_without_a_form_in_json_is_an_error() {
    let map = std::collections::BTreeMap::from([([1, 2], 3)]);
    assert_eq!(answer(Json(map)).await.0, 500);
}

#[tokio::test]
async fn server_sent_events() {
    let (events, sse) = Sse::channel();
    events.send(Event::data("hi")).await.expect("a reader");
    drop(events);
    assert_eq!(
        answer(sse).await,
        (200, Some("text/event-stream".to_owned()), "data: hi\n\n".to_owned())
    );
}
