use nova::prelude::*;
use nova::session::{Csrf, Session};
use serde::Deserialize;

use crate::app::Conduit;
use crate::components::field::{Field, Kind};
use crate::model::faults::Faults;
use crate::model::users::{self, NewUser};
use crate::model::visitor::log_in;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    username: String,
    email: String,
    password: String,
}

pub fn get(csrf: Csrf) -> Html {
    form(&csrf, &Sent::default(), &Faults::default())
}

pub async fn post(
    State(app): State<Conduit>,
    session: Session,
    csrf: Csrf,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let new = NewUser {
        username: Some(sent.username.clone()),
        email: Some(sent.email.clone()),
        password: Some(sent.password.clone()),
    };
    match users::register(&app.db, new).await {
        Ok(user) => {
            log_in(&session, &user)?;
            session.flash("info", format!("Welcome, {}.", user.username))?;
            Ok(Redirect::to("/").into_response())
        }
        Err(error) => {
            let status = error.status();
            Ok((status, form(&csrf, &sent, &Faults::of(error)?)).into_response())
        }
    }
}

fn form(csrf: &Csrf, sent: &Sent, faults: &Faults) -> Html {
    let fields = [
        Field {
            name: "username",
            label: "Name",
            value: &sent.username,
            kind: Kind::Line("text", "username"),
        },
        Field {
            name: "email",
            label: "Email",
            value: &sent.email,
            kind: Kind::Line("email", "email"),
        },
        Field {
            name: "password",
            label: "Password",
            value: "",
            kind: Kind::Password("new-password"),
        },
    ];
    page(
        "Register",
        html! {
            h1 { "Register" }
            p { a href="/login" { "Or log in, if you have an account." } }
            form.stack method="post" novalidate {
                (csrf)
                @for field in &fields {
                    (field.show(faults))
                }
                button { "Register" }
            }
        },
    )
}
