//! A generation: one started library, and the requests that it answers.
//!
//! A request takes an [`InFlight`] before it calls the library and lets go of it with the last
//! byte of the body. The publisher first takes the generation out of the table, then closes it,
//! then waits; a request first counts itself in, then looks whether the generation is closed. So
//! either the publisher sees the request, or the request sees the closed door and asks the table
//! again: no request is lost, and none runs in a generation that has been shut down.

pub mod body;
pub mod call;
pub mod exercise;
pub mod preflight;
pub mod recorder;
pub mod table;
mod upgrade;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use nova_abi::App;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::library::loader::{BuildId, Library, Routes};
use crate::release::assets::ReleaseAssets;

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
    /// Requests that hold the generation now.
    pub in_flight: AtomicUsize,
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

/// One started library.
#[derive(Debug)]
pub struct Generation {
    /// Its number.
    pub id: GenerationId,
    /// Where the library was read.
    pub source: PathBuf,
    /// The library.
    pub library: Arc<Library>,
    /// Its routes, in the order that a call counts: the library's, or those of a view of it.
    pub routes: Routes,
    /// When it began to serve.
    pub started: SystemTime,
    /// What it has done.
    pub counters: Arc<Counters>,
    /// What its release brought besides the library.
    pub assets: ReleaseAssets,
    build_id: BuildId,
    app: App,
    closed: AtomicBool,
    idle: Notify,
    expired: CancellationToken,
    /// Cancelled while another one has taken its place.
    draining: Mutex<CancellationToken>,
}

impl Generation {
    /// A generation that is not in any table yet.
    #[must_use]
    pub fn new(
        id: GenerationId,
        source: PathBuf,
        library: Arc<Library>,
        app: App,
        assets: ReleaseAssets,
    ) -> Arc<Self> {
        let view = View { build_id: library.build_id.clone(), routes: library.routes.clone(), app };
        Arc::new(Self { assets, ..Self::of(id, source, library, view) })
    }

    /// The same for a view of a library's app, which has other routes than the library.
    #[must_use]
    pub fn of_view(
        id: GenerationId,
        source: PathBuf,
        library: Arc<Library>,
        view: View,
    ) -> Arc<Self> {
        Arc::new(Self::of(id, source, library, view))
    }

    fn of(id: GenerationId, source: PathBuf, library: Arc<Library>, view: View) -> Self {
        let View { build_id, routes, app } = view;
        Self {
            id,
            source,
            library,
            routes,
            started: SystemTime::now(),
            counters: Arc::default(),
            assets: ReleaseAssets::default(),
            build_id,
            app,
            closed: AtomicBool::new(false),
            idle: Notify::new(),
            expired: CancellationToken::new(),
            draining: Mutex::default(),
        }
    }

    /// The library's build id, or that of the view.
    #[must_use]
    pub fn build_id(&self) -> &BuildId {
        &self.build_id
    }

    /// The app, as far as this generation goes.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Counts a request in; `None` once the generation is closed, and then the table has a
    /// newer one.
    pub fn enter(self: &Arc<Self>) -> Option<InFlight> {
        self.counters.in_flight.fetch_add(1, Ordering::SeqCst);
        let pinned = InFlight { generation: self.clone() };
        (!self.closed.load(Ordering::SeqCst)).then_some(pinned)
    }

    /// Lets no further request in; those inside go on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.draining.lock().cancel();
    }

    /// Lets requests in again, before it is in a table again. Only for a generation whose app was
    /// not shut down and whose streams were not [cut](Self::cut).
    pub(crate) fn reopen(&self) {
        // What was told to end stays told.
        *self.draining.lock() = CancellationToken::new();
        self.closed.store(false, Ordering::SeqCst);
    }

    /// Ends the open streams, and gives back how many there were.
    pub(crate) async fn cut(&self) -> usize {
        let inside = self.counters.in_flight.load(Ordering::SeqCst);
        self.expired.cancel();
        self.empty().await;
        inside
    }

    /// Waits until no request is inside.
    pub(crate) async fn empty(&self) {
        loop {
            let idle = self.idle.notified();
            if self.counters.in_flight.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Cancelled when this generation drains: what stays open should end soon.
    pub(crate) fn draining(&self) -> CancellationToken {
        self.draining.lock().clone()
    }

    /// Cancelled when the streams of this generation must end.
    pub(crate) fn expired(&self) -> &CancellationToken {
        &self.expired
    }
}

/// A request inside a generation; dropping it lets the generation go.
#[derive(Debug)]
pub struct InFlight {
    generation: Arc<Generation>,
}

impl std::ops::Deref for InFlight {
    type Target = Arc<Generation>;

    fn deref(&self) -> &Arc<Generation> {
        &self.generation
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let before = self.generation.counters.in_flight.fetch_sub(1, Ordering::SeqCst);
        if before == 1 && self.generation.closed.load(Ordering::SeqCst) {
            self.generation.idle.notify_one();
        }
    }
}
