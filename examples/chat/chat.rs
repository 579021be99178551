//! What is said, and what it looks like: the same on a page that is loaded and in what comes later.

use nova::prelude::*;
use nova::rooms::{Message, Room};
use serde::{Deserialize, Serialize};

/// How long a name and a message may be, in characters.
pub const LONGEST_NAME: usize = 30;
pub const LONGEST_TEXT: usize = 500;

/// What one person says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Said {
    pub name: String,
    pub text: String,
}

/// The room of this name, if it can be one.
pub fn room(name: &str) -> Result<Room> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=30).contains(&name.len()) || !name.chars().all(is_name) {
        return Err(Error::not_found("a room has a name of a-z, 0-9 and -"));
    }
    Ok(nova::room(format!("chat/{name}")))
}

impl Said {
    /// Says it to all in the room.
    pub async fn send(self, room: &Room) -> Result<u64> {
        let (name, text) = (self.name.trim(), self.text.trim());
        if name.is_empty() || text.is_empty() {
            return Err(Error::unprocessable("a name and a message are needed"));
        }
        if name.chars().count() > LONGEST_NAME || text.chars().count() > LONGEST_TEXT {
            return Err(Error::unprocessable("the name or the message is too long"));
        }
        room.send_json(&Said {
            name: name.to_owned(),
            text: text.to_owned(),
        })
        .await
    }
}

/// A message as HTML, with its number, behind which a client goes on.
pub fn markup(message: &Message) -> Markup {
    // Another version of this app may have said something else.
    let Ok(Said { name, text }) = message.json() else {
        return html! {};
    };
    html! {
        li data-id=(message.id()) {
            b { (name) }
            span { (text) }
        }
    }
}
