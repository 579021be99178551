//! The log of the host: events on standard error, one line each, and the one line on standard
//! output that says where it listens.
//!
//! Events come from `tracing` (the host's own and those of route libraries) and from the
//! [request log](AccessLog). Both end in one writer, which never makes a request wait.

mod access;
mod format;
mod writer;

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::str::FromStr;

use anstream::ColorChoice;
use serde::{Deserialize, Serialize};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use self::access::{AccessLine, AccessLog, LoggedBody};
pub use self::format::Format;
pub use self::format::now as timestamp;

use self::format::Style;
use self::writer::Writer;

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// Which events are logged.
    pub filter: LogFilter,
    /// How a line looks.
    pub format: Format,
    /// Whether each request is logged; only if the filter lets events of level info through.
    pub access: bool,
}

/// Where the lines end up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// They are shown on a terminal.
    pub terminal: bool,
    /// Colours are wanted.
    pub color: bool,
}

impl Reader {
    /// That of the standard error of this process.
    #[must_use]
    pub fn of_stderr() -> Self {
        let stderr = std::io::stderr();
        let color = anstream::AutoStream::choice(&stderr) != ColorChoice::Never;
        Self { terminal: stderr.is_terminal(), color }
    }
}

/// Which events are logged: a level, or a list of targets with a level each.
///
/// ```
/// use nova_host::process::log::LogFilter;
///
/// let filter: LogFilter = "warn,app=debug".parse()?;
/// assert_eq!(
///     "loud".parse::<LogFilter>().unwrap_err().to_string(),
///     "unknown level `loud`; use error, warn, info, debug, trace or off, \
///      or a list such as warn,app=debug"
/// );
/// # Ok::<(), nova_host::process::log::LogFilterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogFilter(Targets);

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown level `{0}`; use error, warn, info, debug, trace or off, \
     or a list such as warn,app=debug"
)]
pub struct LogFilterError(String);

/// The crate that speaks HTTP/2. It warns of each connection of a flood, of which the server has one
/// line for a while.
const HTTP2: &str = "h2";

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, LogFilterError> {
        let mut targets = Targets::new();
        let (mut default, mut names_http2) = (LevelFilter::OFF, false);
        for part in text.split(',').map(str::trim) {
            let level = |level: &str| {
                LevelFilter::from_str(level).map_err(|_| LogFilterError(part.to_owned()))
            };
            targets = match part.split_once('=') {
                Some((target, level_name)) if !level_name.is_empty() => {
                    names_http2 |= target.starts_with(HTTP2);
                    targets.with_target(target, level(level_name)?)
                }
                Some(_) => return Err(LogFilterError(part.to_owned())),
                None => {
                    default = level(part)?;
                    targets.with_default(default)
                }
            };
        }
        // Who asks for details gets them.
        if matches!(default, LevelFilter::WARN | LevelFilter::INFO) && !names_http2 {
            targets = targets.with_target(HTTP2, LevelFilter::ERROR);
        }
        Ok(Self(targets))
    }
}

impl LogFilter {
    /// What pages log is the developer's to see; requests are not, and of pages that fail the session
    /// says more. `NOVA_LOG` overrules it.
    pub fn for_development() -> Self {
        let named = std::env::var("NOVA_LOG").ok().and_then(|filter| filter.parse().ok());
        named.unwrap_or_else(|| {
            "warn,app=info,nova_host::generation::failure=off".parse().expect("the filter is one")
        })
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        "info".parse().expect("the filter is one")
    }
}

/// The log of this process. Dropping it writes what is still on its way.
#[derive(Debug)]
pub struct Log {
    writer: Writer,
    access: AccessLog,
}

impl Log {
    /// Sends the events of this process to standard error, as `settings` say.
    ///
    /// # Errors
    ///
    /// When something else in this process has taken the events already.
    pub fn start(settings: LogSettings) -> Result<Self, TryInitError> {
        Self::start_towards(settings, Reader::of_stderr())
    }

    /// As [`start`](Self::start), where standard error is passed on to `reader`.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_towards(settings: LogSettings, reader: Reader) -> Result<Self, TryInitError> {
        let LogSettings { filter: LogFilter(targets), format, access } = settings;
        // A service manager stamps the lines itself, but a file does not.
        let style = Style { format, time: !reader.terminal, color: reader.color };
        let writer = Writer::start(std::io::stderr());
        let access = if access && targets.would_enable(access::TARGET, &tracing::Level::INFO) {
            AccessLog::new(writer.lines(), style)
        } else {
            AccessLog::off()
        };
        tracing_subscriber::registry()
            .with(EventLayer { lines: writer.lines(), style }.with_filter(targets))
            .try_init()?;
        Ok(Self { writer, access })
    }

    /// The log of requests.
    #[must_use]
    pub fn access(&self) -> AccessLog {
        self.access
    }

    /// Waits, for a moment at most, until the lines so far are written.
    pub fn flush(&self) {
        self.writer.lines().flush();
    }

    /// A way to do so for others.
    #[must_use]
    pub fn flusher(&self) -> LogFlusher {
        LogFlusher(self.writer.lines())
    }
}

/// A way to write the lines so far, for a thread that does not own the log.
#[derive(Clone, Debug)]
pub struct LogFlusher(writer::Lines);

impl LogFlusher {
    /// Waits, for a moment at most, until the lines so far are written.
    pub fn flush(&self) {
        self.0.flush();
    }
}

/// Says on standard output where the host listens. It need not be read there.
pub fn announce(url: &str) {
    let mut line = String::new();
    let mut stdout = std::io::stdout().lock();
    if writeln!(line, "listening on {url}").is_ok() {
        stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).ok();
    }
}

/// The layer that makes lines of events.
struct EventLayer {
    lines: writer::Lines,
    style: Style,
}

impl<S: Subscriber> Layer<S> for EventLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.lines.send_at_once(&self.style.event(event));
    }
}
