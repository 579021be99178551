//! What is done about each order of the supervisor, one after the other.

use std::io;
use std::sync::Arc;

use nova_host::library::loader::Store;
use nova_host::operate::admin::{AdminServer, Control as _};
use nova_host::server::listen::Listeners;
use nova_host::server::{Handle, Options, Peer, Server};
use nova_host::site::Site;
use nova_host::site::files::{Assets, Caching};
use nova_host::swap::{SwapError, SwapReport, SwapSettings, Switch};
use nova_parts::{PartError, PartedSwitch};
use tokio::sync::mpsc;

use super::control::Control;
use super::endpoints::Endpoints;
use super::guard::Guard;
use super::hub::Hub;
use super::page::Board;
use super::pages::OnDemandPages;
use super::quarantine::SharedQuarantine;
use super::reporter::Reporter;
use super::site::DevSite;
use super::stylesheet::Stylesheet;
use crate::dev::wire::flight_recorder::FlightRecorder;
use crate::dev::wire::protocol::{
    GRACE, Load, LoadOutcome, Order, Refusal, ServerEvent, ServerJob, Topic, Trust,
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
        recorder: Arc<FlightRecorder>,
        reporter: Arc<Reporter>,
    ) -> io::Result<Self> {
        let ServerJob { dir, host, program, store, last_generation, init_limit, .. } = job;
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
            guard: Guard::new(&host),
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
            recorder,
            reporter: reporter.clone(),
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
        loop {
            let order = tokio::select! {
                order = orders.recv() => order.unwrap_or(Order::Stop),
                () = &mut stop => Order::Stop,
            };
            match order {
                Order::Serve => {
                    if let Some(server) = self.server.take() {
                        let site = self.site.clone();
                        serving = Some(tokio::spawn(server.run(move |request, peer: Peer| {
                            let site = site.clone();
                            async move { site.answer(request, peer).await }
                        })));
                    }
                }
                Order::Control => _control = self.control.listen(self.port),
                Order::Stop => break,
                other => self.follow(other),
            }
        }
        self.hub.close();
        self.pages.close();
        self.handle.stop();
        if let Some(serving) = serving {
            // Its result says how many connections were cut, and the developer knows.
            let _ = serving.await;
        }
        self.switch.stop(GRACE).await;
    }

    fn follow(&self, order: Order) {
        match order {
            Order::Load { id, load, trust, same } => self.load(id, load, trust, same),
            Order::Problems { topic, problems } => self.hub.problems(topic, problems),
            Order::Style { href, css } => {
                self.stylesheet.set(css);
                self.hub.restyled(&href);
            }
            Order::Refreshed { revision } => self.hub.refreshed(revision),
            Order::Public => tokio::task::block_in_place(|| self.assets.refresh()),
            Order::Routes(routes) => self.pages.routes(routes),
            Order::PageFailed { file, problem } => self.pages.failed(file, problem),
            Order::State(state) => self.board.show(*state),
            Order::Progress(text) => self.hub.progress(text),
            Order::Quarantine(page) => self.quarantine.lock().add(page),
            Order::Serve | Order::Control | Order::Stop => {}
        }
    }

    /// Loads in the background: an `init` may take its time, and other orders go on.
    fn load(&self, id: u64, load: Load, trust: Trust, same: Vec<String>) {
        let (parts, reporter) = (self.parts.clone(), self.reporter.clone());
        let (hub, quarantine) = (self.hub.clone(), self.quarantine.clone());
        let pages = self.pages.clone();
        let in_parts = !matches!(load, Load::Library { .. });
        let version = match &load {
            Load::Library { .. } => None,
            Load::Open { version, .. } | Load::Attach { version, .. } => Some(version.clone()),
        };
        tokio::spawn(async move {
            let result = match bring(&parts, load, trust).await {
                Ok(swapped) => {
                    if trust == Trust::Fresh {
                        // Before any page is told to reload: what it asks for is new code.
                        let mut quarantine = quarantine.lock();
                        quarantine.keep_only(&same);
                        hub.problems(Topic::Crash, quarantine.problems());
                    }
                    pages.published(in_parts);
                    hub.published(version.as_deref().unwrap_or(swapped.build_id.as_str()));
                    Ok(LoadOutcome::Swapped(swapped))
                }
                Err(PartError::Swap(SwapError::AlreadyLive { .. })) => Ok(LoadOutcome::Same),
                Err(error) => Err(Refusal(error.to_string())),
            };
            reporter.report(ServerEvent::Done { id, result });
        });
    }
}

async fn bring(parts: &PartedSwitch, load: Load, trust: Trust) -> Result<SwapReport, PartError> {
    let switch = parts.switch();
    match (load, trust) {
        (Load::Open { app, pages, info, .. }, _) => parts.open(&app, &pages, &info).await,
        (Load::Attach { pages, .. }, _) => parts.attach(&pages).await,
        (Load::Library { path, info }, Trust::Fresh) => {
            Ok(switch.swap_next(&path, &info, false).await?)
        }
        (Load::Library { path, info }, Trust::Served) => {
            let swapped = switch.start(&[path], &info).await?;
            Ok(swapped.into_iter().next().expect("one library makes one generation"))
        }
    }
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
