use nova::prelude::*;
use serde::Deserialize;

use crate::app::{Entry, Store};
use crate::components::field::{Control, field};

/// What the form sends. A field that is missing is as good as an empty one.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    name: String,
    message: String,
}

/// What is wrong with each field of a draft.
#[derive(Default, PartialEq)]
struct Mistakes {
    name: Option<&'static str>,
    message: Option<&'static str>,
}

pub fn get(State(store): State<Store>) -> Html {
    show(&store, &Draft::default(), &Mistakes::default())
}

pub fn post(State(store): State<Store>, Form(draft): Form<Draft>) -> Response {
    let mistakes = draft.check();
    if mistakes != Mistakes::default() {
        return (
            StatusCode::UNPROCESSABLE_ENTITY,
            show(&store, &draft, &mistakes),
        )
            .into_response();
    }
    store.sign(Entry {
        name: draft.name.trim().to_owned(),
        message: draft.message.trim().to_owned(),
    });
    Redirect::to("/guestbook").into_response()
}

impl Draft {
    fn check(&self) -> Mistakes {
        let name = match self.name.trim().chars().count() {
            0 => Some("Who are you?"),
            1..=60 => None,
            _ => Some("At most 60 characters, please."),
        };
        let message = match self.message.trim().chars().count() {
            0 => Some("What would you like to say?"),
            1..=500 => None,
            _ => Some("At most 500 characters, please."),
        };
        Mistakes { name, message }
    }
}

fn show(store: &Store, draft: &Draft, mistakes: &Mistakes) -> Html {
    let entries = store.entries();
    page(
        "Guestbook",
        html! {
            p.eyebrow { "Guestbook" }
            h1 { "Leave a line" }
            p.lead {
                "It is kept in memory, and handed from one version of the code to the next: save a \
                page, and what you wrote is still here. A restart forgets it."
            }
            div.pair {
                form method="post" action="/guestbook" novalidate {
                    (field("name", "Your name", &draft.name, mistakes.name, Control::Line))
                    (field("message", "Your message", &draft.message, mistakes.message, Control::Text))
                    button type="submit" { "Sign" }
                }
                section aria-labelledby="entries" {
                    h2 id="entries" { "Entries" }
                    @if entries.is_empty() {
                        p.quiet { "Nobody has signed yet." }
                    }
                    @for entry in &entries {
                        blockquote {
                            p { (entry.message) }
                            footer { (entry.name) }
                        }
                    }
                }
            }
        },
    )
}
