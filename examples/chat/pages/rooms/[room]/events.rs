//! The room as a stream of events: what is said, as HTML.

use nova::prelude::*;
use nova::rooms::Lagged;
use nova::sse::{Event, LastEventId};
use serde::Deserialize;

use crate::chat;

/// It has no end, and there is nothing to exercise in it.
pub const PRECOMPILE: bool = false;

/// Where a page goes on that was just loaded. A browser that connects again says it by itself.
#[derive(Deserialize)]
pub struct After {
    after: Option<u64>,
}

pub fn get(
    Path(name): Path<String>,
    Query(After { after }): Query<After>,
    last: Option<LastEventId>,
) -> Result<Sse> {
    let room = chat::room(&name)?;
    let last = last.and_then(|id| id.parse().ok()).or(after);
    let mut messages = match last {
        Some(last) => room.subscribe_from(last)?,
        None => room.subscribe()?,
    };
    let (events, sse) = Sse::channel();
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                message = messages.recv() => match message {
                    Ok(message) => Event::data(chat::markup(&message).into_string())
                        .id(message.id().to_string()),
                    // What is missing is not kept any more: the page is loaded anew.
                    Err(Lagged { .. }) => Event::data("").name("lagged"),
                },
                () = events.closed() => return,
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    });
    Ok(sse)
}
