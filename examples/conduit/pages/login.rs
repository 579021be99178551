use nova::prelude::*;
use nova::session::{Csrf, Session};
use serde::Deserialize;

use crate::app::Conduit;
use crate::components::field::{Field, Kind};
use crate::model::faults::Faults;
use crate::model::users::{self, Login};
use crate::model::visitor::log_in;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Sent {
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
    let login = Login {
        email: Some(sent.email.clone()),
        password: Some(sent.password.clone()),
    };
    match users::login(&app.db, login).await {
        Ok(user) => {
            log_in(&session, &user)?;
            Ok(Redirect::to("/").into_response())
        }
        Err(error) => {
            let status = error.status();
            Ok((status, form(&csrf, &sent, &Faults::of(error)?)).into_response())
        }
    }
}

fn form(csrf: &Csrf, sent: &Sent, faults: &Faults) -> Html {
    let email = Field {
        name: "email",
        label: "Email",
        value: &sent.email,
        kind: Kind::Line("email", "username"),
    };
    let kind = Kind::Password("current-password");
    let password = Field {
        name: "password",
        label: "Password",
        value: "",
        kind,
    };
    page(
        "Log in",
        html! {
            h1 { "Log in" }
            p { a href="/register" { "Or register, if you have no account." } }
            @if faults.about("credentials").is_some() {
                p.fault role="alert" { "There is no account with this address and this password." }
            }
            form.stack method="post" novalidate {
                (csrf)
                (email.show(faults))
                (password.show(faults))
                button { "Log in" }
            }
        },
    )
}
