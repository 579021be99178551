//! A generation: one started library, and the requests that it answers.
//!
//! A request takes an [`InFlight`] before it calls the library. When the page has answered, what is
//! left is counted as a stream or as bytes to send ([`Sending`]), until the last byte of the body.
//! The publisher first takes the generation out of the table, then closes it, then waits; a request
//! first counts itself in, then looks whether the generation is closed. So either the publisher
//! sees the request, or the request sees the closed door and asks the table again: no request is
//! lost, and none runs in a generation that has been shut down.
//!
//! The counts are per route, so that those who wait for requests can name the pages that still
//! answer. The app is taken out of a generation when nobody is inside any more: what lives on of
//! the generation, in a table or behind a body, keeps neither its state nor its runtime.

mod answered;
pub mod body;
pub mod call;
pub mod exercise;
pub mod failure;
pub mod preflight;
mod streams;
pub mod table;
mod upgrade;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use http::Method;
use nova_abi::{After, App, Counts, Inside, Revocable, Watched};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::streams::OpenStreams;
use crate::library::loader::{BuildId, Library, Routes};
use crate::library::start::StartInfo;
use crate::process::record::Activity;
use crate::release::assets::ReleaseAssets;
use crate::release::swap_plan::SwapPlan;

/// The number of a generation, counted from 1 over the life of a host.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct GenerationId(pub u64);

impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a generation has done so far; shared with the record that outlives it.
#[derive(Debug, Default)]
pub struct Counters {
    /// Requests that it has begun to answer.
    pub requests: AtomicU64,
    /// Requests that ended in a panic of a handler.
    pub panics: AtomicU64,
    /// Responses of the 5xx class.
    pub server_errors: AtomicU64,
}

/// A view of a started app: in development, the app library with one set of pages attached.
#[derive(Debug)]
pub struct View {
    /// The identity of the app library and these pages.
    pub build_id: BuildId,
    /// Its routes, in the order that a call counts.
    pub routes: Routes,
    /// The app, as far as this view goes.
    pub app: App,
}

/// Where a generation came from: what it takes to start the same release again.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Where the library was read.
    pub source: PathBuf,
    /// What its release brought besides the library.
    pub assets: Arc<ReleaseAssets>,
    /// What its app was told at its start.
    pub info: StartInfo,
    /// How it is swapped.
    pub swap: SwapPlan,
}

impl Origin {
    /// That of a library without a release.
    #[must_use]
    pub fn of_file(source: PathBuf) -> Self {
        Self { source, ..Self::default() }
    }
}

/// One started library.
#[derive(Debug)]
pub struct Generation {
    /// Its number.
    pub id: GenerationId,
    /// Where it came from.
    pub origin: Origin,
    /// The library.
    pub library: Arc<Library>,
    /// Its routes, in the order that a call counts: the library's, or those of a view of it.
    pub routes: Routes,
    /// When it began to serve.
    pub started: SystemTime,
    /// What it has done.
    pub counters: Arc<Counters>,
    build_id: BuildId,
    running: Arc<Running>,
}

/// The app of a generation, as requests find it.
pub type Running = Revocable<App, Ends>;

/// A request inside a generation; dropping it lets the generation go.
pub type InFlight = Inside<App, Ends>;

/// A request that a page has answered, and whose body is not sent to its last byte.
pub type Sending = After<App, Ends>;

/// What a generation tells its requests about its end.
#[derive(Debug)]
pub struct Ends {
    /// The generation's number.
    pub id: GenerationId,
    /// Its routes, in the order that a call counts.
    pub routes: Routes,
    /// What it has done.
    pub counters: Arc<Counters>,
    /// A request has left while the door was closed.
    left: Notify,
    /// Cancelled when the streams must end.
    expired: Mutex<CancellationToken>,
    /// Cancelled while another one has taken its place, or is about to.
    draining: Mutex<CancellationToken>,
    /// The bodies that come in pieces.
    streams: OpenStreams,
    /// Whether those of them that have no end of their own have to end.
    ends_endless: AtomicBool,
}

impl Watched for Ends {
    fn left(&self) {
        self.left.notify_waiters();
    }
}

impl Ends {
    /// What runs when this generation answers a request; `route` is the place of its page.
    pub(crate) fn activity<'a>(
        &'a self,
        method: &'a Method,
        path: &'a str,
        route: Option<u32>,
    ) -> Activity<'a> {
        answered::activity(self.id, &self.routes, method, path, route)
    }

    /// Cancelled when this generation drains: what stays open should end soon.
    pub(crate) fn draining(&self) -> CancellationToken {
        self.draining.lock().clone()
    }

    /// Cancelled when the streams of this generation must end.
    pub(crate) fn expired(&self) -> CancellationToken {
        self.expired.lock().clone()
    }
}

impl Generation {
    /// A generation that is not in any table yet.
    #[must_use]
    pub fn new(id: GenerationId, origin: Origin, library: Arc<Library>, app: App) -> Arc<Self> {
        let view = View { build_id: library.build_id.clone(), routes: library.routes.clone(), app };
        Self::of_view(id, origin, library, view)
    }

    /// The same for a view of a library's app, which has other routes than the library.
    #[must_use]
    pub fn of_view(
        id: GenerationId,
        origin: Origin,
        library: Arc<Library>,
        view: View,
    ) -> Arc<Self> {
        let View { build_id, routes, app } = view;
        Self::of(id, origin, library, (build_id, routes, Arc::new(app)))
    }

    /// A generation with the app of another one, which has lost it.
    pub(crate) fn going_on(
        id: GenerationId,
        origin: Origin,
        library: Arc<Library>,
        app: Arc<App>,
    ) -> Arc<Self> {
        let view = (library.build_id.clone(), library.routes.clone(), app);
        Self::of(id, origin, library, view)
    }

    fn of(
        id: GenerationId,
        origin: Origin,
        library: Arc<Library>,
        (build_id, routes, app): (BuildId, Routes, Arc<App>),
    ) -> Arc<Self> {
        let counters = Arc::<Counters>::default();
        let ends = Ends {
            id,
            routes: routes.clone(),
            counters: counters.clone(),
            left: Notify::new(),
            expired: Mutex::default(),
            draining: Mutex::default(),
            streams: OpenStreams::default(),
            ends_endless: AtomicBool::new(false),
        };
        // One for each route, and the last one for error pages.
        let running = Running::new(app, routes.len() + 1, ends);
        let started = SystemTime::now();
        Arc::new(Self { id, origin, library, routes, started, counters, build_id, running })
    }

    /// The library's build id, or that of the view.
    #[must_use]
    pub fn build_id(&self) -> &BuildId {
        &self.build_id
    }

    /// The app; `None` once it has ended.
    #[must_use]
    pub fn app(&self) -> Option<Arc<App>> {
        self.running.get()
    }

    /// The app's place, for who wants to know how many requests it has after the generation is
    /// gone.
    #[must_use]
    pub fn running(&self) -> &Arc<Running> {
        &self.running
    }

    /// Counts a request in, to this route or, without one, to an error page; `None` once the
    /// generation is closed, and then the table has a newer one.
    pub fn enter(&self, route: Option<u32>) -> Option<InFlight> {
        self.running.enter(route.map_or(usize::MAX, |route| route as usize))
    }

    /// Tells what stays open that it should end soon; requests still come in.
    pub(crate) fn tell(&self) {
        self.running.watch();
        self.running.draining.lock().cancel();
    }

    /// Lets no further request in; those inside go on.
    pub(crate) fn close(&self) {
        self.running.close();
        self.tell();
    }

    /// Lets requests in again; `false` if its app has ended. What was told to end stays told.
    pub(crate) fn reopen(&self) -> bool {
        *self.running.draining.lock() = CancellationToken::new();
        *self.running.expired.lock() = CancellationToken::new();
        self.running.reopen()
    }

    /// Whether it lets no request in.
    pub(crate) fn is_closed(&self) -> bool {
        self.running.is_closed()
    }

    /// Takes the app out; `None` while a request is inside, and once it was taken.
    pub(crate) fn take_app(&self) -> Option<Arc<App>> {
        self.running.take()
    }

    /// The same as soon as nobody is inside; `None` if it was taken already.
    pub(crate) async fn take_app_when_empty(&self) -> Option<Arc<App>> {
        loop {
            if let Some(app) = self.take_app() {
                return Some(app);
            }
            self.app()?;
            // A request that finds it closed is counted for a moment.
            self.until(|counts| counts.inside == 0).await;
            tokio::task::yield_now().await;
        }
    }

    /// Ends the open streams, and gives back how many there were. It waits for pages that have not
    /// answered yet.
    pub(crate) async fn cut(&self) -> u64 {
        let cut = self.running.counts().streaming;
        self.expire();
        self.until(|counts| counts.inside + counts.streaming == 0).await;
        cut
    }

    /// Tells open streams that their time is over, and takes the bodies from those who send them.
    pub(crate) fn expire(&self) {
        self.running.expired.lock().cancel();
        self.running.streams.end();
    }

    /// Ends the open streams that have no end of their own, each as soon as its page has nothing to
    /// send at that moment.
    pub(crate) fn cut_endless(&self) {
        self.running.ends_endless.store(true, Ordering::SeqCst);
        self.running.streams.end_endless();
    }

    /// Waits until the requests inside are such as `is_enough` wants them; for one that was
    /// [told](Self::tell) to end.
    pub(crate) async fn until(&self, is_enough: impl Fn(Counts) -> bool) {
        loop {
            let left = self.running.left.notified();
            if is_enough(self.running.counts()) {
                return;
            }
            left.await;
        }
    }

    /// The same until `deadline`; `false` if it has passed.
    pub(crate) async fn until_by(
        &self,
        deadline: Instant,
        is_enough: impl Fn(Counts) -> bool,
    ) -> bool {
        tokio::time::timeout_at(deadline.into(), self.until(is_enough)).await.is_ok()
    }

    /// The pages that have not answered yet, with the number of requests of each; the most first.
    pub(crate) fn answering(&self) -> Vec<(String, u64)> {
        let name = |at: usize| match self.routes.get(at) {
            Some(route) => format!("{} ({})", route.pattern, route.file),
            None => "an error page".to_owned(),
        };
        let counts = self.running.each().enumerate();
        let mut pages: Vec<_> = counts
            .filter(|(_, counts)| counts.inside > 0)
            .map(|(at, counts)| (name(at), counts.inside))
            .collect();
        pages.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        pages
    }
}
