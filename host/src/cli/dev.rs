//! `nova dev`: the development server.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr as _;
use std::time::Instant;

use anyhow::{Context as _, bail};
use nova_route_template::{PartialSettings, Settings};

use super::Outcome;
use crate::dev::supervisor::report::Voice;
use crate::dev::supervisor::settings;
use crate::dev::{self, Ended, Setup};
use crate::listen::{ListenError, Listeners};
use crate::log::{Log, LogFilter, LogSettings};

/// How many ports are tried after the usual one.
const TRIES: u16 = 100;

/// Serve an app, and update it in the browser at every save
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The address or name to listen on [default: 127.0.0.1] [env: NOVA_HOST]
    #[arg(long)]
    host: Option<String>,
    /// The port to listen on [default: 2518, or the next one that is free] [env: NOVA_PORT]
    #[arg(long)]
    port: Option<u16>,
    /// Serve this library until the first build is ready
    #[arg(long, value_name = "LIB")]
    routes: Option<PathBuf>,
    /// Open the app in a browser
    #[arg(long)]
    open: bool,
    /// Say nothing but what is wrong
    #[arg(long, short)]
    quiet: bool,
    /// How the terminal is written to: for people, or one JSON object on each line
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = ["human", "json"])]
    log_format: String,
    /// Where a process that started itself anew was found before
    #[arg(long, hide = true)]
    first_port: Option<u16>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    let dir = args
        .dir
        .canonicalize()
        .with_context(|| format!("there is no folder {}", args.dir.display()))?;
    if !dir.join("Cargo.toml").is_file() {
        bail!(
            "there is no app in {}: it has no Cargo.toml; make one with `nova new PATH`, or name \
             the app's folder: nova dev PATH",
            dir.display()
        );
    }
    // Before the first thread starts: the environment belongs to the whole process.
    let variables = load_environment(&dir)?;
    let flags =
        PartialSettings { host: args.host.clone(), port: args.port, ..PartialSettings::default() };
    let Settings { host, port, .. } = Settings::load(&dir, |name| std::env::var_os(name), flags)?;
    // Whoever names a port means it; the usual one gives way.
    let named = args.port.is_some() || std::env::var_os("NOVA_PORT").is_some() || port != usual();
    let first = args.first_port.unwrap_or(port);
    // Any port was asked for, and found before.
    let port = if port == 0 { first } else { port };
    let listeners = bind(&host, port, (!named).then_some(first))?;
    let port = listeners.port();
    let setup = Setup {
        dir,
        listeners,
        host,
        library: args.routes.clone(),
        program: std::env::current_exe().context("cannot find this program again")?,
        voice: match (args.log_format.as_str(), args.quiet) {
            ("json", _) => Voice::Json,
            (_, true) => Voice::Quiet,
            (_, false) => Voice::Full,
        },
        // A process that started itself anew has its pages open.
        open: args.open && args.first_port.is_none(),
        began,
    };
    let program = setup.program.clone();
    // What pages log is the developer's to see; requests are not.
    let filter = match std::env::var("NOVA_LOG") {
        Ok(filter) => filter.parse().context("NOVA_LOG is not right")?,
        Err(_) => LogFilter::from_str("warn,app=info").expect("the filter is one"),
    };
    let format = args.log_format.parse().map_err(anyhow::Error::msg)?;
    let log = Log::start(LogSettings { filter, format, access: false })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads of the server")?;
    let ended = runtime.block_on(dev::run(setup));
    // A library may have left something running that never ends.
    runtime.shutdown_background();
    log.flush();
    match ended? {
        Ended::Stopped => Ok(Outcome::Done),
        Ended::Restart => restart(&program, args, port, &variables),
    }
}

/// The port of an app that says nothing about it.
fn usual() -> u16 {
    Settings::default().port
}

/// Listens on `port`; where it may move on, on `first`, or else on the first free one from `port`.
fn bind(host: &str, port: u16, first: Option<u16>) -> Result<Listeners, ListenError> {
    let Some(first) = first else { return Listeners::bind(host, port) };
    let mut ports = std::iter::once(first).chain(port..=port.saturating_add(TRIES)).peekable();
    loop {
        let tried = ports.next().unwrap_or(port);
        match Listeners::bind(host, tried) {
            Err(ListenError::InUse { .. }) if ports.peek().is_some() => {}
            Ok(listeners) => {
                if tried != port {
                    anstream::eprintln!("port {port} is in use, so this is {tried}");
                }
                return Ok(listeners);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Sets what `.env` says and the environment does not, and gives back the names that were set.
fn load_environment(dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = settings::variables(dir)?;
    names.retain(|name| std::env::var_os(name).is_none());
    if !names.is_empty() {
        dotenvy::from_path(dir.join(settings::ENVIRONMENT)).context("cannot read .env again")?;
    }
    Ok(names)
}

/// Becomes a fresh process with the same arguments, which reads `.env` and `nova.toml` anew.
fn restart(
    program: &Path,
    args: &Args,
    port: u16,
    variables: &[String],
) -> anyhow::Result<Outcome> {
    let mut command = Command::new(program);
    command.arg("dev").arg(&args.dir);
    if let Some(host) = &args.host {
        command.arg("--host").arg(host);
    }
    if let Some(port) = args.port {
        command.arg("--port").arg(port.to_string());
    }
    for (flag, given) in [("--open", args.open), ("--quiet", args.quiet)] {
        if given {
            command.arg(flag);
        }
    }
    command.arg("--log-format").arg(&args.log_format);
    // Open pages know the port.
    command.arg("--first-port").arg(port.to_string());
    for variable in variables {
        command.env_remove(variable);
    }
    Err(command.exec()).context("cannot start again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_moves_on_unless_it_was_named() {
        let taken = Listeners::bind("127.0.0.1", 0).expect("a free port");
        let port = taken.port();
        let error = bind("127.0.0.1", port, None).expect_err("the port is taken");
        assert!(error.to_string().contains("the port is in use"), "{error}");
        let moved = bind("127.0.0.1", port, Some(port)).expect("another port");
        assert_ne!(moved.port(), port);
    }
}
