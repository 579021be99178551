//! A started app in the hands of the host: the views of it, and the place where its code runs.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_core::future::BoxFuture;
use http::StatusCode;
use nova_abi::abi_stable::std_types::RArc;
use nova_abi::{Exchange, ExtensionTable, Failure, Plugin, ResponseHead, Route, Start, Target};
use nova_abi_parts::{NotAttached, PageEntry, PartedPlugin, Parts};
use tokio::runtime::{EnterGuard, Handle, Runtime};

use super::answer::{self, Answering};
use super::{cause, page, panics};
use crate::app::StartedApp;
use crate::info::{self, Info};
use crate::parts::Pages;

/// One view of a started app. Most apps have one view; a parted app has one for each set of pages
/// that was attached, all with the same state and the same runtime.
pub(super) struct Running {
    pub(super) app: Arc<StartedApp>,
    pub(super) place: Place,
    shared: Arc<Shared>,
    /// Whether this view is no longer counted.
    ended: AtomicBool,
}

/// What the views share; it ends after the last of them.
struct Shared {
    /// The views that have not ended.
    views: AtomicUsize,
    /// Where the library's note is, by which a page library is known to belong to it.
    note: usize,
    _runtime: AppRuntime,
}

impl Running {
    /// The first view.
    pub(super) fn new(app: Arc<StartedApp>, runtime: AppRuntime, note: usize) -> Self {
        let place = runtime.place();
        let shared = Arc::new(Shared { views: AtomicUsize::new(1), note, _runtime: runtime });
        Self { app, place, shared, ended: AtomicBool::new(false) }
    }

    /// Counts this view out, once; whether it was the last one.
    fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::SeqCst)
            && self.shared.views.fetch_sub(1, Ordering::SeqCst) == 1
    }

    pub(super) fn error_page<'a>(
        &'a self,
        status: u16,
        message: &str,
        exchange: &'a Exchange<'a>,
    ) -> BoxFuture<'a, crate::response::Response> {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.app.error(status, message.to_owned(), answer::context(exchange))
    }
}

impl Plugin for Running {
    fn start<'a>(
        &'a self,
        target: Target<'a>,
        exchange: &'a Exchange<'a>,
        head: ResponseHead<'a>,
        cx: &mut Context<'_>,
    ) -> Start<'a> {
        let mut answering = Answering::new(self, target, exchange, head);
        match answering.poll_answer(cx) {
            Poll::Ready(answer) => Start::Ready(answer),
            Poll::Pending => Start::pending(answering),
        }
    }

    async fn export(&self) -> Result<Option<Vec<u8>>, Failure> {
        let exported = Inside::new(self.place.clone(), self.app.export());
        match panics::Caught::new(exported).await {
            Ok(exported) => exported.map_err(|error| Failure::error(cause(&error))),
            Err(panic) => Err(Failure::panic(panics::describe(&panic))),
        }
    }

    fn extensions(&self) -> &[ExtensionTable] {
        static PARTS: Parts = Parts::of::<Running>();
        // SAFETY: its functions are for a `Running`, and this is one.
        static EXTENSIONS: [ExtensionTable; 1] = [unsafe { ExtensionTable::new(&PARTS) }];
        &EXTENSIONS
    }

    async fn shutdown(&self) {
        if !self.end() {
            return;
        }
        let ended = Inside::new(self.place.clone(), Arc::clone(&self.app).shutdown()).await;
        if let Err(error) = ended {
            tracing::error!("`shutdown` of app.rs failed: {}", cause(&error));
        }
    }
}

impl PartedPlugin for Running {
    fn attach(&self, pages: &[PageEntry]) -> Result<(Self, Vec<RArc<Route>>), NotAttached> {
        let _inside = self.place.enter();
        let note = self.shared.note;
        let declare = move |entry, pages: &mut Pages<'_>| page::declare(entry, note, pages);
        let (app, routes) = self.app.attach(pages, &declare)?;
        // Counted in while this view is: an app whose shutdown has run does not come back.
        let live = |views: usize| (views > 0).then_some(views + 1);
        if self.shared.views.fetch_update(Ordering::SeqCst, Ordering::SeqCst, live).is_err() {
            return Err(NotAttached::app(Failure::error("it has been shut down")));
        }
        let (place, shared) = (self.place.clone(), Arc::clone(&self.shared));
        let view = Self { app, place, shared, ended: AtomicBool::new(false) };
        Ok((view, routes))
    }
}

impl Drop for Running {
    /// A view that never served is dropped without a shutdown, and must not keep the app from
    /// its own.
    fn drop(&mut self) {
        self.end();
    }
}

/// Where the code of an app runs: inside its runtime, on behalf of its build.
#[derive(Clone)]
pub(super) struct Place {
    handle: Handle,
    info: &'static Info,
}

impl Place {
    /// The thread is there until the guards are dropped.
    pub(super) fn enter(&self) -> (EnterGuard<'_>, info::BuildGuard) {
        (self.handle.enter(), info::enter(self.info))
    }
}

/// The runtime of an app. Ending it never waits: a task that runs on is left behind.
pub(super) struct AppRuntime {
    runtime: Option<Runtime>,
    place: Place,
}

impl AppRuntime {
    /// One thread drives timers, sockets and spawned tasks; pages run on the host's threads.
    pub(super) fn start(info: &'static Info) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nova-app")
            .on_thread_start(move || info::settle(info))
            .enable_all()
            .build()?;
        let place = Place { handle: runtime.handle().clone(), info };
        Ok(Self { runtime: Some(runtime), place })
    }

    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }
}

impl Drop for AppRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A future that is polled, and dropped, in an app's place.
pub(super) struct Inside<F> {
    place: Place,
    /// `None` only while it is dropped.
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Inside<F> {
    pub(super) fn new(place: Place, future: F) -> Self {
        Self { place, future: Some(Box::pin(future)) }
    }
}

impl<F: Future> Future for Inside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _inside = this.place.enter();
        match &mut this.future {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Inside<F> {
    fn drop(&mut self) {
        let _inside = self.place.enter();
        self.future = None;
    }
}
