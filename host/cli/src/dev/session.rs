//! The half of `nova dev` that outlives every mistake in a page: it watches the files, plans,
//! builds, and owns the terminal and the listening sockets. It never maps a library.
//!
//! [`watch`] says which paths had an event, [`snapshot`] which files are different, and [`change`]
//! what that asks for. [`session`] acts on it: the [`engine`] compiles what was saved or asked for,
//! or, for an app that cannot be split, the [`builder`] all of it; [`styles`] the stylesheet. All tell the [`server`], which is a process that the [`keeper`] keeps running.

pub(crate) mod actions;
pub(crate) mod engine_updates;
pub(crate) mod journal;
pub(crate) mod keys;
pub(crate) mod lock;
pub(crate) mod problems;
pub(crate) mod publisher;
pub(crate) mod store;
pub(crate) mod styles;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_host::generation::GenerationId;
use nova_host::library::start::StartInfo;
use nova_host::process::log::{Format, Reader, announce};
use nova_host::release::watch::WatchError;
use nova_host::server::listen::Listeners;
use nova_host::site::files::favicon_of;
use nova_host::swap::SwapSettings;
use nova_route_template::{PartialSettings, Settings};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::journal::Journal;
use self::keys::Keys;
use self::publisher::Publisher;
use crate::dev::build::builder::Builder;
use crate::dev::build::engine::Engine;
use crate::dev::child::handle::{Notice, ProcessSettings, ServerHandle};
use crate::dev::child::supervisor::ServerSupervisor;
use crate::dev::report::{Banner, Terminal, Voice};
use crate::dev::session::actions::{Next, Session};
use crate::dev::session::store::SessionStore;
use crate::dev::settings::Environment;
use crate::dev::watch::change::{Plan, plan};
use crate::dev::watch::snapshot::Snapshot;
use crate::dev::watch::watcher::Watch;
use crate::dev::wire::protocol::{Refusal, ServerJob};
use crate::dev::wire::state::DevState;

/// What whoever sits at a breakpoint is given: a day, which a clock can add to any moment.
const NO_HURRY: Duration = Duration::from_secs(60 * 60 * 24);

/// What a session needs.
pub(crate) struct Setup {
    /// The app's folder, absolute.
    pub(crate) dir: PathBuf,
    /// Where the host listens.
    pub(crate) listeners: Listeners,
    /// The settings that hold, and the flags among them.
    pub(crate) settings: Settings,
    pub(crate) flags: PartialSettings,
    /// What `.env` adds to the environment.
    pub(crate) environment: Environment,
    /// A library that serves until the first build does.
    pub(crate) library: Option<PathBuf>,
    /// No time limits: somebody may sit at a breakpoint.
    pub(crate) debugger: bool,
    /// This executable.
    pub(crate) program: PathBuf,
    /// Who listens to the terminal.
    pub(crate) voice: Voice,
    /// How lines of the log look.
    pub(crate) log_format: Format,
    /// Open the app in a browser as soon as it can be asked.
    pub(crate) open: bool,
    /// When the process was started.
    pub(crate) began: Instant,
}

/// Why a session ended, or never began.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error("{0}")]
    ServerHandle(#[from] Refusal),
    #[error("the session cannot be set up: {0}")]
    Setup(#[from] io::Error),
}

/// Follows the app's files and keeps a server that answers, until it is stopped.
pub(crate) async fn run(setup: Setup) -> Result<(), DevError> {
    let Setup { dir, listeners, settings, flags, environment, library, debugger, program, .. } =
        setup;
    let terminal = Arc::new(Terminal::new(setup.voice));
    let copies = SessionStore::new(&dir)?;
    let favicon = favicon_of(&dir.join("public")).map(str::to_owned);
    let stylesheet = Some(styles::URL.to_owned());
    let info = StartInfo { dev: true, stylesheet, favicon, ..StartInfo::default() };

    // First the watch, then the reading: what changes in between is seen.
    let mut watch = Watch::new(&dir)?;
    let mut snapshot = Snapshot::take(&dir);

    let url = listeners.url();
    let job = ServerJob {
        dir: dir.clone(),
        host: settings.host.clone(),
        // A debugger is attached to the server, not to the child that checks for it.
        program: (!debugger).then(|| program.clone()),
        store: copies.folder().to_owned(),
        last_generation: GenerationId::default(),
        poll_limit: None,
        init_limit: if debugger { NO_HURRY } else { SwapSettings::default().init_limit },
        reader: Reader::of_stderr(),
        log_format: setup.log_format,
    };
    let poll_limit = (!debugger).then_some(settings.dev.poll_limit);
    let surroundings = ProcessSettings { environment: environment.clone(), poll_limit };
    let (server, commands) = ServerHandle::new();
    let (notify, mut notices) = mpsc::unbounded_channel();
    let addresses = listeners.addresses().to_owned();
    let sockets = listeners.into_sockets();
    let mut engine = Engine::new(&dir, &program);
    engine.environment(environment.clone());
    let keeper =
        ServerSupervisor::new(program, job, surroundings, sockets, terminal.clone(), notify);
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(keeper.keep(commands, stop.clone()));
    announce(&url);
    let mut keys = Keys::take(setup.voice);
    let banner = Banner::new(&addresses, setup.began.elapsed());
    terminal.ready(&banner, keys.is_some());

    let mut builder = Builder::new(&dir, server.clone(), info.clone());
    builder.environment(environment);
    let mut session = Session {
        builder,
        engine,
        publishing: Publisher::default(),
        info: info.clone(),
        whole: false,
        beside: Vec::new(),
        dir,
        server: server.clone(),
        journal: Journal { terminal, server, banner, state: DevState::default() },
        debugger,
        flags,
        address: (settings.host, settings.port),
        renewing: None,
        revision: 0,
        inputs: BTreeSet::new(),
        warned: BTreeSet::new(),
        copies,
    };
    if setup.open {
        session.journal.open();
    }
    let mut stopped = std::pin::pin!(stop_signal());
    let ended = async {
        if let Some(library) = library {
            session.serve(&library, &info).await?;
        }
        session.act(&Plan::first(), Vec::new());
        follow(&mut session, &mut watch, &mut snapshot, &mut notices, &mut keys).await
    };
    let ended = tokio::select! {
        ended = ended => ended,
        () = &mut stopped => Ok(()),
    };

    let end = async {
        stop.cancel();
        session.builder.stop().await;
        session.engine.stop().await;
        // It has said what there was to say.
        let _ = keeping.await;
    };
    tokio::select! {
        () = end => {}
        // Whoever says it twice does not want to wait.
        () = stop_signal() => {}
    }
    ended
}

/// The loop of a session; it ends when a key says so, and when it cannot go on.
async fn follow(
    session: &mut Session,
    watch: &mut Watch,
    snapshot: &mut Snapshot,
    notices: &mut mpsc::UnboundedReceiver<Notice>,
    keys: &mut Option<Keys>,
) -> Result<(), DevError> {
    loop {
        tokio::select! {
            paths = watch.batch() => {
                let mut changes = snapshot.update(paths?);
                if session.is_building() {
                    // A build that brings it up to date is not out of date for that.
                    changes.retain(|change| change.path != Path::new("Cargo.lock"));
                }
                let plan = plan(&changes, |path| session.reads(path));
                session.act(&plan, changes);
            }
            update = session.builder.update() => session.report(update),
            update = session.engine.update() => {
                session.hear_engine(update);
                for folder in session.beside.drain(..) {
                    watch.add_beside(&folder)?;
                    snapshot.add_beside(&folder);
                }
            }
            published = session.publishing.next() => session.published(published),
            Some(notice) = notices.recv() => session.hear(notice)?,
            key = Keys::next(keys) => {
                if session.pressed(key) == Next::Stop {
                    return Ok(());
                }
            }
        }
    }
}

/// Ctrl-C, or the wish of whoever started us.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind| match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        // Without a handler the signal itself ends the process.
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
    }
}
