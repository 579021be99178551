//! A library's `tracing` events, said again in the host's own.

use nova_abi::{LogEvent, LogLevel, LogSink};
use tracing::Level;
use tracing::level_filters::LevelFilter;

/// The target under which the events of libraries appear; the page's module is a field.
pub const TARGET: &str = "app";

/// The host's log as a library sees it.
pub(crate) fn log_sink() -> LogSink {
    let max_level = LevelFilter::current().into_level().map(|level| match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    });
    LogSink { max_level: max_level.into(), write }
}

extern "C" fn write(event: &LogEvent<'_>) {
    let LogEvent { level, target, message, file, line } = *event;
    // What is not known is left out: an event of the SDK itself has no place in the app.
    let module = Some(target.as_str()).filter(|module| !module.is_empty());
    let file = Some(file.as_str()).filter(|file| !file.is_empty());
    let line = file.map(|_| line);
    macro_rules! say {
        ($level:ident) => {
            tracing::event!(target: TARGET, Level::$level, module, file, line, "{message}")
        };
    }
    // Nothing unwinds out of an `extern "C"` function: a subscriber that panics would abort.
    let said = std::panic::catch_unwind(|| match level {
        LogLevel::Error => say!(ERROR),
        LogLevel::Warn => say!(WARN),
        LogLevel::Info => say!(INFO),
        LogLevel::Debug => say!(DEBUG),
        LogLevel::Trace => say!(TRACE),
    });
    drop(said);
}
