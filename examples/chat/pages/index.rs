use nova::prelude::*;
use serde::Deserialize;

/// Which room to go to.
#[derive(Deserialize)]
pub struct Door {
    room: Option<String>,
}

pub fn get(Query(Door { room }): Query<Door>) -> Result<Response> {
    if let Some(room) = room {
        let name = room.trim().to_lowercase().replace(' ', "-");
        crate::chat::room(&name)?;
        return Ok(Redirect::to(&format!("/rooms/{name}")).into_response());
    }
    let content = html! {
        h1 { "Rooms" }
        p { "What is said in a room reaches all who are in it, over every swap of this app's code." }
        form.door {
            label for="room" { "Room" }
            input #room name="room" value="lobby" required maxlength="30" autofocus;
            button { "Go in" }
        }
    };
    Ok(page("Rooms", content).into_response())
}
