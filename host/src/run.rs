//! The program `nova-host`, and any program that has routes linked into it: settings, sockets,
//! signals, and how it ends.

pub mod config;
pub mod entrance;
mod ground;
mod linked;
mod signals;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use self::ground::{Ground, Reading};
pub use self::linked::Linked;
use self::signals::{Order, Signals};
use crate::edge::{Front, Metrics};
use crate::generation::preflight;
use crate::operate::admin::{AdminSocket, BindError, Budget, default_socket};
use crate::operate::handover::{Handover, PeerOrder, Program, Recycler, Successor};
use crate::operate::operator::Operator;
use crate::process;
use crate::process::log::{AccessLog, Log, announce};
use crate::process::service_manager::Service;
use crate::release::watch::ReleaseWatch;
use crate::run::config::Config;
use crate::run::config::probe::probe;
use crate::run::entrance::Entrance;
use crate::server::listen::Listeners;
use crate::server::{Handle, Server, Stopped};
use crate::site::Site;
use crate::site::files::{Assets, Caching};
use crate::swap::SwapError;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long the apps' `shutdown` may take after the last request.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// The exit code of a host whose library is refused, `EX_CONFIG` of sysexits.h: to start it again
/// is of no use.
const UNFIT: u8 = 78;

/// `nova-host`: serves route libraries, and swaps them while it serves. Its `main` does nothing
/// else.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(code) = process::child_main(&[preflight::ROLE]) {
        return code;
    }
    run_program(&Config::load().unwrap_or_else(|error| error.exit()), None)
}

/// The same for a program that has its routes linked into it, and is told no `--routes`.
#[must_use]
pub fn main_linked(linked: Linked) -> ExitCode {
    run_program(&Config::load_linked(linked.app).unwrap_or_else(|error| error.exit()), Some(linked))
}

fn run_program(config: &Config, linked: Option<Linked>) -> ExitCode {
    let scheme = if config.edge.tls.tls_cert.is_some() { "https" } else { "http" };
    if let Some(url) = config.probe.url(&config.host, config.port, scheme) {
        return match probe(&url) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("nova-host: {error}");
                ExitCode::FAILURE
            }
        };
    }
    match start(config, linked) {
        Ok(Ended::Stopped) => ExitCode::SUCCESS,
        Ok(Ended::Renewed(program, stand_in)) => {
            // Comes back only if it fails; then the stand-in ends with us, as it should.
            eprintln!("nova-host: the host cannot be renewed: {}", program.recycle(stand_in));
            ExitCode::FAILURE
        }
        // As a shell reports a process that a signal has ended.
        Ok(Ended::Forced(signal)) => ExitCode::from(128 + signal),
        Err(error) => {
            eprintln!("nova-host: {error}");
            match error.downcast_ref::<SwapError>() {
                Some(error) if error.is_lasting() => ExitCode::from(UNFIT),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// How a run ended that began well.
enum Ended {
    Stopped,
    /// By the signal of this number, before its time.
    Forced(u8),
    /// To go on as this program, with what the stand-in behind the socket has.
    Renewed(Program, OwnedFd),
}

fn start(config: &Config, linked: Option<Linked>) -> Result<Ended, Error> {
    let log = Log::start(config.log_settings())?;
    allow_descriptors();
    let releases: Vec<PathBuf> =
        config.routes.iter().map(std::path::absolute).collect::<Result<_, _>>()?;
    // What another process left says what to read; what is watched is read behind the watch.
    let alone = linked.is_none() && !Handover::is_there();
    let ground = alone.then(|| Ground::prepare(config, false, false)).transpose()?;
    let reading = ground.as_ref().filter(|_| !config.watch).map(|ground| ground.read(&releases));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = config.edge.run.threads {
        builder.worker_threads(usize::from(threads));
    }
    let runtime = builder.enable_all().build()?;
    let began = Began { releases, ground, reading };
    let ended = runtime.block_on(run(config, linked, began, log.access()));
    // A handler that blocks for ever must not hold the process.
    runtime.shutdown_background();
    ended
}

/// What was begun before there was a runtime.
struct Began {
    releases: Vec<PathBuf>,
    ground: Option<Ground>,
    reading: Option<Reading>,
}

async fn run(
    config: &Config,
    linked: Option<Linked>,
    began: Began,
    access: AccessLog,
) -> Result<Ended, Error> {
    let Began { releases, ground, reading } = began;
    let mut signals = Signals::new()?;
    let mut inherited = Handover::receive()
        .map_err(|error| format!("nothing is left by the process before: {error}"))?;
    let is_stand_in = inherited.as_ref().is_some_and(|left| left.successor == Successor::StandIn);
    let service = if is_stand_in { Service::none() } else { Service::of_this_process() };
    let public = config.public.as_ref().map(std::path::absolute).transpose()?;
    // First of all: that a port is taken is known before any code of an app has run.
    let entrance = Entrance::open(config, inherited.is_some())?;
    let listeners = match &mut inherited {
        Some(left) => Listeners::from_sockets(std::mem::take(&mut left.sockets))?,
        None => match Listeners::of_the_service()? {
            Some(listeners) => listeners,
            None => Listeners::bind(&config.host, config.port)?,
        },
    };
    let (url, port) = (entrance.url(listeners.url()), listeners.port());
    let sockets = listeners.into_sockets();
    let handles = sockets.iter().map(TcpListener::try_clone).collect::<Result<_, _>>()?;
    let server = Server::new(sockets, entrance.server_options(config)?)?;
    let handle = server.handle();

    let ground = match ground {
        Some(ground) => ground,
        None => Ground::prepare(config, linked.is_some(), is_stand_in)?,
    };
    let switch = Arc::clone(&ground.switch);
    let assets = Arc::new(Assets::new(Vec::new(), Caching::Hour));
    let site = Arc::new(Site::new(switch, assets));
    let operator = Operator::new(Arc::clone(&site), handle.clone(), url.clone(), public);
    let budget = match linked {
        // It keeps nothing that could be given back.
        Some(_) => Budget::default(),
        None => config.recycling.budget(),
    };
    // Counted where somebody can ask.
    let counts = config.edge.metrics.metrics.is_some() || !config.no_admin;
    let metrics = counts.then(Arc::<Metrics>::default);
    let operator = operator.watching(config.rollback.limits()).within(budget);
    let operator = Arc::new(operator.counting(metrics.clone()));

    let unpacked = linked.map(|linked| linked.unpack()).transpose()?.flatten();
    // Before the releases are read, so that no change is missed.
    let watch =
        (config.watch && linked.is_none()).then(|| ReleaseWatch::new(&releases)).transpose()?;
    let start = async {
        match (&inherited, linked) {
            (Some(left), _) => operator.take_over(left.state.clone()).await,
            (None, None) => {
                let reading = reading.unwrap_or_else(|| ground.read(&releases));
                operator.start_read(reading.await.map_err(|_| SwapError::NothingServes)??).await
            }
            (None, Some(linked)) => {
                let folder = unpacked.as_ref().map(TempDir::path);
                operator.start_read(vec![linked.release(&site.switch, folder)?]).await
            }
        }
    };
    let started = tokio::select! {
        started = start => started,
        signal = signals.stop() => return Ok(Ended::Forced(signal)),
    };
    if let Err(error) = started {
        return match inherited.filter(|left| left.successor == Successor::Recycled) {
            Some(left) => {
                tracing::error!("the renewed host does not start: {error}");
                keep_stand_in(left, &mut signals).await
            }
            None => Err(error.into()),
        };
    }
    if ground.owns_store {
        operator.sweep().await;
    }
    let guard = Arc::clone(&operator);
    tokio::spawn(async move { guard.guard().await });
    if let Some(watch) = watch {
        let follower = Arc::clone(&operator);
        tokio::spawn(async move { follower.follow_releases(watch).await });
        let follower = Arc::clone(&operator);
        tokio::spawn(async move { follower.follow_files().await });
    }
    let bound = inherited.as_mut().and_then(|left| left.admin.take());
    let admin = admin_socket(config, port, bound)?.map(|socket| socket.serve(operator.clone()));
    let recycler = Recycler::new(operator.clone(), budget, handles, admin);

    // One for all connections and for as long as the process lives, so nothing counts its users.
    let certificate = entrance.certificate();
    let front = entrance.front(config, Arc::clone(&site), access, handle.clone(), metrics)?;
    let front: &'static Front = Box::leak(Box::new(front));
    let served = server.run(|request, peer| front.answer(request, peer));
    match inherited {
        None => announce(&url),
        Some(left) => {
            let (successor, pid) = (left.successor, left.state.pid);
            let before = left.serving()?;
            match successor {
                Successor::StandIn => signals.first = Some(before),
                Successor::Recycled => drop(tokio::spawn(before.ended(pid))),
            }
        }
    }
    service.ready();
    let stopped = {
        let (mut served, mut recycled) = (std::pin::pin!(served), false);
        let mut recycling = std::pin::pin!(recycler.work());
        loop {
            tokio::select! {
                stopped = &mut served => break stopped,
                () = &mut recycling, if !recycled => recycled = true,
                order = signals.next() => match order {
                    Order::Stop(signal) if site.is_stopping() => {
                        recycler.order(PeerOrder::Abort).await;
                        return Ok(Ended::Forced(signal));
                    }
                    Order::Stop(_) => {
                        service.stopping();
                        recycler.order(PeerOrder::Stop).await;
                        stop(&site, &handle, config.edge.run.stop_delay);
                    }
                    Order::Abort => return Ok(Ended::Forced(9)),
                    Order::Reload if recycler.has_stand_in().await => {
                        recycler.order(PeerOrder::Reload).await;
                    }
                    Order::Reload => {
                        if let Some(certificate) = certificate.clone() {
                            tokio::task::spawn_blocking(move || certificate.reload());
                        }
                        let (operator, releases) = (Arc::clone(&operator), releases.clone());
                        let service = service.clone();
                        tokio::spawn(async move {
                            service.reloading();
                            operator.reload(&releases).await;
                            service.ready();
                        });
                    }
                    Order::Recycle if is_stand_in => {}
                    Order::Recycle if linked.is_some() => {
                        tracing::info!("nothing to recycle: the routes are part of this program");
                    }
                    Order::Recycle => recycler.want(),
                    Order::TakeBack => signals.give_back(&recycler).await,
                },
            }
        }
    };
    let ended = async {
        shut_down(&site, stopped).await;
        if !site.is_stopping() {
            return recycler.take_back().await;
        }
        recycler.stand_in_ended().await;
        Ok(None)
    };
    tokio::select! {
        ended = ended => Ok(match ended? {
            Some((program, stand_in)) => Ended::Renewed(program, stand_in),
            None => Ended::Stopped,
        }),
        signal = signals.stop() => {
            recycler.order(PeerOrder::Stop).await;
            Ok(Ended::Forced(signal))
        }
    }
}

/// What is left of a renewed host that does not start: the process whose id everybody knows, which
/// passes on what it is told to the stand-in, and ends with it.
async fn keep_stand_in(left: Handover, signals: &mut Signals) -> Result<Ended, Error> {
    tracing::warn!("process {} goes on; SIGUSR2 tries again", left.state.pid);
    let mut stand_in = left.failed()?;
    let mut stopping = false;
    loop {
        tokio::select! {
            // It says nothing: this is its end.
            _ = stand_in.order() => return Ok(Ended::Stopped),
            order = signals.next() => match order {
                Order::Stop(signal) if stopping => {
                    stand_in.give(PeerOrder::Abort).await;
                    return Ok(Ended::Forced(signal));
                }
                Order::Stop(_) => {
                    stopping = true;
                    stand_in.give(PeerOrder::Stop).await;
                }
                Order::Recycle if !stopping => {
                    stand_in.give(PeerOrder::TakeBack).await;
                    return Ok(Ended::Renewed(Program::current()?, stand_in.into_socket()?));
                }
                Order::Reload => stand_in.give(PeerOrder::Reload).await,
                Order::Recycle | Order::Abort | Order::TakeBack => {}
            },
        }
    }
}

/// Lets the process have as many connections and files as it may: many systems begin with 1,024.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::debug!("the limit of open files stays at {:?}: {error}", limit.current);
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
fn admin_socket(
    config: &Config,
    port: u16,
    bound: Option<UnixListener>,
) -> Result<Option<AdminSocket>, BindError> {
    if let Some(bound) = bound {
        let path = config.admin.clone().unwrap_or_else(|| default_socket(port));
        return AdminSocket::inherit(bound, &path).map(Some);
    }
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
