use nova::prelude::*;
use nova::session::{Csrf, Session};
use serde::Deserialize;

use crate::app::Conduit;
use crate::components::field::{Field, Kind};
use crate::model::faults::{Faults, fault};
use crate::model::users::{self, User, UserUpdate};
use crate::model::visitor::{Visitor, log_in};

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    username: String,
    email: String,
    password: String,
    current_password: String,
    bio: String,
    image: String,
}

pub fn get(Extension(visitor): Extension<Visitor>, csrf: Csrf) -> Result<Html> {
    let user = visitor.user()?.clone();
    let sent = Sent {
        username: user.username,
        email: user.email,
        bio: user.bio.unwrap_or_default(),
        image: user.image.unwrap_or_default(),
        ..Sent::default()
    };
    Ok(form(&csrf, &sent, &Faults::default()))
}

pub async fn post(
    State(app): State<Conduit>,
    Extension(visitor): Extension<Visitor>,
    session: Session,
    csrf: Csrf,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let user = visitor.user()?;
    match save(&app, user, &sent).await {
        Ok(user) => {
            // Other sessions end with the old password; this one goes on.
            log_in(&session, &user)?;
            session.flash("info", "Your settings are saved.")?;
            Ok(Redirect::to("/settings").into_response())
        }
        Err(error) => {
            let status = error.status();
            Ok((status, form(&csrf, &sent, &Faults::of(error)?)).into_response())
        }
    }
}

async fn save(app: &Conduit, user: &User, sent: &Sent) -> Result<User> {
    // An empty field leaves the password as it is.
    let password = Some(sent.password.clone()).filter(|it| !it.is_empty());
    let is_known = match &password {
        Some(_) => users::has_password(&app.db, user, &sent.current_password).await?,
        None => true,
    };
    if !is_known {
        let field = "current_password";
        return Err(fault(
            StatusCode::UNPROCESSABLE_ENTITY,
            field,
            "is another one",
        ));
    }
    let update = UserUpdate {
        username: Some(Some(sent.username.clone())),
        email: Some(Some(sent.email.clone())),
        password: password.map(Some),
        bio: Some(Some(sent.bio.clone())),
        image: Some(Some(sent.image.clone())),
    };
    users::update(&app.db, user, update).await
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
            name: "image",
            label: "Address of a picture",
            value: &sent.image,
            kind: Kind::Line("url", "photo"),
        },
        Field {
            name: "bio",
            label: "About you",
            value: &sent.bio,
            kind: Kind::Text(5),
        },
        Field {
            name: "password",
            label: "New password",
            value: "",
            kind: Kind::Password("new-password"),
        },
        Field {
            name: "current_password",
            label: "Current password, to set a new one",
            value: "",
            kind: Kind::Password("current-password"),
        },
    ];
    page(
        "Settings",
        html! {
            h1 { "Settings" }
            form.stack method="post" novalidate {
                (csrf)
                @for field in &fields {
                    (field.show(faults))
                }
                button { "Save" }
            }
            form method="post" action="/logout" {
                (csrf)
                button.plain { "Log out" }
            }
        },
    )
}
