//! What `nova-host` is told on its command line, in `NOVA_*` variables and in its settings file.

mod edge;
mod file;
mod units;

pub(crate) mod places;
pub mod probe;
mod trust;

mod swapping;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};

pub use self::edge::{Edge, Limits, MetricsSettings, ProxySettings, Responses, Run, Tls};
pub use self::units::Limit;
use crate::loader::{LoadError, Store, writable_folder};
use crate::log::{Format, LogFilter, LogSettings};
use crate::server;
use crate::swap::SwapSettings;

pub use self::swapping::{RecyclingConfig, RollbackConfig, share};
pub use trust::TrustArgs;

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

    /// The address or name to listen on; 0.0.0.0 for all interfaces
    #[arg(long, value_name = "HOST", env = "NOVA_HOST", default_value = "127.0.0.1")]
    pub host: String,

    /// The port to listen on; 0 for any that is free
    #[arg(long, value_name = "PORT", env = "NOVA_PORT", default_value_t = 2518)]
    pub port: u16,

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

    /// When the host goes back to the release before
    #[command(flatten)]
    pub rollback: RollbackConfig,

    /// When the host starts anew
    #[command(flatten)]
    pub recycling: RecyclingConfig,

    /// The socket for `nova swap` and `nova status` [default: host-PORT.sock in
    /// $RUNTIME_DIRECTORY, or in a folder of the user's in $XDG_RUNTIME_DIR or /tmp]
    #[arg(long, value_name = "SOCKET", env = "NOVA_ADMIN", help_heading = "Administration")]
    pub admin: Option<PathBuf>,

    /// Open no socket for `nova swap` and `nova status`
    #[arg(long, conflicts_with = "admin", help_heading = "Administration")]
    pub no_admin: bool,

    /// Whose signatures are asked for.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Asking another host instead of being one.
    #[command(flatten)]
    pub probe: probe::Probe,

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
    pub edge: Edge,
}

/// How long open streams of an old generation may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain(pub Option<Duration>);

impl Config {
    /// The settings as clap has found them. All but a probe need a library.
    fn of(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let config = Self::from_arg_matches_mut(matches)?;
        if config.routes.is_empty() && config.probe.probe.is_none() {
            let text = "the following required arguments were not provided:\n  --routes <LIB>";
            return Err(Self::command().error(ErrorKind::MissingRequiredArgument, text));
        }
        Ok(config)
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

    /// What outlives a restart: the folder that was named, or the service manager's.
    #[must_use]
    pub fn state_folder(&self) -> Option<PathBuf> {
        self.state.clone().or_else(places::state_folder)
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
        let Edge { limits, run, .. } = &self.edge;
        server::Options {
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            max_header: limits.max_header,
            max_connections: limits.max_connections.0,
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
            standby: self.rollback.limits().map_or(Duration::ZERO, |limits| limits.window),
            ..SwapSettings::default()
        }
    }
}

/// `30`, `0.5`, `30s`, `500ms`, `10m`, `1h`.
///
/// # Errors
///
/// When `text` is none of these.
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

fn drain(text: &str) -> Result<Drain, String> {
    match text {
        "never" => Ok(Drain(None)),
        text => duration(text)
            .map(|limit| Drain(Some(limit)))
            .map_err(|message| format!("{message}, or `never`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Config, clap::Error> {
        // What the machine's environment says about Nova is none of the test's business.
        let mut command = Config::command().mut_args(|arg| arg.env(None::<&str>));
        let arguments = std::iter::once("nova-host").chain(args.iter().copied());
        Config::of(&mut command.try_get_matches_from_mut(arguments)?)
    }

    #[test]
    fn the_command_is_well_formed() {
        Config::command().debug_assert();
    }

    #[test]
    fn the_defaults() {
        let config = parse(&["--routes", "build"]).unwrap();
        assert_eq!(config.routes, [PathBuf::from("build")]);
        assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 2518));
        assert_eq!(config.drain, Drain(Some(Duration::from_secs(600))));
        assert_eq!(config.server_options().grace, Duration::from_secs(30));
        assert!(config.log_settings().access);
        let settings = config.swap_settings(Some("/bin/nova-host".into()));
        assert_eq!(settings.preflight, Some("/bin/nova-host".into()));
        assert_eq!(settings.preflight_limit, Duration::from_secs(30));
        assert_eq!(settings.init_limit, Duration::from_secs(10));
        assert!(!settings.dev);
    }

    #[test]
    fn everything_can_be_said() {
        let config = parse(&[
            "--routes",
            "a.so",
            "--routes",
            "b.so",
            "--public",
            "files",
            "--host",
            "::1",
            "--port",
            "0",
            "--watch",
            "--admin",
            "/run/a.sock",
            "--state",
            "/var/lib/nova",
            "--drain",
            "never",
            "--grace",
            "500ms",
            "--log",
            "warn,app=debug",
            "--log-format",
            "json",
            "--no-access-log",
            "--preflight-timeout",
            "1.5",
            "--init-timeout",
            "2m",
            "--no-preflight",
        ])
        .unwrap();
        assert_eq!(config.routes, [PathBuf::from("a.so"), PathBuf::from("b.so")]);
        assert_eq!(config.grace, Duration::from_millis(500));
        assert_eq!(config.log_format, Format::Json);
        let settings = config.swap_settings(Some("/bin/nova-host".into()));
        assert_eq!(settings.preflight, None);
        assert_eq!(settings.preflight_limit, Duration::from_millis(1500));
        assert_eq!(settings.init_limit, Duration::from_secs(120));
        assert_eq!(settings.drain_limit, None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (args, expected) in [
            (&["--port", "2518"][..], "--routes <LIB>"),
            (&["--routes", "a", "--port", "70000"], "70000 is not in 0..=65535"),
            (&["--routes", "a", "--grace", "soon"], "give seconds, or a number with ms, s, m or h"),
            (&["--routes", "a", "--drain", "later"], "or `never`"),
            (&["--routes", "a", "--log", "loud"], "`loud` is no level"),
            (&["--routes", "a", "--admin", "b", "--no-admin"], "cannot be used with"),
        ] {
            let error = parse(args).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn durations() {
        for (text, milliseconds) in
            [("30", 30_000), ("0.5", 500), ("0", 0), ("2s", 2_000), ("15ms", 15), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1", "1d", "1 s", "NaN", "inf", "1e300h", "ms5"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_help() {
        let help = Config::command().mut_args(|arg| arg.hide_env_values(true)).term_width(100);
        insta::assert_snapshot!(help.clone().render_help(), @r#"
        Serves route libraries, and swaps them while it serves

        Usage: nova-host [OPTIONS] --routes <LIB>

        Options:
              --config <FILE>         A file of settings (TOML), named as the flags are, with underscores:
                                      max_body = "10m" [env: NOVA_CONFIG]
              --routes <LIB>          A release folder (`build/`) or a route library (`libnova_routes.so`);
                                      several of them form one table of routes [env: NOVA_ROUTES]
              --public <DIR>          A folder of public files [default: the `public` folder of each
                                      release] [env: NOVA_PUBLIC]
              --host <HOST>           The address or name to listen on; 0.0.0.0 for all interfaces [env:
                                      NOVA_HOST] [default: 127.0.0.1]
              --port <PORT>           The port to listen on; 0 for any that is free [env: NOVA_PORT]
                                      [default: 2518]
              --grace <SECONDS>       How long requests may run on after SIGTERM [env: NOVA_GRACE] [default:
                                      30]
              --threads <COUNT>       How many threads answer requests [default: as many as the process may
                                      use of the machine's processors, by affinity and cgroup] [env:
                                      NOVA_THREADS]
              --stop-delay <SECONDS>  After SIGTERM, go on accepting for so long while /readyz says 503; a
                                      part of --grace [env: NOVA_STOP_DELAY] [default: 0]
          -h, --help                  Print help
          -V, --version               Print version

        Swapping:
              --watch                        Swap when a file of a release changes [env: NOVA_WATCH]
              --state <DIR>                  Where releases are kept, and which of them serves and which are
                                             refused; a folder for each host [default: $STATE_DIRECTORY, as
                                             systemd sets it; without it copies of the libraries are in
                                             $XDG_RUNTIME_DIR or /tmp, and nothing outlives the host] [env:
                                             NOVA_STATE]
              --drain <SECONDS>              How long open streams of an old generation may go on after a
                                             swap; `never` ends none [env: NOVA_DRAIN] [default: 600]
              --init-timeout <SECONDS>       How long `init` of an app may take [env: NOVA_INIT_TIMEOUT]
                                             [default: 10]
              --preflight-timeout <SECONDS>  How long the check of a candidate may take, in a process of its
                                             own [env: NOVA_PREFLIGHT_TIMEOUT] [default: 30]
              --no-preflight                 Swap without checking the candidate in a process of its own
                                             [env: NOVA_NO_PREFLIGHT]

        Rollback:
              --no-rollback                Do not go back when requests fail after a swap [env:
                                           NOVA_NO_ROLLBACK]
              --rollback-window <SECONDS>  How long after a swap requests are watched: when too many of them
                                           end in a panic or a status of 500 and above, the host goes back
                                           to the release before, and refuses the build [env:
                                           NOVA_ROLLBACK_WINDOW] [default: 60]
              --rollback-failures <COUNT>  How many of them have to fail [env: NOVA_ROLLBACK_FAILURES]
                                           [default: 5]
              --rollback-share <PERCENT>   Which share of them has to fail [env: NOVA_ROLLBACK_SHARE]
                                           [default: 20%]
              --rollback-requests <COUNT>  How many there have to be [env: NOVA_ROLLBACK_REQUESTS] [default:
                                           10]

        Recycling:
              --memory-budget <SIZE>    How much memory the host may take that belongs to no file, such as
                                        500M or 2G; past that it starts anew without refusing a connection,
                                        as it does on SIGUSR2 [default: any] [env: NOVA_MEMORY_BUDGET]
              --mapping-budget <COUNT>  How many memory mappings the host may have, or `none` for any number
                                        [default: three quarters of what the kernel allows] [env:
                                        NOVA_MAPPING_BUDGET]

        Administration:
              --admin <SOCKET>  The socket for `nova swap` and `nova status` [default: host-PORT.sock in
                                $RUNTIME_DIRECTORY, or in a folder of the user's in $XDG_RUNTIME_DIR or
                                /tmp] [env: NOVA_ADMIN]
              --no-admin        Open no socket for `nova swap` and `nova status`
              --metrics <ADDR>  Count, and answer Prometheus at this address, such as 127.0.0.1:9464;
                                clients must not reach it [env: NOVA_METRICS]
              --probe [<URL>]   Ask a running host for a URL, and end with 0 if it answers 200 [default URL:
                                /healthz at --host and --port]

        Trust:
              --trust <PUBKEY>  Take only releases that this key has signed (`nova sign`): a public key's
                                file, or its 64 digits; several name keys that are trusted alike [env:
                                NOVA_TRUST]

        Logging:
              --log <LEVEL>          Which events are logged: error, warn, info, debug, trace, off, or a
                                     list such as warn,app=debug [env: NOVA_LOG] [default: info]
              --log-format <FORMAT>  How a line of the log looks: human or json [env: NOVA_LOG_FORMAT]
                                     [default: human]
              --no-access-log        Do not log requests [env: NOVA_NO_ACCESS_LOG]

        TLS:
              --tls-cert <FILE>  Speak TLS with this certificate: a PEM file with its chain, read again when
                                 it changes [env: NOVA_TLS_CERT]
              --tls-key <FILE>   The certificate's private key: a PEM file [env: NOVA_TLS_KEY]

        Limits:
              --header-timeout <SECONDS>   How long the head of a request may take, from its first byte
                                           [env: NOVA_HEADER_TIMEOUT] [default: 30]
              --idle-timeout <SECONDS>     How long a connection may rest between two requests [env:
                                           NOVA_IDLE_TIMEOUT] [default: 75]
              --handler-timeout <SECONDS>  How long a page may take until the head of its response is there,
                                           or none; then 504 [env: NOVA_HANDLER_TIMEOUT] [default: 60]
              --max-header <BYTES>         The longest head of a request; then 431 [env: NOVA_MAX_HEADER]
                                           [default: 64k]
              --max-body <BYTES>           The longest body of a request, whatever a page allows, or none;
                                           then 413 [env: NOVA_MAX_BODY] [default: 1g]
              --max-connections <COUNT>    How many connections may be open, or none; further ones wait, and
                                           resting ones make room [env: NOVA_MAX_CONNECTIONS] [default:
                                           10000]
              --max-requests <COUNT>       How many requests may wait for their page at once, or none; then
                                           503 with Retry-After [env: NOVA_MAX_REQUESTS] [default: 5000]

        Behind a proxy:
              --trusted-proxy <CIDR>  An address or a network of proxies that are believed about their
                                      clients; may be repeated [env: NOVA_TRUSTED_PROXY]
              --proxy-headers <KIND>  In which headers the trusted proxies speak: x-forwarded, forwarded or
                                      none [env: NOVA_PROXY_HEADERS] [default: x-forwarded]
              --proxy-protocol        Connections of trusted proxies begin with a header of the PROXY
                                      protocol, version 1 or 2 [env: NOVA_PROXY_PROTOCOL]

        Responses:
              --no-compression       Compress nothing [env: NOVA_NO_COMPRESSION]
              --no-security-headers  Add no headers to HTML that make browsers careful [env:
                                     NOVA_NO_SECURITY_HEADERS]
              --hsts <SECONDS>       For how long browsers that came over TLS come back over TLS alone, or
                                     none [env: NOVA_HSTS] [default: 31536000]
              --no-request-ids       Give requests no id in x-request-id [env: NOVA_NO_REQUEST_IDS]

        Swap in a new release with `nova swap PATH`; send SIGHUP to swap from the same paths, or start
        with --watch. SIGTERM stops without failing a request; a second one stops at once.
        "#);
    }
}
