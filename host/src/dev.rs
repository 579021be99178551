//! The development server: from a save to the browser.
//!
//! Six pieces work together. [`supervisor::watch`] says which paths had an event, [`supervisor::snapshot`] which files are
//! different, and [`supervisor::change`] what that asks for. [`supervisor::builder`] compiles the pages and puts the
//! library into the host's switch, [`supervisor::styles`] compiles the stylesheet. [`server::hub`] tells every open
//! page what happened; its counterpart in the browser is `client.js`, which [`server::inject`] adds to the
//! pages that [`server::site`] answers.
//!
//! The one policy: what serves is only ever replaced by a build that loaded. Until the first one
//! there is a waiting page, and after it a mistake is a message, never an outage. Nothing polls.

mod ansi;
pub(crate) mod desktop;
mod message;
pub(crate) mod phases;
mod save;
mod server;
mod state;
pub(crate) mod supervisor;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::desktop::Editor;
use self::server::control::Control;
use self::server::endpoints::Endpoints;
use self::server::guard::Guard;
use self::server::hub::Hub;
use self::server::page::Board;
use self::server::site::DevSite;
use self::state::DevState;
use self::supervisor::builder::Builder;
use self::supervisor::change::{Plan, plan};
use self::supervisor::copies::Copies;
use self::supervisor::journal::Journal;
use self::supervisor::keys::Keys;
use self::supervisor::report::{Banner, Terminal, Voice};
use self::supervisor::session::{Next, Session};
use self::supervisor::snapshot::Snapshot;
use self::supervisor::styles::{self, Styles};
use self::supervisor::watch::Watch;
use crate::admin::Control as _;
use crate::assets::{Assets, Caching};
use crate::listen::Listeners;
use crate::loader::LoadError;
use crate::log::announce;
use crate::server::{Options, Peer, Server};
use crate::site::Site;
use crate::start::StartInfo;
use crate::swap::{SwapError, SwapSettings, Switch};
use crate::watch::WatchError;

/// How long requests may run on when the developer stops the server.
const GRACE: Duration = Duration::from_secs(2);

/// What a session needs.
pub(crate) struct Setup {
    /// The app's folder, absolute.
    pub(crate) dir: PathBuf,
    /// Where the host listens.
    pub(crate) listeners: Listeners,
    /// The name that it was told to listen on.
    pub(crate) host: String,
    /// A library that serves until the first build does.
    pub(crate) library: Option<PathBuf>,
    /// The executable that checks libraries in a child.
    pub(crate) program: PathBuf,
    /// Who listens to the terminal.
    pub(crate) voice: Voice,
    /// Open the app in a browser as soon as it can be asked.
    pub(crate) open: bool,
    /// When the process was started.
    pub(crate) began: Instant,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The developer has stopped it.
    Stopped,
    /// Settings or environment changed, and they hold for a whole process.
    Restart,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Store(#[from] LoadError),
    #[error(transparent)]
    Library(#[from] SwapError),
    #[error("the session cannot be set up: {0}")]
    Setup(#[from] io::Error),
}

/// Serves the app and follows its files, until it is stopped or must start anew.
pub(crate) async fn run(setup: Setup) -> Result<Ended, DevError> {
    let Setup { dir, listeners, host, library, program, voice, open, began } = setup;
    let terminal = Arc::new(Terminal::new(voice));
    let hub = Arc::new(Hub::new());
    let styles = Arc::new(Styles::default());
    let copies = Copies::new(&dir)?;
    let settings = SwapSettings {
        dev: true,
        preflight: Some(program),
        // A page that fails is its reader's to see; it does not keep the others from serving.
        exercise: false,
        // Whoever sits at a breakpoint or an open stream is not hurried.
        drain_limit: None,
        ..SwapSettings::default()
    };
    let switch = Arc::new(Switch::new(settings, copies.store()?));
    let assets = Arc::new(Assets::new(vec![dir.join("public")], Caching::Revalidate));
    let favicon = assets.favicon().map(str::to_owned);
    let info = StartInfo { dev: true, stylesheet: Some(styles::URL.to_owned()), favicon };

    // First the watch, then the reading: what changes in between is seen.
    let mut watch = Watch::new(&dir)?;
    let mut snapshot = Snapshot::take(&dir);

    let (url, port) = (listeners.url(), listeners.port());
    let addresses = listeners.addresses().to_owned();
    let options = Options { grace: GRACE, ..Options::default() };
    let server = Server::new(listeners.into_sockets(), options)?;
    let handle = server.handle();
    let app = Arc::new(Site::new(switch.clone(), assets.clone()));
    let board = Arc::new(Board::new(hub.clone()));
    let control = Control::new(app.clone(), handle.clone(), url.clone());
    let site = Arc::new(DevSite {
        endpoints: Endpoints {
            guard: Guard::new(&host),
            hub: hub.clone(),
            styles: styles.clone(),
            board: board.clone(),
            dir: dir.clone(),
            editor: Editor::named(|name| std::env::var_os(name)),
            status: Box::new({
                let control = control.clone();
                move || control.status()
            }),
        },
        hub: hub.clone(),
        app,
        terminal: terminal.clone(),
        dir: dir.clone(),
    });
    let serving = tokio::spawn(server.run(move |request, peer: Peer| {
        let site = site.clone();
        async move { site.answer(request, peer).await }
    }));
    let _control = control.listen(port);
    announce(&url);
    let mut keys = Keys::take(voice);
    let banner = Banner::new(&addresses, began.elapsed());
    terminal.ready(&banner, keys.is_some());

    let mut session = Session {
        builder: Builder::new(&dir, switch.clone(), info.clone()),
        dir,
        hub,
        styles,
        assets,
        journal: Journal { terminal, board, banner, state: DevState::default() },
        inputs: BTreeSet::new(),
        warned: BTreeSet::new(),
        copies,
    };
    if open {
        session.journal.open();
    }
    if let Some(library) = library {
        session.serve(&switch, &library, &info).await?;
    }
    session.act(&Plan::first(), Vec::new());

    let mut stop = std::pin::pin!(stop_signal());
    let ended = loop {
        tokio::select! {
            paths = watch.batch() => {
                let mut changes = snapshot.update(paths?);
                if session.builder.is_building() {
                    // A build that brings it up to date is not out of date for that.
                    changes.retain(|change| change.path != Path::new("Cargo.lock"));
                }
                let plan = plan(&changes, |path| session.inputs.contains(path));
                if plan.restart && session.may_restart(&changes) {
                    break Ended::Restart;
                }
                session.act(&plan, changes);
            }
            update = session.builder.update() => session.report(update),
            key = Keys::next(&mut keys) => {
                if session.pressed(key) == Next::Stop {
                    break Ended::Stopped;
                }
            }
            () = &mut stop => break Ended::Stopped,
        }
    };

    let stopped = async {
        session.hub.close();
        handle.stop();
        session.builder.stop().await;
        // Its result says how many connections were cut, and the developer knows.
        let _ = serving.await;
        switch.stop(GRACE).await;
    };
    tokio::select! {
        () = stopped => {}
        // Whoever says it twice does not want to wait.
        () = stop_signal() => {}
    }
    Ok(ended)
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
