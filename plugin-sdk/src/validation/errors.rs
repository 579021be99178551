//! What is wrong, by field.

use std::collections::BTreeMap;
use std::fmt;

use garde::Report;
use serde_core::ser::{Serialize, Serializer};

use crate::error::{Rejection, RejectionKind};

/// What is wrong with the fields of a form, or of JSON: the messages by the names of fields, such as
/// `name` or `items[0].price`. What concerns no field has the empty name.
///
/// As an error (by `?`) it is answered with 422. An error page finds it in the error:
///
/// ```
/// use nova::prelude::*;
/// use nova::validation::FieldErrors;
///
/// // pages/api/_error.rs
/// pub fn handler(error: Error) -> Json<Vec<String>> {
///     let fields = error.source().and_then(|source| source.downcast_ref::<FieldErrors>());
///     Json(fields.into_iter().flat_map(FieldErrors::iter).map(|(name, _)| name.to_owned()).collect())
/// }
/// # let taken = Error::from(FieldErrors::one("email", "there is an account with this address"));
/// # assert_eq!(taken.status(), 422);
/// # assert_eq!(handler(taken).0, ["email"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(BTreeMap<String, Vec<String>>);

impl Serialize for FieldErrors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl FieldErrors {
    /// One message about one field.
    #[must_use]
    pub fn one(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut errors = FieldErrors::default();
        errors.add(field, message);
        errors
    }

    pub(super) fn of_report(report: &Report) -> Self {
        let mut errors = FieldErrors::default();
        for (path, error) in report.iter() {
            errors.add(path.to_string(), error.message());
        }
        errors
    }

    /// Adds a message.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.entry(field.into()).or_default().push(message.into());
    }

    /// The messages about one field.
    #[must_use]
    pub fn of(&self, field: &str) -> &[String] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    /// All messages, by field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(field, messages)| (field.as_str(), messages.as_slice()))
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `age: lower than 18; name: length is lower than 3`.
impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.0.iter().flat_map(|(field, messages)| {
            messages.iter().map(move |message| match field.as_str() {
                "" => message.clone(),
                field => format!("{field}: {message}"),
            })
        });
        f.write_str(&said.collect::<Vec<_>>().join("; "))
    }
}

impl std::error::Error for FieldErrors {}

impl From<FieldErrors> for Rejection {
    fn from(errors: FieldErrors) -> Self {
        Rejection::of(RejectionKind::InvalidData, errors.to_string()).with_source(errors)
    }
}
