//! What is wrong with a request, by the field that it is about.

use std::collections::BTreeMap;
use std::fmt;

use nova::prelude::*;

/// One or more faults. It is the source of an [`Error`], from which `pages/api/_error.rs` takes it.
#[derive(Clone, Debug, Default)]
pub struct Faults(BTreeMap<&'static str, Vec<&'static str>>);

impl Faults {
    pub fn add(&mut self, field: &'static str, fault: &'static str) {
        self.0.entry(field).or_default().push(fault);
    }

    /// The text without which a thing is not complete, of at most so many characters.
    pub fn required<'a>(
        &mut self,
        field: &'static str,
        text: Option<&'a str>,
        most: usize,
    ) -> &'a str {
        let text = self.secret(field, text, most);
        text.trim()
    }

    /// The same for a text in which blanks count.
    pub fn secret<'a>(
        &mut self,
        field: &'static str,
        text: Option<&'a str>,
        most: usize,
    ) -> &'a str {
        let text = text.unwrap_or_default();
        if text.trim().is_empty() {
            self.add(field, "can't be blank");
        }
        self.at_most(field, text, most);
        text
    }

    /// A text that may be missing.
    pub fn at_most(&mut self, field: &'static str, text: &str, most: usize) {
        if text.chars().count() > most {
            self.add(field, "is too long");
        }
    }

    /// 422, if there is a fault.
    #[track_caller]
    pub fn check(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.into_error(StatusCode::UNPROCESSABLE_ENTITY))
        }
    }

    #[track_caller]
    fn into_error(self, status: StatusCode) -> Error {
        Error::new(status, self.to_string()).with_source(self)
    }

    /// The faults that an error is about; the error, if it is about anything else.
    pub fn of(error: Error) -> Result<Self> {
        match error
            .source()
            .and_then(|source| source.downcast_ref::<Self>())
        {
            Some(faults) => Ok(faults.clone()),
            None => Err(error),
        }
    }

    /// What is wrong with a field, for people.
    pub fn about(&self, field: &str) -> Option<String> {
        Some(self.0.get(field)?.join(", "))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn by_field(&self) -> &BTreeMap<&'static str, Vec<&'static str>> {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self
            .0
            .iter()
            .flat_map(|(field, faults)| faults.iter().map(move |fault| (field, fault)));
        for (index, (field, fault)) in lines.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{field} {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// One fault, with its status.
#[track_caller]
pub fn fault(status: StatusCode, field: &'static str, fault: &'static str) -> Error {
    let mut faults = Faults::default();
    faults.add(field, fault);
    faults.into_error(status)
}

#[track_caller]
pub fn not_found(what: &'static str) -> Error {
    fault(StatusCode::NOT_FOUND, what, "not found")
}

#[track_caller]
pub fn forbidden(what: &'static str) -> Error {
    fault(StatusCode::FORBIDDEN, what, "forbidden")
}

/// 409 for a value that another row has, where SQLite says so; any other error as it is.
#[track_caller]
pub fn taken(error: sqlx::Error, columns: &[(&str, &'static str)]) -> Error {
    let message = error
        .as_database_error()
        .filter(|it| it.is_unique_violation())
        .map(|it| it.message());
    let column = message.and_then(|text| columns.iter().find(|(column, _)| text.contains(column)));
    match column {
        Some((_, field)) => fault(StatusCode::CONFLICT, field, "has already been taken"),
        None => error.into(),
    }
}
