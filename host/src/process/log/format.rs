//! From an event to a line: for people, or as JSON.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::SystemTime;

use anstyle::{AnsiColor, Style as Color};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// A sentence, with colours on a terminal.
    #[default]
    Human,
    /// An object on a line of its own.
    Json,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err("use human or json"),
        }
    }
}

/// A format and what the place of the log allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) format: Format,
    pub(super) time: bool,
    pub(super) color: bool,
}

impl Style {
    /// The line of an event.
    pub(super) fn event(self, event: &Event<'_>) -> String {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        match self.format {
            Format::Json => fields.json(*metadata.level(), metadata.target()),
            Format::Human => fields.human(*metadata.level(), self),
        }
    }

    /// Begins a line for people with the time, where nothing else adds it.
    pub(super) fn stamp(self, line: &mut String) {
        if self.time {
            // Writing to a `String` does not fail.
            let _ = write!(line, "{} ", time());
        }
    }

    pub(super) fn paint(self, line: &mut String, color: Color, text: impl fmt::Display) {
        self.painted(line, color, |line| {
            let _ = write!(line, "{text}");
        });
    }

    /// What `push` adds to a line, in a colour.
    pub(super) fn painted(self, line: &mut String, color: Color, push: impl FnOnce(&mut String)) {
        if self.color {
            let _ = write!(line, "{color}");
        }
        push(line);
        if self.color {
            let _ = write!(line, "{color:#}");
        }
    }
}

/// The time in UTC, as RFC 3339 has it, to the microsecond.
pub(super) fn time() -> impl fmt::Display {
    humantime::format_rfc3339_micros(SystemTime::now())
}

/// The same as a text.
pub fn now() -> String {
    time().to_string()
}

pub(super) const DIM: Color = Color::new().dimmed();

/// Adds `value` as one line, see [`one_line`]. What a client asks for is printable ASCII most times, and
/// is not looked at letter by letter then.
pub(super) fn push_one_line(line: &mut String, value: &str) {
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        line.push_str(value);
    } else {
        let _ = write!(line, "{}", one_line(value));
    }
}

/// `value` as one line: what moves a cursor, begins a line or ends a colour is written out.
pub(super) fn one_line(value: &str) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        for character in value.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    })
}

/// The fields of an event, in order.
#[derive(Default)]
struct Fields {
    message: String,
    /// The module of a library's event.
    module: Option<String>,
    rest: Vec<(&'static str, Value)>,
}

impl Fields {
    fn human(self, level: Level, style: Style) -> String {
        let mut line = String::new();
        style.stamp(&mut line);
        let (name, color) = match level {
            Level::ERROR => ("error: ", AnsiColor::Red.on_default().bold()),
            Level::WARN => ("warning: ", AnsiColor::Yellow.on_default().bold()),
            Level::INFO => ("", Color::new()),
            Level::DEBUG => ("debug: ", DIM),
            Level::TRACE => ("trace: ", DIM),
        };
        if !name.is_empty() {
            style.paint(&mut line, color, name);
        }
        if let Some(module) = &self.module {
            style.paint(&mut line, DIM, format_args!("{}: ", one_line(module)));
        }
        let _ = write!(line, "{}", one_line(&self.message));
        for (name, value) in &self.rest {
            style.paint(&mut line, DIM, format_args!(" {name}="));
            let _ = match value {
                Value::String(text) => write!(line, "{}", one_line(text)),
                value => write!(line, "{value}"),
            };
        }
        line.push('\n');
        line
    }

    fn json(self, level: Level, target: &str) -> String {
        let mut object = Map::new();
        object.insert("time".to_owned(), now().into());
        object.insert("level".to_owned(), level.as_str().to_lowercase().into());
        object.insert("target".to_owned(), target.into());
        object.insert("message".to_owned(), self.message.into());
        if let Some(module) = self.module {
            object.insert("module".to_owned(), module.into());
        }
        for (name, value) in self.rest {
            // The four above are ours.
            object.entry(name.to_owned()).or_insert(value);
        }
        format!("{}\n", Value::Object(object))
    }

    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.rest.push((field.name(), value.into()));
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "module" => self.module = Some(value.to_owned()),
            _ => self.add(field, value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    use super::*;

    struct EventRecorder(Arc<Mutex<Vec<String>>>, Style);

    impl<S: tracing::Subscriber> Layer<S> for EventRecorder {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(self.1.event(event));
        }
    }

    fn line(format: Format, color: bool, event: impl FnOnce()) -> String {
        let lines = Arc::default();
        let style = Style { format, time: false, color };
        let subscriber =
            tracing_subscriber::registry().with(EventRecorder(Arc::clone(&lines), style));
        tracing::subscriber::with_default(subscriber, event);
        lines.lock().unwrap().pop().unwrap()
    }

    #[test]
    fn a_line_for_people() {
        let event = || tracing::info!(generation = 3, build = "ab12", "serving");
        assert_eq!(line(Format::Human, false, event), "serving generation=3 build=ab12\n");
        let event = || tracing::error!(target: "app", module = "my_app::pages::users", "no user");
        assert_eq!(line(Format::Human, false, event), "error: my_app::pages::users: no user\n");
    }

    #[test]
    fn colours_where_there_are_some() {
        let event = || tracing::warn!(left = 2, "careful");
        assert_eq!(
            line(Format::Human, true, event),
            "\u{1b}[1m\u{1b}[33mwarning: \u{1b}[0mcareful\u{1b}[2m left=\u{1b}[0m2\n"
        );
    }

    #[test]
    fn a_message_cannot_begin_a_line_of_its_own() {
        let forged = "hello\nerror: \u{1b}[31mforged\r";
        let event = || tracing::info!(user = forged, "{forged}");
        assert_eq!(
            line(Format::Human, false, event),
            "hello\\nerror: \\u{1b}[31mforged\\r user=hello\\nerror: \\u{1b}[31mforged\\r\n"
        );
    }

    #[test]
    fn json_is_an_object_on_one_line() {
        let event = || tracing::warn!(ratio = 0.5, live = true, level = "mine", "two\nlines");
        let line = line(Format::Json, true, event);
        assert_eq!(line.lines().count(), 1);
        let mut object: Map<String, Value> = serde_json::from_str(&line).unwrap();
        let time = object.remove("time").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        assert_eq!(
            Value::Object(object),
            serde_json::json!({
                "level": "warn",
                "target": "nova_host::process::log::format::tests",
                "message": "two\nlines",
                "ratio": 0.5,
                "live": true,
            })
        );
    }
}
