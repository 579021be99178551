//! What an app logs with `tracing`, and where it goes.
//!
//! A library has a `tracing` of its own, so its events would go nowhere. Nova sets a subscriber
//! that hands each event to the host's log, with the spans that it stands in: `tracing::info!` in a
//! page is enough.
//!
//! An app that wants more, such as OpenTelemetry or a filter of its own, exports `subscriber` from
//! `app.rs`, and puts [`layer`] into it:
//!
//! ```
//! use nova::prelude::*;
//! use nova::tracing::Subscriber;
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! pub fn subscriber(purpose: Purpose) -> impl Subscriber + Send + Sync {
//!     // Such as a layer of tracing-opentelemetry, where the app really serves.
//!     let traces = (purpose == Purpose::Serve).then(tracing_subscriber::fmt::layer);
//!     tracing_subscriber::registry().with(nova::log::layer()).with(traces)
//! }
//! # let hooks = nova::hooks::init_sync_0(|| ()).subscriber_sync_1(subscriber);
//! # let _ = nova::App::new(hooks).finish();
//! ```
//!
//! It runs before `init`, in the app's runtime. A process takes one subscriber for each copy of
//! `tracing`, and keeps it. A route library has a copy of its own, and so each release its own
//! subscriber. In `nova dev` the copy is in the image that apps share: there an app that brings a
//! subscriber moves to another process at each change of its library, which takes some tenths of a
//! second.

use std::fmt::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use nova_abi::{LogEvent, LogLevel, LogSink};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::error::{Error, is_of_sdk};
use crate::response::Result;

/// The host's log; the same for all apps of a process.
static SINK: OnceLock<LogSink> = OnceLock::new();

/// Whose subscriber this copy of `tracing` has.
static SUBSCRIBER: Mutex<Set> = Mutex::new(Set::No);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    No,
    /// Nova's, or one that a program had set before it linked the app in.
    Nova,
    /// One that an app brought.
    App,
}

/// What hands `tracing` events and spans to the host's log, for a [`subscriber`](self) of an app.
///
/// It lets through what the host's log is to hear (`--log`), whatever the other layers want. Where no
/// host has started the app, as in a test, it takes nothing.
pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> + Send + Sync {
    let level = SINK.get().map_or(LevelFilter::OFF, max_level);
    SINK.get().map(|sink| Bridge { sink: *sink }.with_filter(level))
}

/// Remembers the host's log, which [`layer`] writes to.
pub(crate) fn use_sink(sink: LogSink) {
    SINK.get_or_init(|| sink);
}

/// Sends this library's events to the host from now on, or to the subscriber that the app brings.
/// Linked into a program that has a subscriber, the library uses that one.
///
/// # Errors
/// When the app brings a subscriber, and another app of this process has set one.
pub(crate) fn install(of_app: Option<Dispatch>) -> Result<()> {
    let mut set = SUBSCRIBER.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(of_app) = of_app else {
        if *set == Set::No {
            let _ = tracing::subscriber::set_global_default(
                tracing_subscriber::registry().with(layer()),
            );
            *set = Set::Nova;
        }
        return Ok(());
    };
    let was_set = tracing::dispatcher::set_global_default(of_app).is_err();
    if was_set && *set != Set::No {
        return Err(Error::internal(TAKEN));
    }
    *set = if was_set { Set::Nova } else { Set::App };
    if was_set {
        tracing::warn!(
            "`subscriber` of app.rs is not used: this program has set one before it started the app"
        );
    }
    Ok(())
}

/// Why the subscriber of an app is refused.
const TAKEN: &str = "`subscriber` of app.rs comes too late: another app of this process has set the \
    subscriber of `tracing`, and a process keeps the first";

/// The message of an `init` that failed, with what to do where it failed because this library has a
/// subscriber already.
pub(crate) fn with_advice(message: String) -> String {
    // As tracing-core says it, and tracing-subscriber's `init` in a panic.
    const REFUSALS: [&str; 2] =
        ["a global default trace dispatcher has already been set", "SetGlobalDefaultError"];
    if REFUSALS.iter().any(|refusal| message.contains(refusal)) {
        return format!(
            "{message}; Nova sets the subscriber before `init`: export `subscriber` from app.rs, with \
             `nova::log::layer()` in it"
        );
    }
    message
}

struct Bridge {
    sink: LogSink,
}

fn max_level(sink: &LogSink) -> LevelFilter {
    match sink.max_level.into_option() {
        None => LevelFilter::OFF,
        Some(LogLevel::Error) => LevelFilter::ERROR,
        Some(LogLevel::Warn) => LevelFilter::WARN,
        Some(LogLevel::Info) => LevelFilter::INFO,
        Some(LogLevel::Debug) => LevelFilter::DEBUG,
        Some(LogLevel::Trace) => LevelFilter::TRACE,
    }
}

/// The fields of a span, as they are printed.
struct SpanText(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Bridge {
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
                advised.starts_with(&message) && advised.ends_with("`nova::log::layer()` in it"),
                "{advised}"
            );
        }
        assert_eq!(with_advice("no database".to_owned()), "no database");
    }
}
