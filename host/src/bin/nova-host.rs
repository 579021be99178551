//! The production host: serves route libraries, and swaps them while it serves.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use nova_host::admin::{AdminSocket, BindError, default_socket};
use nova_host::assets::{Assets, Caching};
use nova_host::config::Config;
use nova_host::config::probe::probe;
use nova_host::front::{Entrance, Front};
use nova_host::listen::Listeners;
use nova_host::log::{AccessLog, Log, announce};
use nova_host::operator::Operator;
use nova_host::server::{Handle, Server, Stopped};
use nova_host::site::Site;
use nova_host::swap::Switch;
use nova_host::watch::ReleaseWatch;
use tokio::signal::unix::{Signal, SignalKind, signal};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long the apps' `shutdown` may take after the last request.
const SHUTDOWN: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    if let Some(code) = nova_host::process::child_main() {
        return code;
    }
    let config = Config::load().unwrap_or_else(|error| error.exit());
    if let Some(url) = config.probe.url(&config.host, config.port) {
        return match probe(&url) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("nova-host: {error}");
                ExitCode::FAILURE
            }
        };
    }
    match start(&config) {
        Ok(Ended::Stopped) => ExitCode::SUCCESS,
        // As a shell reports a process that a signal has ended.
        Ok(Ended::Forced(signal)) => ExitCode::from(128 + signal),
        Err(error) => {
            eprintln!("nova-host: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How a run ended that began well.
enum Ended {
    Stopped,
    /// By the signal of this number, before its time.
    Forced(u8),
}

fn start(config: &Config) -> Result<Ended, Error> {
    let log = Log::start(config.log_settings())?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = config.edge.run.threads {
        builder.worker_threads(usize::from(threads));
    }
    let runtime = builder.enable_all().build()?;
    let ended = runtime.block_on(run(config, log.access()));
    // A handler that blocks for ever must not hold the process.
    runtime.shutdown_background();
    ended
}

async fn run(config: &Config, access: AccessLog) -> Result<Ended, Error> {
    let mut signals = Signals::new()?;
    let releases: Vec<PathBuf> =
        config.routes.iter().map(std::path::absolute).collect::<Result<_, _>>()?;
    let public = config.public.as_ref().map(std::path::absolute).transpose()?;
    // First of all: that a port is taken is known before any code of an app has run.
    let entrance = Entrance::open(config)?;
    let listeners = Listeners::bind(&config.host, config.port)?;
    let (url, port) = (entrance.url(listeners.url()), listeners.port());
    let server = Server::new(listeners.into_sockets(), entrance.server_options(config)?)?;
    let handle = server.handle();

    let store = config.store()?;
    let settings = config.swap_settings(std::env::current_exe().ok());
    let switch = Arc::new(Switch::new(settings, store));
    let assets = Arc::new(Assets::new(Vec::new(), Caching::Hour));
    let site = Arc::new(Site::new(switch, assets));
    let operator = Arc::new(Operator::new(Arc::clone(&site), handle.clone(), url.clone(), public));

    // Before the releases are read, so that no change is missed.
    let watch = config.watch.then(|| ReleaseWatch::new(&releases)).transpose()?;
    tokio::select! {
        started = operator.start(&releases) => started?,
        signal = signals.stop() => return Ok(Ended::Forced(signal)),
    }
    if let Some(watch) = watch {
        let follower = Arc::clone(&operator);
        tokio::spawn(async move { follower.follow_releases(watch).await });
        let follower = Arc::clone(&operator);
        tokio::spawn(async move { follower.follow_files().await });
    }
    let _admin = admin_socket(config, port)?.map(|socket| socket.serve(Arc::clone(&operator)));

    // One for all connections and for as long as the process lives, so nothing counts its users.
    let certificate = entrance.certificate();
    let front = entrance.front(config, Arc::clone(&site), access, handle.clone())?;
    let front: &'static Front = Box::leak(Box::new(front));
    let served = server.run(|request, peer| front.answer(request, peer));
    announce(&url);
    let stopped = {
        let mut served = std::pin::pin!(served);
        loop {
            tokio::select! {
                stopped = &mut served => break stopped,
                order = signals.next() => match order {
                    Order::Stop(signal) if site.is_stopping() => return Ok(Ended::Forced(signal)),
                    Order::Stop(_) => stop(&site, &handle, config.edge.run.stop_delay),
                    Order::Reload => {
                        if let Some(certificate) = certificate.clone() {
                            tokio::task::spawn_blocking(move || certificate.reload());
                        }
                        let (operator, releases) = (Arc::clone(&operator), releases.clone());
                        tokio::spawn(async move { operator.reload(&releases).await });
                    }
                },
            }
        }
    };
    tokio::select! {
        () = shut_down(&site, stopped) => Ok(Ended::Stopped),
        signal = signals.stop() => Ok(Ended::Forced(signal)),
    }
}

/// Says that no request is wanted any more, gives those who balance loads the time to hear it,
/// and closes.
fn stop(site: &Site, server: &Handle, delay: Duration) {
    site.stopping();
    let server = server.clone();
    let close = move || {
        server.stop();
        tracing::info!("stopping: requests that are under way finish");
    };
    if delay.is_zero() {
        return close();
    }
    tracing::info!("stopping in {delay:?}: until then requests are answered, and /readyz says 503");
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        close();
    });
}

async fn shut_down(site: &Site, stopped: Stopped) {
    if stopped.cut > 0 {
        tracing::warn!("{} connections were cut at the deadline", stopped.cut);
    }
    if tokio::time::timeout(SHUTDOWN, site.switch.stop(SHUTDOWN)).await.is_err() {
        tracing::warn!("`shutdown` of an app did not finish within {SHUTDOWN:?}");
    }
    tracing::info!("stopped");
}

/// The socket that was named has to be there; the one that nobody named may be missing.
fn admin_socket(config: &Config, port: u16) -> Result<Option<AdminSocket>, BindError> {
    match &config.admin {
        _ if config.no_admin => Ok(None),
        Some(path) => AdminSocket::bind(path).map(Some),
        None => match AdminSocket::bind_in_own_folder(&default_socket(port)) {
            Ok(socket) => Ok(Some(socket)),
            Err(error) => {
                tracing::warn!("`nova swap` and `nova status` cannot reach this host: {error}");
                Ok(None)
            }
        },
    }
}

/// What the system tells us to do.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::Stop(15),
            _ = self.interrupt.recv() => Order::Stop(2),
            _ = self.hang_up.recv() => Order::Reload,
        }
    }

    /// The number of the next signal to stop; there is nothing to reload yet, or any more.
    async fn stop(&mut self) -> u8 {
        loop {
            if let Order::Stop(signal) = self.next().await {
                return signal;
            }
        }
    }
}

/// What a signal means.
enum Order {
    Stop(u8),
    /// Swap from the same paths.
    Reload,
}
