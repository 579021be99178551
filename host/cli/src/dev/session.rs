//! The half of `nova dev` that outlives every mistake in a page: it watches the files, builds, and
//! owns the terminal and the listening sockets. It never maps a library.
//!
//! One [loop](main_loop) holds the pieces together. A [`SourceWatcher`] says which files are
//! different. The [`Engine`] compiles what was saved or asked for, part by part, and the
//! [`Publisher`] brings it to the server; an app that has no parts is a [`WholeApp`] for the
//! builder; [`styles`] makes the stylesheet. The server is a process that the [`ServerSupervisor`]
//! keeps running, with the [`ServerSettings`] of now. What happens, the [`Journal`] tells to the
//! terminal, the dev page and the overlay.

pub(crate) mod journal;
pub(crate) mod keys;
pub(crate) mod lock;
pub(crate) mod main_loop;
pub(crate) mod problems;
pub(crate) mod publisher;
pub(crate) mod server_settings;
pub(crate) mod store;
pub(crate) mod styles;
pub(crate) mod whole_app;

use std::io;
use std::path::PathBuf;
use std::pin::pin;
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
use self::main_loop::Session;
use self::publisher::Publisher;
use self::server_settings::ServerSettings;
use self::store::SessionStore;
use self::styles::StyleInputs;
use self::whole_app::WholeApp;
use crate::dev::build::builder::Builder;
use crate::dev::build::engine::Engine;
use crate::dev::child::handle::ServerHandle;
use crate::dev::child::starter::Starter;
use crate::dev::child::supervisor::ServerSupervisor;
use crate::dev::report::{Banner, Terminal, Voice};
use crate::dev::settings::Environment;
use crate::dev::watch::file_system::without_events;
use crate::dev::watch::sources::SourceWatcher;
use crate::dev::wire::protocol::{Refusal, ServerJob};

/// How long someone at a breakpoint is given: a day, which a clock can add to any moment.
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
    /// No time limits: someone may sit at a breakpoint.
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
    let terminal = Arc::new(Terminal::new(setup.voice));
    let store = SessionStore::new(&setup.dir)?;
    let sources = SourceWatcher::new(&setup.dir, setup.settings.dev.poll)?;
    let job = server_job(&setup, &store);
    let settings = ServerSettings::new(&setup.settings, setup.flags, setup.debugger);
    let process = settings.process(&setup.settings, setup.environment.clone());
    let (url, addresses) = (setup.listeners.url(), setup.listeners.addresses().to_owned());
    let sockets = setup.listeners.into_sockets();
    let (server, commands) = ServerHandle::new();
    let (notify, notices) = mpsc::unbounded_channel();
    let (program, log) = (setup.program.clone(), terminal.clone());
    let starter = Starter { program, job, settings: process, sockets, terminal: log };
    let supervisor = ServerSupervisor::new(starter, notify);
    let stop = CancellationToken::new();
    let supervising = tokio::spawn(supervisor.run(commands, stop.clone()));
    announce(&url);
    let keys = Keys::take(setup.voice);
    let banner = Banner::new(&addresses, setup.began.elapsed());
    terminal.ready(&banner, keys.is_some());

    let mut session = Session {
        engine: Engine::new(&setup.dir, &setup.program, setup.environment),
        publisher: Publisher::new(server.clone()),
        whole_app: WholeApp::new(Builder::new(&setup.dir, server.clone()), store),
        style_inputs: StyleInputs::default(),
        info: StartInfo {
            dev: true,
            stylesheet: Some(styles::URL.to_owned()),
            favicon: favicon_of(&setup.dir.join("public")).map(str::to_owned),
            ..StartInfo::default()
        },
        revision: 0,
        journal: Journal::new(terminal, server.clone(), banner),
        dir: setup.dir,
        sources,
        settings,
        server,
        notices,
        keys,
    };
    // The files of the app have not been read, and may have a mistake.
    let folder = session.dir.file_name().unwrap_or(session.dir.as_os_str()).to_string_lossy();
    session.journal.named(&folder);
    if let (Some(file_system), None) = (without_events(&session.dir), setup.settings.dev.poll) {
        session.journal.note(&format!(
            "the app is on {file_system}, where saves of another machine cause no event; with \
             `poll = 1` under [dev] in nova.toml its files are looked at each second"
        ));
    }
    if setup.open {
        session.journal.open();
    }
    let mut stopped = pin!(stop_signal());
    let follow = async {
        if let Some(library) = setup.library {
            session.serve_precompiled(&library).await?;
        }
        session.follow().await
    };
    let ended = tokio::select! {
        ended = follow => ended,
        () = &mut stopped => Ok(()),
    };

    let end = async {
        stop.cancel();
        session.stop().await;
        // It has said what there was to say.
        let _ = supervising.await;
    };
    tokio::select! {
        () = end => {}
        // A second signal is from someone who does not want to wait.
        () = stop_signal() => {}
    }
    ended
}

/// What every server of this session is started for.
fn server_job(setup: &Setup, store: &SessionStore) -> ServerJob {
    let init_limit = if setup.debugger { NO_HURRY } else { SwapSettings::default().init_limit };
    ServerJob {
        dir: setup.dir.clone(),
        host: setup.settings.host.clone(),
        allowed_hosts: Vec::new(),
        // A debugger is attached to the server, not to the child that checks for it.
        program: (!setup.debugger).then(|| setup.program.clone()),
        store: store.folder().to_owned(),
        last_generation: GenerationId::default(),
        poll_limit: None,
        init_limit,
        trial: false,
        reader: Reader::of_stderr(),
        log_format: setup.log_format,
    }
}

/// Ctrl-C, or the wish of what started us.
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
