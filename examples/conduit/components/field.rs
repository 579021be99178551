use nova::prelude::*;

use crate::model::faults::Faults;

/// One field of a form, with what was typed and what is wrong with it.
pub struct Field<'a> {
    /// The name, as in the form and in faults.
    pub name: &'a str,
    pub label: &'a str,
    pub value: &'a str,
    pub kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A line, whose `type` and `autocomplete` these are.
    Line(&'static str, &'static str),
    Password(&'static str),
    /// A text of so many rows.
    Text(u32),
}

impl Field<'_> {
    pub fn show(&self, faults: &Faults) -> Markup {
        let Field {
            name,
            label,
            value,
            kind,
        } = *self;
        let fault = faults.about(name);
        let hint = fault.as_ref().map(|_| format!("{name}-fault"));
        let invalid = fault.as_ref().map(|_| "true");
        html! {
            div.field {
                label for=(name) { (label) }
                @match kind {
                    Kind::Line(kind, autocomplete) => {
                        input id=(name) name=(name) type=(kind) value=(value) autocomplete=(autocomplete)
                            aria-invalid=[invalid] aria-describedby=[&hint];
                    }
                    // What was typed is not sent back.
                    Kind::Password(autocomplete) => {
                        input id=(name) name=(name) type="password" autocomplete=(autocomplete)
                            aria-invalid=[invalid] aria-describedby=[&hint];
                    }
                    Kind::Text(rows) => {
                        textarea id=(name) name=(name) rows=(rows)
                            aria-invalid=[invalid] aria-describedby=[&hint] { (value) }
                    }
                }
                @if let Some(fault) = fault {
                    p.fault id=[&hint] { (label) " " (fault) "." }
                }
            }
        }
    }
}
