//! The development server: from a save to the browser.
//!
//! Six pieces work together. [`watch`] says which paths had an event, [`snapshot`] which files are
//! different, and [`change`] what that asks for. [`builder`] compiles the pages and puts the
//! library into the host's switch, [`styles`] compiles the stylesheet. [`hub`] tells every open
//! page what happened; its counterpart in the browser is `client.js`, which [`inject`] adds to the
//! pages that [`site`] answers.
//!
//! The one policy: what serves is only ever replaced by a build that loaded. Until the first one
//! there is a waiting page, and after it a mistake is a message, never an outage. Nothing polls.

mod ansi;
mod backtrace;
mod builder;
mod change;
mod control;
mod endpoints;
mod guard;
mod hub;
mod inject;
mod inputs;
mod message;
mod problems;
pub(crate) mod report;
mod site;
mod snapshot;
mod styles;
mod waiting;
mod watch;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_route_template::{OpenError, Project};

use self::builder::{Builder, Failure, Finished, Success, Update};
use self::change::{Change, Plan, headline, plan};
use self::control::Control;
use self::endpoints::Endpoints;
use self::guard::Guard;
use self::hub::{Hub, Topic};
use self::report::{Label, Terminal};
use self::site::DevSite;
use self::snapshot::Snapshot;
use self::styles::Styles;
use self::watch::Watch;
use crate::assets::{Assets, Caching};
use crate::listen::Listeners;
use crate::loader::{LoadError, Store};
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
    Open(#[from] OpenError),
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Store(#[from] LoadError),
    #[error(transparent)]
    Library(#[from] SwapError),
    #[error("the server cannot be set up: {0}")]
    Server(#[from] io::Error),
}

/// Serves the app and follows its files, until it is stopped or must start anew.
pub(crate) async fn run(setup: Setup) -> Result<Ended, DevError> {
    let Setup { dir, listeners, host, library, program } = setup;
    let terminal = Arc::new(Terminal::new());
    let hub = Arc::new(Hub::new());
    let styles = Arc::new(Styles::default());
    // The libraries of a session are of no use to the next one.
    let copies = tempfile::Builder::new().prefix("nova-dev-").tempdir()?;
    let settings = SwapSettings {
        dev: true,
        preflight: Some(program),
        // A page that fails is its reader's to see; it does not keep the others from serving.
        exercise: false,
        // Whoever sits at a breakpoint or an open stream is not hurried.
        drain_limit: None,
        ..SwapSettings::default()
    };
    let switch = Arc::new(Switch::new(settings, Store::open(copies.path().join("libraries"))?));
    let assets = Arc::new(Assets::new(vec![dir.join("public")], Caching::Revalidate));
    let favicon = assets.favicon().map(str::to_owned);
    let info = StartInfo { dev: true, stylesheet: Some(styles::URL.to_owned()), favicon };

    // First the watch, then the reading: what changes in between is seen.
    let mut watch = Watch::new(&dir)?;
    let mut snapshot = Snapshot::take(&dir);

    let (url, port) = (listeners.url(), listeners.port());
    let options = Options { grace: GRACE, ..Options::default() };
    let server = Server::new(listeners.into_sockets(), options)?;
    let handle = server.handle();
    let app = Arc::new(Site::new(switch.clone(), assets.clone()));
    let control = Control::new(app.clone(), handle.clone(), url.clone());
    let site = Arc::new(DevSite {
        endpoints: Endpoints { guard: Guard::new(&host), hub: hub.clone(), styles: styles.clone() },
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

    let mut session = Session {
        builder: Builder::new(&dir, switch.clone(), info.clone()),
        dir,
        hub,
        styles,
        assets,
        terminal,
        inputs: BTreeSet::new(),
    };
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
                if plan.restart {
                    session.terminal.line(Label::Restart, &headline(&changes), None, "");
                    break Ended::Restart;
                }
                session.act(&plan, changes);
            }
            update = session.builder.update() => session.report(update),
            () = &mut stop => break Ended::Stopped,
        }
    };

    session.hub.close();
    handle.stop();
    session.builder.stop().await;
    // Its result says how many connections were cut, and the developer knows.
    let _ = serving.await;
    switch.stop(GRACE).await;
    Ok(ended)
}

/// What follows the app's files.
struct Session {
    dir: PathBuf,
    builder: Builder,
    hub: Arc<Hub>,
    styles: Arc<Styles>,
    assets: Arc<Assets>,
    terminal: Arc<Terminal>,
    /// The files that the compiler read the last time.
    inputs: BTreeSet<PathBuf>,
}

impl Session {
    /// Serves a library that was built before, until the first build is there.
    async fn serve(
        &mut self,
        switch: &Switch,
        library: &Path,
        info: &StartInfo,
    ) -> Result<(), DevError> {
        let began = Instant::now();
        for swapped in switch.start(&[library.to_owned()], info).await? {
            self.hub.published(swapped.build_id.as_str());
            let note = format!("generation {}, {} routes", swapped.generation, swapped.routes);
            let subject = library.display().to_string();
            self.terminal.line(Label::Build, &subject, Some(began.elapsed()), &note);
        }
        Ok(())
    }

    /// Does what `changes` ask for; the build goes on by itself.
    fn act(&mut self, plan: &Plan, changes: Vec<Change>) {
        let since = Instant::now();
        if plan.styles {
            self.restyle(&changes, since);
        }
        if plan.public {
            tokio::task::block_in_place(|| self.assets.refresh());
            self.builder.favicon(self.assets.favicon());
            self.hub.refreshed();
            let files: Vec<_> = changes.iter().filter(|it| it.is_public()).cloned().collect();
            self.terminal.line(Label::Public, &headline(&files), None, "");
        }
        if plan.build {
            self.builder.start(changes, since);
        }
    }

    fn restyle(&self, changes: &[Change], since: Instant) {
        let styles: Vec<_> = changes.iter().filter(|change| change.is_style()).cloned().collect();
        // A missing Cargo.toml is the build's to report.
        let Ok(project) = Project::open(&self.dir) else { return };
        match tokio::task::block_in_place(|| self.styles.compile(&project)) {
            Ok(compiled) => {
                self.hub.problems(Topic::Style, Vec::new());
                self.hub.restyled(&compiled.href);
                if !styles.is_empty() {
                    self.terminal.line(Label::Style, &headline(&styles), Some(since.elapsed()), "");
                }
                for warning in compiled.warnings {
                    self.terminal.line(Label::Note, &warning, None, "");
                }
            }
            Err(error) => {
                let subject = if styles.is_empty() { "styles".into() } else { headline(&styles) };
                self.terminal.line(Label::Error, &subject, Some(since.elapsed()), "");
                self.terminal.text(&error.to_string());
                self.hub.problems(Topic::Style, vec![problems::of_style(&error)]);
            }
        }
    }

    fn report(&mut self, update: Update) {
        match update {
            Update::Progress { crates, name } => {
                self.terminal.progress(&format!("compiling, {crates} crates ready: {name}"));
                self.hub.progress(format!("{crates} crates ready: {name}"));
            }
            Update::Finished(Finished { changes, took, result: Ok(success) }) => {
                self.succeeded(&changes, took, success);
            }
            Update::Finished(Finished { changes, took, result: Err(failure) }) => {
                self.failed(&changes, took, &failure);
            }
        }
    }

    fn succeeded(&mut self, changes: &[Change], took: Duration, success: Success) {
        let Success { swapped, notes, warnings, inputs } = success;
        self.inputs = inputs;
        self.hub.problems(Topic::Build, Vec::new());
        let subject = headline(changes);
        match swapped {
            Some(swapped) => {
                self.hub.published(swapped.build_id.as_str());
                let generation = format!("generation {}", swapped.generation);
                let (label, subject) = match (swapped.replaced, subject.is_empty()) {
                    (Some(_), false) => (Label::Swap, subject),
                    _ => (Label::Build, format!("{} routes", swapped.routes)),
                };
                self.terminal.line(label, &subject, Some(took), &generation);
            }
            None => self.terminal.line(Label::Same, &subject, Some(took), "nothing to swap"),
        }
        for note in notes {
            self.terminal.line(Label::Note, &note, None, "");
        }
        for warning in warnings {
            self.terminal.text(warning.trim_end());
        }
    }

    fn failed(&mut self, changes: &[Change], took: Duration, failure: &Failure) {
        let problems = problems::of_build(failure);
        let label = if matches!(failure, Failure::Swap(_)) { Label::Refused } else { Label::Error };
        let count = match problems.len() {
            1 => "1 error".to_owned(),
            many => format!("{many} errors"),
        };
        let subject = match headline(changes) {
            empty if empty.is_empty() => "the app".to_owned(),
            subject => subject,
        };
        self.terminal.line(label, &subject, Some(took), &count);
        self.terminal.text(&problems::text_of_build(failure));
        self.hub.problems(Topic::Build, problems);
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
