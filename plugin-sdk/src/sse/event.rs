//! One event.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use serde_core::Serialize;

use crate::error::Error;

/// One event, ready to be sent.
///
/// ```
/// use nova::sse::Event;
///
/// let event = Event::data("two\nlines").name("news").id("7");
/// assert_eq!(event.as_str(), "data: two\ndata: lines\nevent: news\nid: 7\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Event {
    text: String,
}

impl Event {
    /// An event with this data, which may have several lines.
    pub fn data(data: impl AsRef<str>) -> Self {
        let mut event = Event { text: String::new() };
        // The standard ends a line with CR too; a client would drop what follows it.
        let data = data.as_ref().replace("\r\n", "\n").replace('\r', "\n");
        for line in data.split('\n') {
            event.field("data", line);
        }
        event
    }

    /// An event with a value as JSON.
    ///
    /// # Errors
    /// When the value has no form in JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        Ok(Event::data(serde_json::to_string(value)?))
    }

    /// A comment, which no listener hears of. That the connection lives, and through which proxies, can
    /// be seen by it.
    ///
    /// ```
    /// use nova::sse::Event;
    ///
    /// assert_eq!(Event::comment("nothing yet").as_str(), ": nothing yet\n");
    /// ```
    pub fn comment(text: impl AsRef<str>) -> Self {
        Event { text: format!(": {}\n", one_line(text.as_ref())) }
    }

    /// An id alone, which a browser remembers, and which no listener hears of.
    pub(crate) fn only_id(id: impl AsRef<str>) -> Self {
        Event { text: String::new() }.id(id)
    }

    /// The same with a name: which of its listeners the browser calls.
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        self.field("event", &one_line(name.as_ref()));
        self
    }

    /// The same with an id, which the browser sends back as `Last-Event-ID` when it reconnects.
    pub fn id(mut self, id: impl AsRef<str>) -> Self {
        self.field("id", &one_line(id.as_ref()));
        self
    }

    /// The same with the time after which the browser reconnects.
    pub fn retry(mut self, after: Duration) -> Self {
        self.field("retry", &after.as_millis().to_string());
        self
    }

    /// Its lines so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn into_bytes(mut self) -> Bytes {
        self.text.push('\n');
        Bytes::from(self.text)
    }

    fn field(&mut self, name: &str, value: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{name}: {value}");
    }
}

/// A line break would start another field, so it becomes a space.
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_start_a_field_of_its_own() {
        let table = [
            (Event::data(""), "data: \n\n"),
            (Event::data("a\r\nb\rc"), "data: a\ndata: b\ndata: c\n\n"),
            (Event::data("x").name("a\ndata: y"), "data: x\nevent: a data: y\n\n"),
            (Event::data("x").id("1\r2"), "data: x\nid: 1 2\n\n"),
            (Event::data("x").retry(Duration::from_secs(2)), "data: x\nretry: 2000\n\n"),
            (Event::only_id("7"), "id: 7\n\n"),
            (Event::comment("a\ndata: b"), ": a data: b\n\n"),
            (Event::json(&[1, 2]).expect("JSON"), "data: [1,2]\n\n"),
        ];
        for (event, want) in table {
            assert_eq!(event.into_bytes(), want);
        }
    }
}
