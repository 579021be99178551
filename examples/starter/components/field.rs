use nova::prelude::*;

/// What a field is filled in with.
pub enum Control {
    Line,
    Text,
}

/// A field of a form with its label, and what is wrong with its value.
pub fn field(
    name: &str,
    label: &str,
    value: &str,
    mistake: Option<&str>,
    control: Control,
) -> Markup {
    let hint = mistake.map(|_| format!("{name}-mistake"));
    let invalid = mistake.map(|_| "true");
    html! {
        div.field {
            label for=(name) { (label) }
            @match control {
                Control::Line => {
                    input id=(name) name=(name) value=(value) autocomplete=(name)
                        aria-invalid=[invalid] aria-describedby=[&hint];
                }
                Control::Text => {
                    textarea id=(name) name=(name) rows="4"
                        aria-invalid=[invalid] aria-describedby=[&hint] { (value) }
                }
            }
            @if let Some(mistake) = mistake {
                p.mistake id=[&hint] { (mistake) }
            }
        }
    }
}
