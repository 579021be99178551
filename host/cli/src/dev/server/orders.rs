//! What is done about each order of the supervisor, one after the other.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nova_abi::{OwnedBytes, Purpose};
use nova_host::library::loader::Store;
use nova_host::operate::admin::AdminServer;
use nova_host::server::listen::Listeners;
use nova_host::server::{Handle, Options, Server, StopReport};
use nova_host::site::Site;
use nova_host::site::files::{Assets, Caching};
use nova_host::swap::{
    InheritedStates, InsteadOfState, SavedState, SwapError, SwapReport, SwapSettings, Switch,
};
use nova_parts::{PartError, PartedSwitch};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::control::Control;
use super::endpoints::Endpoints;
use super::guard::Guard;
use super::hub::Hub;
use super::in_flight::InFlightReporter;
use super::page::Board;
use super::pages::OnDemandPages;
use super::quarantine::SharedQuarantine;
use super::reporter::Reporter;
use super::site::{DevService, DevSite};
use super::stylesheet::Stylesheet;
use crate::dev::wire::protocol::{
    GRACE, Load, LoadOutcome, Obstacle, Order, Refusal, ServerEvent, ServerJob, Topic, Trust,
};
use crate::terminal::launch::Editor;

/// Everything that an order may be about.
pub(crate) struct OrderHandler {
    switch: Arc<Switch>,
    parts: Arc<PartedSwitch>,
    assets: Arc<Assets>,
    hub: Arc<Hub>,
    stylesheet: Arc<Stylesheet>,
    quarantine: Arc<SharedQuarantine>,
    reporter: Arc<Reporter>,
    control: Arc<Control>,
    board: Arc<Board>,
    pages: Arc<OnDemandPages>,
    port: u16,
    site: Arc<DevSite>,
    handle: Handle,
    /// Taken when it begins to accept.
    server: Option<Server>,
}

impl OrderHandler {
    /// A server that does not accept connections yet. Call it inside of a runtime.
    pub(crate) fn new(
        job: ServerJob,
        listeners: Listeners,
        reporter: Arc<Reporter>,
        in_flight: InFlightReporter,
    ) -> io::Result<Self> {
        let ServerJob { dir, host, allowed_hosts, program, .. } = job;
        let ServerJob { store, last_generation, init_limit, trial, .. } = job;
        let store = Store::open(store).map_err(io::Error::other)?;
        let settings = SwapSettings {
            dev: true,
            preflight: program,
            // A page that fails is its reader's to see; it does not keep the others from serving.
            exercise: false,
            init_limit,
            // A breakpoint or an open stream is not hurried.
            drain_limit: None,
            trust: nova_host::release::trust::Trust::of_developer(),
            purpose: if trial { Purpose::Preflight } else { Purpose::Serve },
            ..SwapSettings::default()
        };
        let switch = Arc::new(Switch::new(settings, store).counting_from(last_generation));
        let assets = Arc::new(Assets::new(vec![dir.join("public")], Caching::Revalidate));
        let (url, port) = (listeners.url(), listeners.port());
        let options = Options { grace: GRACE, ..Options::default() };
        let server = Server::new(listeners.into_sockets(), options)?;
        let handle = server.handle();
        let app = Arc::new(Site::new(switch.clone(), assets.clone()));
        let control = Control::new(app.clone(), handle.clone(), url);
        let (hub, stylesheet) = (Arc::new(Hub::new()), Arc::new(Stylesheet::default()));
        let quarantine = Arc::new(SharedQuarantine::default());
        let board = Arc::new(Board::new(hub.clone()));
        let endpoints = Endpoints {
            guard: Guard::new(host, allowed_hosts),
            hub: hub.clone(),
            board: board.clone(),
            dir: dir.clone(),
            editor: Editor::named(|name| std::env::var_os(name)),
            status: Box::new({
                let control = control.clone();
                move || control.now()
            }),
            stylesheet: stylesheet.clone(),
            quarantine: quarantine.clone(),
            reporter: reporter.clone(),
        };
        let pages = Arc::new(OnDemandPages::new(reporter.clone()));
        let site = Arc::new(DevSite {
            pages: pages.clone(),
            endpoints,
            hub: hub.clone(),
            app,
            quarantine: quarantine.clone(),
            reporter: reporter.clone(),
            in_flight: Arc::new(in_flight),
            dir,
        });
        let server = Some(server);
        Ok(Self {
            parts: Arc::new(PartedSwitch::new(switch.clone())),
            switch,
            assets,
            hub,
            stylesheet,
            quarantine,
            reporter,
            control,
            board,
            pages,
            port,
            site,
            handle,
            server,
        })
    }

    /// Follows orders until the one to stop, then ends in order.
    pub(crate) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut stop = std::pin::pin!(stop_signal());
        let mut serving = None;
        let mut _control: Option<AdminServer> = None;
        let state = loop {
            let order = tokio::select! {
                order = orders.recv() => order.unwrap_or(Order::Stop),
                () = &mut stop => Order::Stop,
            };
            match order {
                Order::Serve => {
                    if let Some(server) = self.server.take() {
                        let service = DevService::new(self.site.clone());
                        serving = Some(tokio::spawn(server.run(service)));
                    }
                }
                Order::Control => _control = self.control.listen(self.port),
                Order::Stop => break None,
                Order::Leave { state } => break Some(state),
                other => self.follow(other),
            }
        };
        self.end(serving, state).await;
    }

    /// Finishes what runs; what the app saves goes to the file `state`, if somebody goes on with it.
    async fn end(self, serving: Option<JoinHandle<StopReport>>, state: Option<PathBuf>) {
        self.hub.close();
        self.pages.close();
        // Their clients are to ask the process that takes over.
        self.switch.end_streams();
        self.handle.stop();
        self.switch.cut_endless();
        if let Some(serving) = serving {
            // Its result says how many connections were cut, and the developer knows.
            let _ = serving.await;
        }
        if let Some(state) = state
            && let Some(Some(saved)) = self.switch.leave().await.into_iter().next()
            && let Err(error) = write_privately(&state, &saved)
        {
            tracing::error!("{}: the state of the app is lost: {error}", state.display());
        }
        self.switch.stop(GRACE, self.switch.settings().hook_limit).await;
    }

    fn follow(&self, order: Order) {
        match order {
            Order::Load { id, load, trust, same, saved } => self.load(id, load, trust, same, saved),
            Order::Problems { topic, problems } => self.hub.problems(topic, problems),
            Order::Style { href, css } => {
                self.stylesheet.set(css);
                self.hub.restyled(&href);
            }
            Order::Refreshed { revision, files } => self.hub.refreshed(revision, files),
            Order::Public => tokio::task::block_in_place(|| self.assets.refresh()),
            Order::Routes(routes) => self.pages.routes(routes),
            Order::PageFailed { file, problem } => self.pages.failed(file, problem),
            Order::State(state) => self.board.show(*state),
            Order::Progress(progress) => self.hub.progress(progress),
            Order::Quarantine(page) => self.quarantine.lock().add(page),
            Order::Note(text) => self.hub.note(text),
            Order::Serve | Order::Control | Order::Leave { .. } | Order::Stop => {}
        }
    }

    /// Loads in the background: an `init` may take its time, and other orders go on.
    fn load(&self, id: u64, load: Load, trust: Trust, same: Vec<String>, saved: Option<PathBuf>) {
        let (parts, reporter) = (self.parts.clone(), self.reporter.clone());
        let (hub, quarantine) = (self.hub.clone(), self.quarantine.clone());
        let pages = self.pages.clone();
        let in_parts = !matches!(load, Load::Library { .. });
        let version = match &load {
            Load::Library { .. } => None,
            Load::Open { version, .. } | Load::Attach { version, .. } => Some(version.clone()),
        };
        tokio::spawn(async move {
            let brought = bring(&parts, load, trust, saved.as_deref()).await;
            let obstacle = match &brought {
                Err(PartError::Swap(SwapError::Start { .. })) => Some(Obstacle::Init),
                Err(PartError::Swap(SwapError::NeedsProcess { .. })) => Some(Obstacle::Linked),
                _ => None,
            };
            let result = match brought {
                Ok(swapped) => {
                    if trust != Trust::Served {
                        // Before any page is told to reload: what it asks for is new code.
                        let mut quarantine = quarantine.lock();
                        quarantine.keep_only(&same);
                        hub.problems(Topic::Crash, quarantine.problems());
                    }
                    pages.published(in_parts);
                    hub.published(version.as_deref().unwrap_or(swapped.build_id.as_str()));
                    Ok(LoadOutcome::Swapped(Box::new(swapped)))
                }
                Err(PartError::Swap(SwapError::AlreadyLive { .. })) => {
                    pages.unchanged();
                    Ok(LoadOutcome::Same)
                }
                Err(error) => {
                    let page = error.page().map(str::to_owned);
                    let of_part = in_parts && error.is_of_part();
                    Err(Refusal { text: error.to_string(), page, of_part })
                }
            };
            reporter.report(ServerEvent::Done { id, result, obstacle });
        });
    }
}

async fn bring(
    parts: &PartedSwitch,
    load: Load,
    trust: Trust,
    saved: Option<&Path>,
) -> Result<SwapReport, PartError> {
    let switch = parts.switch();
    // The app that saved it is gone; without it, `init` begins anew.
    let saved = saved.and_then(|saved| std::fs::read(saved).ok());
    match (load, trust) {
        (Load::Open { app, pages, info, .. }, _) => {
            parts.open(&app, &pages, &info, saved.map(OwnedBytes::from_vec)).await
        }
        (Load::Attach { pages, .. }, _) => parts.attach(&pages).await,
        (Load::Library { path, info }, Trust::Fresh) => {
            match switch.swap_next(&path, &info, false).await {
                // A state of another shape is nothing rare here: `init` begins anew.
                Err(SwapError::Misfit { .. }) => Ok(switch.swap_next(&path, &info, true).await?),
                swapped => Ok(swapped?),
            }
        }
        (Load::Library { path, info }, Trust::Tried | Trust::Served) => {
            let releases = switch.read(&[path])?;
            let states = InheritedStates {
                apps: vec![saved.map(SavedState)],
                instead: Some(InsteadOfState::default()),
                ..InheritedStates::default()
            };
            let swapped = switch.start_with(releases, &info, states).await?;
            Ok(swapped.into_iter().next().expect("one library makes one generation"))
        }
    }
}

/// Writes a file that nobody else reads.
fn write_privately(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

/// The wish that this process alone ends. Ctrl-C reaches the supervisor, too, which says stop.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let _interrupt = signal(SignalKind::interrupt());
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        // Without a handler the signal itself ends the process.
        Err(_) => std::future::pending().await,
    }
}
