//! A host that serves, until it is told to stop or a stand-in has taken its place.

use std::ops::ControlFlow;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::bound::Bound;
use super::config::Config;
use super::lifecycle::Lifecycle;
use super::signals::ProcessSignals;
use super::started::Started;
use super::{Error, Exit};
use crate::edge::metrics::Sources;
use crate::edge::{Edge, Metrics};
use crate::operate::admin::{AdminSocket, BindError, default_socket};
use crate::operate::operator::Operator;
use crate::operate::succession::{Recycler, Succession, Successor, answer_passed_on};
use crate::process::log::{AccessLog, announce};
use crate::release::watch::ReleaseWatch;
use crate::server::{Handle, Server, Service};
use crate::site::Site;
use crate::supervise::WorkerAnswers;

/// See the [module](self).
pub(super) struct Serving {
    pub(super) signals: ProcessSignals,
    pub(super) server: Server,
    pub(super) edge: &'static Edge,
    pub(super) lifecycle: Lifecycle,
    /// When a worker may accept connections.
    pub(super) opening: Option<Arc<Notify>>,
}

impl Serving {
    /// Opens the way in for requests and for `nova`, and says so to all who wait for it.
    pub(super) async fn open(started: Started<'_>, access: AccessLog) -> Result<Self, Error> {
        let Started { bound, site, operator, budget, metrics, watch, reports, unpacked } = started;
        let Bound { config, mut signals, mut succession, worker, service_manager, server, .. } =
            bound;
        spawn_followers(&operator, watch, config.watch);
        let inherited = succession.as_mut().and_then(|left| left.admin.take());
        let admin = match &worker {
            Some(_) => None,
            None => admin_socket(config, &bound.name, inherited)?,
        };
        let admin = admin.map(|socket| socket.serve(Arc::clone(&operator)));
        let recycler = Recycler::new(Arc::clone(&operator), budget, server.sockets(), admin);

        let (certificate, handle) = (bound.edge.certificate(), server.handle());
        let counted = metrics.clone();
        let edge = bound.edge.build(config, Arc::clone(&site), access, handle.clone(), metrics)?;
        // One for all connections and for as long as the process lives, so nothing counts its users.
        let edge: &'static Edge = Box::leak(Box::new(edge));
        let is_stand_in =
            succession.as_ref().is_some_and(|left| left.successor == Successor::StandIn);
        let is_worker = worker.is_some();
        let (mut opening, left) = (None, CancellationToken::new());
        match (worker, succession) {
            (Some(worker), _) => {
                worker.serving(reports, &site.switch.table()).await;
                let metrics = rendered(counted, Arc::clone(&site), handle.clone());
                let opened = Arc::<Notify>::default();
                opening = Some(Arc::clone(&opened));
                let (operator, site) = (Arc::clone(&operator), Arc::clone(&site));
                let left = left.clone();
                let answers = WorkerAnswers { operator, site, metrics, opened, left };
                tokio::spawn(worker.follow(answers));
            }
            (None, None) => announce(&bound.url),
            (None, Some(mut left)) => {
                if let Some(forward) = left.forward.take() {
                    answer_passed_on(forward, &site);
                }
                listen_to(left, &mut signals)?;
            }
        }
        service_manager.ready();
        let relief = server.relief(service(edge));
        bound.workers.on_relief(move |more| relief.serve_on(more));
        let lifecycle = Lifecycle {
            site,
            server: handle,
            operator,
            recycler,
            service_manager,
            certificate,
            // Those of a worker are swapped by its supervisor.
            releases: if is_worker { Vec::new() } else { bound.releases },
            stop_delay: config.edge.run.stop_delay,
            stream_grace: config.hold.stream_grace,
            socket_file: bound.socket_file,
            is_stand_in,
            is_linked: bound.linked.is_some(),
            is_worker,
            left,
            _state: bound.state,
            _unpacked: unpacked,
        };
        Ok(Self { signals, server, edge, lifecycle, opening })
    }

    /// Answers requests and does what signals ask for.
    pub(super) async fn until_stopped(self) -> Result<Exit, Error> {
        let Self { mut signals, server, edge, lifecycle, opening } = self;
        if let Some(opened) = opening {
            let stopped = tokio::select! {
                () = opened.notified() => ControlFlow::Continue(()),
                exit = lifecycle.stopped_unopened(&mut signals) => ControlFlow::Break(exit),
            };
            match stopped {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(Some(exit)) => return Ok(exit),
                ControlFlow::Break(None) => {
                    drop(server);
                    return lifecycle.end(None, &mut signals).await;
                }
            }
        }
        let stopped = {
            let served = server.run(service(edge));
            let mut served = std::pin::pin!(served);
            let mut recycling = std::pin::pin!(lifecycle.recycler.work());
            let mut is_recycled = false;
            loop {
                tokio::select! {
                    stopped = &mut served => break stopped,
                    () = &mut recycling, if !is_recycled => is_recycled = true,
                    action = signals.next() => {
                        if let Some(exit) = lifecycle.act(action, &mut signals).await {
                            return Ok(exit);
                        }
                    }
                }
            }
        };
        lifecycle.end(Some(stopped), &mut signals).await
    }
}

fn service(edge: &'static Edge) -> impl Service + Sync {
    // Boxed, because each connection has room for the future of one request, and most rest.
    move |request, peer| Box::pin(edge.handle(request, peer))
}

/// What `metrics` has counted, as text.
fn rendered(
    metrics: Option<Arc<Metrics>>,
    site: Arc<Site>,
    server: Handle,
) -> impl Fn() -> String + Send + Sync + 'static {
    let began = SystemTime::now();
    move || {
        let sources = Sources { site: &site, server: &server, began };
        metrics.as_ref().map(|metrics| metrics.render(&sources)).unwrap_or_default()
    }
}

fn spawn_followers(operator: &Arc<Operator>, watch: Option<ReleaseWatch>, files: bool) {
    let guard = Arc::clone(operator);
    tokio::spawn(async move { guard.guard().await });
    if let Some(watch) = watch {
        let follower = Arc::clone(operator);
        tokio::spawn(async move { follower.follow_releases(watch).await });
    }
    if files {
        let follower = Arc::clone(operator);
        tokio::spawn(async move { follower.follow_files().await });
    }
}

/// Does from now on what the process before says, or waits for its end.
fn listen_to(mut left: Succession, signals: &mut ProcessSignals) -> Result<(), Error> {
    let pid = left.state.pid;
    match left.successor {
        Successor::StandIn => signals.first = Some(left.take_peer()?),
        Successor::Recycled => drop(tokio::spawn(left.take_peer()?.ended(pid))),
        // It has a conversation of its own.
        Successor::Worker => {}
    }
    Ok(())
}

/// The socket that the settings name has to be there; the default one may be missing.
pub(super) fn admin_socket(
    config: &Config,
    name: &str,
    inherited: Option<UnixListener>,
) -> Result<Option<AdminSocket>, BindError> {
    if let Some(inherited) = inherited {
        let path = config.admin.clone().unwrap_or_else(|| default_socket(name));
        return AdminSocket::inherit(inherited, &path).map(Some);
    }
    match &config.admin {
        _ if config.no_admin => Ok(None),
        Some(path) => AdminSocket::bind(path).map(Some),
        None => match AdminSocket::bind_in_own_folder(&default_socket(name)) {
            Ok(socket) => Ok(Some(socket)),
            Err(error) => {
                tracing::warn!("`nova swap` and `nova status` cannot reach this host: {error}");
                Ok(None)
            }
        },
    }
}
