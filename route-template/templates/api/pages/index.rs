use nova::prelude::*;
use serde::Serialize;

#[derive(Serialize)]
pub struct About {
    name: &'static str,
    version: &'static str,
    routes: [&'static str; 2],
}

pub fn get() -> Json<About> {
    Json(About {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        routes: ["/notes", "/notes/{id}"],
    })
}
