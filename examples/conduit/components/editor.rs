use nova::prelude::*;
use nova::session::Csrf;
use serde::Deserialize;

use crate::components::field::{Field, Kind};
use crate::model::faults::Faults;

/// What the form of an article sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    pub title: String,
    pub description: String,
    pub body: String,
    /// Tags with spaces or commas between them.
    pub tags: String,
}

impl Draft {
    pub fn tag_list(&self) -> Vec<String> {
        let tags = self.tags.split([' ', ',']).filter(|tag| !tag.is_empty());
        tags.map(str::to_owned).collect()
    }
}

pub fn editor(heading: &str, csrf: &Csrf, draft: &Draft, faults: &Faults) -> Html {
    let fields = [
        Field {
            name: "title",
            label: "Title",
            value: &draft.title,
            kind: Kind::Line("text", "off"),
        },
        Field {
            name: "description",
            label: "What it is about",
            value: &draft.description,
            kind: Kind::Line("text", "off"),
        },
        Field {
            name: "body",
            label: "Article, in Markdown",
            value: &draft.body,
            kind: Kind::Text(16),
        },
        Field {
            name: "tags",
            label: "Tags",
            value: &draft.tags,
            kind: Kind::Line("text", "off"),
        },
    ];
    page(
        heading,
        html! {
            h1 { (heading) }
            form.stack method="post" novalidate {
                (csrf)
                @for field in &fields {
                    (field.show(faults))
                }
                button { "Publish" }
            }
        },
    )
}
