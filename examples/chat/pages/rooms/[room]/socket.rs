//! The room over a WebSocket: JSON comes in, HTML goes out.

use nova::prelude::*;
use nova::rooms::Lagged;
use nova::ws::{CloseFrame, Message, WebSocketUpgrade, close_code};
use serde::Deserialize;

use crate::chat::{self, Said};

/// Where a page goes on.
#[derive(Deserialize)]
pub struct After {
    after: Option<u64>,
}

pub fn get(
    upgrade: WebSocketUpgrade,
    Path(name): Path<String>,
    Query(After { after }): Query<After>,
) -> Result<Response> {
    let room = chat::room(&name)?;
    let mut messages = match after {
        Some(last) => room.subscribe_from(last)?,
        None => room.subscribe()?,
    };
    Ok(upgrade
        .max_message_size(8 * 1024)
        .on_upgrade(async move |mut socket| {
            loop {
                tokio::select! {
                    said = socket.recv() => match said {
                        Some(Ok(message @ Message::Text(_))) => {
                            let sent = match message.to_json::<Said>() {
                                Ok(said) => said.send(&room).await.map(drop),
                                Err(error) => Err(error),
                            };
                            if let Err(error) = sent {
                                let refused = CloseFrame::new(close_code::POLICY, error.message());
                                let _ = socket.close(refused).await;
                                return;
                            }
                        }
                        Some(Ok(_)) => {}
                        // It is closed, or other code serves: the page connects again.
                        Some(Err(_)) | None => return,
                    },
                    message = messages.recv() => {
                        let text = match message {
                            Ok(message) => chat::markup(&message).into_string(),
                            Err(Lagged { .. }) => "lagged".to_owned(),
                        };
                        // What the client has sent is still received when nothing can be sent any more.
                        let _ = socket.send(text).await;
                    }
                }
            }
        }))
}
