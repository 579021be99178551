//! The settings of `nova-host`: its command line, `NOVA_*` variables and its settings file.

mod edge;
mod file;
mod holding;
pub mod probe;
mod swapping;
mod trust;
mod units;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

pub use self::edge::{
    EdgeSettings, LimitSettings, MetricsSettings, ProcessSettings, ProxySettings, ResponseSettings,
    TlsSettings,
};
pub use self::holding::{HoldSettings, SwapChoice};
pub use self::swapping::{RecyclingSettings, RollbackSettings, share};
pub use self::trust::TrustSettings;
pub use self::units::Limit;
use crate::library::loader::{LoadError, Store, writable_folder};
use crate::operate::succession::Successor;
use crate::process::log::{Format, LogFilter, LogSettings};
use crate::process::record::RecordPlace;
use crate::process::service_folders;
use crate::server;
use crate::swap::SwapSettings;

/// Serves route libraries, and swaps them while it serves.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "nova-host",
    args_override_self = true,
    override_usage = "nova-host [OPTIONS] --routes <LIB>",
    version,
    after_help = "\
Swap in a new release with `nova swap PATH`; send SIGHUP to swap from the same paths, or start
with --watch. SIGTERM stops without failing a request; a second one stops at once."
)]
pub struct Config {
    /// A file of settings (TOML), named as the flags are, with underscores: max_body = "10m"
    #[arg(long, value_name = "FILE", env = "NOVA_CONFIG")]
    pub config: Option<PathBuf>,

    /// A release folder (`build/`) or a route library (`libnova_routes.so`); several of them
    /// form one table of routes
    #[arg(long, value_name = "LIB", env = "NOVA_ROUTES")]
    pub routes: Vec<PathBuf>,

    /// A folder of public files [default: the `public` folder of each release]
    #[arg(long, value_name = "DIR", env = "NOVA_PUBLIC")]
    pub public: Option<PathBuf>,

    /// The address or name to listen on; 0.0.0.0 for all interfaces; unix:PATH for a Unix socket
    #[arg(long, value_name = "HOST", env = "NOVA_HOST", default_value = "127.0.0.1")]
    pub host: String,

    /// The port to listen on; 0 for any that is free
    #[arg(long, value_name = "PORT", env = "NOVA_PORT", default_value_t = 2518)]
    pub port: u16,

    /// Who may connect to the Unix socket of --host, as a file's mode
    #[arg(long, value_name = "MODE", env = "NOVA_SOCKET_MODE", default_value = "660", value_parser = mode)]
    pub socket_mode: u32,

    /// So many processes answer, and one more looks after them: what ends a process costs the
    /// requests of that one, and another comes in its place [default: one process that does all, or
    /// one of each where a release asks for a new process with each swap]
    #[arg(long, value_name = "COUNT", env = "NOVA_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,

    /// How long requests may run on after SIGTERM
    #[arg(long, value_name = "SECONDS", env = "NOVA_GRACE", default_value = "30", value_parser = duration)]
    pub grace: Duration,

    /// Swap when a file of a release changes
    #[arg(long, env = "NOVA_WATCH", value_parser = FalseyValueParser::new(), help_heading = "Swapping")]
    pub watch: bool,

    /// Where releases are kept, and which of them serves and which are refused; a folder for each
    /// host [default: $STATE_DIRECTORY, as systemd sets it; without it copies of the libraries
    /// are in $XDG_RUNTIME_DIR or /tmp, and nothing outlives the host]
    #[arg(long, value_name = "DIR", env = "NOVA_STATE", help_heading = "Swapping")]
    pub state: Option<PathBuf>,

    /// How long open streams of an old generation may go on after a swap; `never` ends none
    #[arg(
        long,
        value_name = "SECONDS",
        env = "NOVA_DRAIN",
        default_value = "600",
        value_parser = drain,
        help_heading = "Swapping"
    )]
    pub drain: Drain,

    /// How long `init` of an app may take
    #[arg(
        long,
        value_name = "SECONDS",
        env = "NOVA_INIT_TIMEOUT",
        default_value = "10",
        value_parser = duration,
        help_heading = "Swapping"
    )]
    pub init_timeout: Duration,

    /// How long the check of a candidate may take, in a process of its own
    #[arg(
        long,
        value_name = "SECONDS",
        env = "NOVA_PREFLIGHT_TIMEOUT",
        default_value = "30",
        value_parser = duration,
        help_heading = "Swapping"
    )]
    pub preflight_timeout: Duration,

    /// Swap without checking the candidate in a process of its own
    #[arg(long, env = "NOVA_NO_PREFLIGHT", value_parser = FalseyValueParser::new(), help_heading = "Swapping")]
    pub no_preflight: bool,

    /// How generations are changed
    #[command(flatten)]
    pub hold: HoldSettings,

    /// When the host goes back to the release before
    #[command(flatten)]
    pub rollback: RollbackSettings,

    /// When the host starts anew
    #[command(flatten)]
    pub recycling: RecyclingSettings,

    /// The socket for `nova swap` and `nova status` [default: host-PORT.sock in
    /// $RUNTIME_DIRECTORY, or in a folder of the user's in $XDG_RUNTIME_DIR or /tmp]
    #[arg(long, value_name = "SOCKET", env = "NOVA_ADMIN", help_heading = "Administration")]
    pub admin: Option<PathBuf>,

    /// Open no socket for `nova swap` and `nova status`
    #[arg(long, conflicts_with = "admin", help_heading = "Administration")]
    pub no_admin: bool,

    /// Whose signatures are asked for.
    #[command(flatten)]
    pub trust: TrustSettings,
    /// Asking another host instead of being one.
    #[command(flatten)]
    pub probe: probe::ProbeSettings,

    /// Which events are logged: error, warn, info, debug, trace, off, or a list such as
    /// warn,app=debug
    #[arg(
        long,
        value_name = "LEVEL",
        env = "NOVA_LOG",
        default_value = "info",
        help_heading = "Logging"
    )]
    pub log: LogFilter,

    /// How a line of the log looks: human or json
    #[arg(
        long,
        value_name = "FORMAT",
        env = "NOVA_LOG_FORMAT",
        default_value = "human",
        help_heading = "Logging"
    )]
    pub log_format: Format,

    /// Do not log requests
    #[arg(long, env = "NOVA_NO_ACCESS_LOG", value_parser = FalseyValueParser::new(), help_heading = "Logging")]
    pub no_access_log: bool,

    /// What concerns the edge.
    #[command(flatten)]
    pub edge: EdgeSettings,
}

/// How long open streams of an old generation may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain(pub Option<Duration>);

impl Config {
    /// All but a probe need a library.
    fn checked(config: Self) -> Result<Self, clap::Error> {
        if config.routes.is_empty() && config.probe.probe.is_none() {
            let text = "the following required arguments were not provided:\n  --routes <LIB>";
            return Err(Self::command().error(ErrorKind::MissingRequiredArgument, text));
        }
        Ok(config)
    }

    /// The path of the Unix socket to listen on, if it is to be one.
    #[must_use]
    pub fn unix_socket(&self) -> Option<&Path> {
        self.host.strip_prefix("unix:").map(Path::new)
    }

    /// The part that concerns the log.
    #[must_use]
    pub fn log_settings(&self) -> LogSettings {
        LogSettings {
            filter: self.log.clone(),
            format: self.log_format,
            access: !self.no_access_log,
        }
    }

    /// How many threads answer requests in this process, if that is not left to the system: workers
    /// share the processors, and what looks after them answers none.
    #[must_use]
    pub fn threads(&self, successor: Option<Successor>) -> Option<u16> {
        match (self.workers, successor) {
            (Some(workers), Some(Successor::Worker)) => self.edge.run.threads.or_else(|| {
                let processors = std::thread::available_parallelism().ok()?.get();
                u16::try_from(processors.div_ceil(workers.into()).max(2)).ok()
            }),
            (Some(_), None) => Some(1),
            _ => self.edge.run.threads,
        }
    }

    /// What outlives a restart: the folder that was named, or the service manager's.
    #[must_use]
    pub fn state_folder(&self) -> Option<PathBuf> {
        self.state.clone().or_else(service_folders::state_folder)
    }

    /// Where the host keeps on record what runs: found again by the folder of its state, or by its
    /// address.
    #[must_use]
    pub fn record_place(&self) -> RecordPlace {
        let state = self.state_folder().and_then(|folder| std::path::absolute(folder).ok());
        match state {
            Some(folder) => RecordPlace::of(&folder),
            // Any port that is free is another one the next time.
            None if self.port == 0 => RecordPlace::private(),
            None => RecordPlace::of(&(&self.host, self.port)),
        }
    }

    /// Where the store is: in the state folder, or wherever there is a place.
    ///
    /// # Errors
    /// If the folder that was named cannot be used.
    pub fn store(&self) -> Result<Store, LoadError> {
        match &self.state {
            Some(folder) => Store::open(folder.join("libraries")),
            None => Ok(Store::open_default()),
        }
    }

    /// The part that concerns the server.
    #[must_use]
    pub fn server_options(&self) -> server::Options {
        let EdgeSettings { limits, run, .. } = &self.edge;
        server::Options {
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            send_timeout: limits.send_timeout,
            max_header: limits.max_header,
            max_connections: limits.max_connections.0,
            max_connections_per_ip: limits.max_connections_per_ip.0,
            max_response_memory: limits
                .max_response_memory
                .0
                .map(|most| most.try_into().unwrap_or(usize::MAX)),
            // It begins with the signal, and the delay comes first.
            grace: self.grace.saturating_sub(run.stop_delay),
            ..server::Options::default()
        }
    }

    /// Where the public files of signed releases are copied to, if there are to be any.
    fn copies(&self) -> Option<PathBuf> {
        if self.trust.trust.is_empty() {
            return None;
        }
        let state = self.state.as_ref().map(|folder| folder.join("public"));
        state.or_else(|| writable_folder("public"))
    }

    /// The part that concerns swaps; `program` is this executable, whose `main` knows how to be a
    /// child.
    #[must_use]
    pub fn swap_settings(&self, program: Option<PathBuf>) -> SwapSettings {
        SwapSettings {
            preflight: program.filter(|_| !self.no_preflight),
            preflight_limit: self.preflight_timeout,
            init_limit: self.init_timeout,
            drain_limit: self.drain.0,
            trust: self.trust.trust(self.copies()),
            release_files: self.public.is_none(),
            mode: self.hold.swap.0,
            hold_limit: self.hold.hold_timeout,
            hold_queue: self.hold.hold_queue,
            stream_grace: self.hold.stream_grace,
            hook_limit: self.hold.hook_timeout,
            standby: self.rollback.limits().map_or(Duration::ZERO, |limits| limits.window),
            ..SwapSettings::default()
        }
    }
}

/// `30`, `0.5`, `30s`, `500ms`, `10m`, `1h`.
///
/// # Errors
///
/// When `text` is something else.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds_per_unit = match &text[digits.len()..] {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    digits
        .parse::<f64>()
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number * seconds_per_unit).ok())
        .ok_or_else(|| "give seconds, or a number with ms, s, m or h".to_owned())
}

/// `660`: octal, as `chmod` takes it.
fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "give an octal mode, such as 660 or 666".to_owned())
}

fn drain(text: &str) -> Result<Drain, String> {
    match text {
        "never" => Ok(Drain(None)),
        text => duration(text)
            .map(|limit| Drain(Some(limit)))
            .map_err(|message| format!("{message}, or `never`")),
    }
}

#[cfg(test)]
mod tests;
