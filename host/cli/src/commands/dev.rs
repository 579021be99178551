//! `nova dev`: the development server.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, bail};
use nova_host::process::log::{Log, LogFilter, LogSettings};
use nova_host::server::listen::{ListenError, Listeners};
use nova_route_template::{PartialSettings, Settings};

use super::{Outcome, app_folder};
use crate::dev::report::Voice;
use crate::dev::session::lock::AppLock;
use crate::dev::session::{self, Setup};
use crate::dev::settings;

/// How many ports are tried after the usual one.
const TRIES: u16 = 100;

/// Serve an app, and update it in the browser at every save
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder
    #[arg(default_value = app_folder::HERE, value_parser = app_folder::parser())]
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
    /// Lift every time limit, for a debugger that is attached to the server's process
    #[arg(long)]
    debugger: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    let dir = args
        .dir
        .canonicalize()
        .with_context(|| format!("no such folder: {}", args.dir.display()))?;
    if !dir.join("Cargo.toml").is_file() {
        bail!(
            "there is no app in {}: it has no Cargo.toml; make one with `nova new PATH`, or name \
             the app's folder: nova dev PATH",
            dir.display()
        );
    }
    // Before anything else: a port that moved on because of ourselves would mislead.
    let mut lock = AppLock::take(&dir)?;
    let flags =
        PartialSettings { host: args.host.clone(), port: args.port, ..PartialSettings::default() };
    let (settings, environment) = settings::read(&dir, flags.clone())?;
    // Whoever names a port means it; the usual one gives way.
    let named = args.port.is_some()
        || settings::variable(&environment, "NOVA_PORT").is_some()
        || settings.port != usual();
    let listeners = bind(&settings.host, settings.port, !named)?;
    lock.announce(&listeners.url())?;
    // The server's log follows the same variable.
    let filter = match settings::variable(&environment, "NOVA_LOG") {
        Some(filter) => filter.to_string_lossy().parse().context("NOVA_LOG is not right")?,
        None => LogFilter::for_development(),
    };
    let log_format = args.log_format.parse().map_err(anyhow::Error::msg)?;
    let log = Log::start(LogSettings { filter, format: log_format, access: false })?;
    let setup = Setup {
        dir,
        listeners,
        settings,
        flags,
        environment,
        library: args.routes.clone(),
        debugger: args.debugger,
        program: std::env::current_exe().context("cannot find this program again")?,
        voice: match (args.log_format.as_str(), args.quiet) {
            ("json", _) => Voice::Json,
            (_, true) => Voice::Quiet,
            (_, false) => Voice::Full,
        },
        log_format,
        open: args.open,
        began,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads of the supervisor")?;
    let ended = runtime.block_on(session::run(setup));
    // A build that was told to stop may take its time.
    runtime.shutdown_background();
    log.flush();
    drop(lock);
    ended?;
    Ok(Outcome::Done)
}

/// The port of an app that says nothing about it.
fn usual() -> u16 {
    Settings::default().port
}

/// Listens on `port`, or where it `may_move` on the first free one from there.
fn bind(host: &str, port: u16, may_move: bool) -> Result<Listeners, ListenError> {
    let last = if may_move { port.saturating_add(TRIES) } else { port };
    for tried in port..last {
        match Listeners::bind(host, tried) {
            Err(ListenError::InUse { .. }) => {}
            Ok(listeners) => {
                if tried != port {
                    anstream::eprintln!("port {port} is in use, so this is {tried}");
                }
                return Ok(listeners);
            }
            Err(error) => return Err(error),
        }
    }
    Listeners::bind(host, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_moves_on_unless_it_was_named() {
        let taken = Listeners::bind("127.0.0.1", 0).expect("a free port");
        let port = taken.port();
        let error = bind("127.0.0.1", port, false).expect_err("the port is taken");
        assert!(error.to_string().contains("the port is in use"), "{error}");
        let moved = bind("127.0.0.1", port, true).expect("another port");
        assert_ne!(moved.port(), port);
    }
}
