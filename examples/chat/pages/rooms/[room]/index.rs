use nova::prelude::*;

use crate::chat::{self, LONGEST_NAME, LONGEST_TEXT, Said};

/// The room as it is now. The script goes on behind the last message; without it, the form posts, and
/// the page shows what was said.
pub fn get(Path(name): Path<String>) -> Result<Html> {
    let messages = chat::room(&name)?.history()?;
    let last = messages.last().map(|message| message.id());
    let content = html! {
        header {
            a href="/" { "Rooms" }
            h1 { (name) }
            output #state { "not live" }
        }
        ol #messages aria-live="polite" data-last=[last] data-room=(name) {
            @for message in &messages { (chat::markup(message)) }
        }
        form #say method="post" {
            label for="name" { "Name" }
            input #name name="name" required maxlength=(LONGEST_NAME) autocomplete="nickname";
            label for="text" { "Message" }
            input #text name="text" required maxlength=(LONGEST_TEXT) autocomplete="off" autofocus;
            button { "Send" }
        }
        script type="module" src=(nova::asset("/chat.js")) {}
    };
    Ok(page(&name, content))
}

pub async fn post(Path(name): Path<String>, Form(said): Form<Said>) -> Result<Redirect> {
    said.send(&chat::room(&name)?).await?;
    Ok(Redirect::to(&format!("/rooms/{name}")))
}
