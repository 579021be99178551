//! What a form or JSON has to be besides its types: checked by the rules of the crate
//! [garde](https://docs.rs/garde), all of them at once.
//!
//! [`Valid`] around `Form`, `Json` or `Query` refuses what breaks a rule with 422, and names every field:
//!
//! ```
//! use garde::Validate;
//! use nova::prelude::*;
//!
//! #[derive(serde::Deserialize, Validate)]
//! pub struct NewUser {
//!     #[garde(length(min = 3, max = 20), ascii)]
//!     name: String,
//!     #[garde(range(min = 18))]
//!     age: u8,
//! }
//!
//! pub async fn post(Valid(Json(user)): Valid<Json<NewUser>>) -> (StatusCode, String) {
//!     (StatusCode::CREATED, user.name)
//! }
//! ```
//!
//! A program gets them as `errors` of the problem details: `{"errors": {"name": ["length is lower than
//! 3"]}}`.
//!
//! A form for people is shown again, with what was typed and what is wrong beside each field:
//! [`Submitted`] gives both.
//!
//! An app names garde in its own `Cargo.toml`, because what `#[derive(Validate)]` writes names it:
//! `garde = { version = "0.23", features = ["derive"] }`.

mod errors;
mod submitted;
mod valid;

pub use self::errors::FieldErrors;
pub use self::submitted::{FormState, Submitted};
pub use self::valid::{Holds, Valid};
