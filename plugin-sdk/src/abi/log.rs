//! What a library logs with `tracing` reaches the host's log.
//!
//! A library has a `tracing` of its own, so its events would go nowhere. The subscriber here
//! formats them, with the spans they stand in, and hands each to the host.

use std::fmt::Write;

use nova_abi::{LogEvent, LogLevel, LogSink};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::error::is_of_sdk;

/// Sends this library's events to the host from now on. Linked into a program that has a
/// subscriber, the library uses that one; so does an app library whose image has seen another one
/// start, and a host's sink is the same for all.
pub(super) fn install(sink: LogSink) {
    let bridge = tracing_subscriber::registry().with(Bridge { sink });
    let _ = tracing::subscriber::set_global_default(bridge);
}

/// The message of an `init` that failed, with what to do where it failed because this library has a
/// subscriber already.
pub(super) fn with_advice(message: String) -> String {
    // As tracing-core says it, and tracing-subscriber's `init` in a panic.
    const REFUSALS: [&str; 2] =
        ["a global default trace dispatcher has already been set", "SetGlobalDefaultError"];
    if REFUSALS.iter().any(|refusal| message.contains(refusal)) {
        return format!(
            "{message}; Nova has set the subscriber, and brings `tracing` events into the host's log: \
             set no other"
        );
    }
    message
}

struct Bridge {
    sink: LogSink,
}

impl Bridge {
    fn max_level(&self) -> LevelFilter {
        match self.sink.max_level.into_option() {
            None => LevelFilter::OFF,
            Some(LogLevel::Error) => LevelFilter::ERROR,
            Some(LogLevel::Warn) => LevelFilter::WARN,
            Some(LogLevel::Info) => LevelFilter::INFO,
            Some(LogLevel::Debug) => LevelFilter::DEBUG,
            Some(LogLevel::Trace) => LevelFilter::TRACE,
        }
    }
}

/// The fields of a span, as they are printed.
struct SpanText(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.max_level()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.max_level())
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id) {
            let mut text = Text::default();
            attributes.record(&mut text);
            span.extensions_mut().insert(SpanText(text.0));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id)
            && let Some(SpanText(fields)) = span.extensions_mut().get_mut()
        {
            let mut text = Text(std::mem::take(fields));
            values.record(&mut text);
            *fields = text.0;
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut message = String::new();
        for span in cx.event_scope(event).into_iter().flat_map(Scope::from_root) {
            message.push_str(span.name());
            if let Some(SpanText(fields)) = span.extensions().get()
                && !fields.is_empty()
            {
                let _ = write!(message, "{{{fields}}}");
            }
            message.push_str(": ");
        }
        let mut text = Text::default();
        event.record(&mut text);
        message.push_str(&text.0);
        let metadata = event.metadata();
        // Where this crate says something is of no use to those who read an app's log.
        let is_own = metadata.file().is_some_and(is_of_sdk);
        let (target, file) = if is_own { ("", None) } else { (metadata.target(), metadata.file()) };
        (self.sink.write)(&LogEvent {
            level: match *metadata.level() {
                Level::ERROR => LogLevel::Error,
                Level::WARN => LogLevel::Warn,
                Level::INFO => LogLevel::Info,
                Level::DEBUG => LogLevel::Debug,
                Level::TRACE => LogLevel::Trace,
            },
            target: target.into(),
            message: message.as_str().into(),
            file: file.unwrap_or_default().into(),
            line: file.and(metadata.line()).unwrap_or_default(),
        });
    }
}

/// Fields as text: the message first, then `name=value`.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let rest = std::mem::replace(&mut self.0, format!("{value:?}"));
            if !rest.is_empty() {
                let _ = write!(self.0, " {rest}");
            }
            return;
        }
        let space = if self.0.is_empty() { "" } else { " " };
        let _ = write!(self.0, "{space}{}={value:?}", field.name());
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::set_global_default;
    use tracing_subscriber::registry;

    use super::with_advice;

    #[test]
    fn a_second_subscriber_is_advised_against() {
        let _ = set_global_default(registry());
        let refused = set_global_default(registry()).unwrap_err();
        for message in [refused.to_string(), format!("{refused:?}")] {
            let advised = with_advice(message.clone());
            assert!(
                advised.starts_with(&message) && advised.ends_with("set no other"),
                "{advised}"
            );
        }
        assert_eq!(with_advice("no database".to_owned()), "no database");
    }
}
