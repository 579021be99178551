//! A started app in the hands of the host: the views of it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use nova_abi::abi_stable::std_types::RArc;
use nova_abi::{
    Exchange, ExtensionTable, Failure, LeadershipTable, LeadingPlugin, Plugin, ResponseHead, Route,
    Start, Target,
};
use nova_abi_parts::{NotAttached, PageEntry, PartedPlugin, Parts};

use super::answer::Answering;
use super::context::{AppContext, AppRuntime, InContext};
use super::{cause, page, panics};
use crate::app::StartedApp;
use crate::parts::Pages;

/// How long the tasks of an app that has been shut down may hold its end.
const TASKS: Duration = Duration::from_secs(1);

/// How long a job that leads may take to end when its app is shut down.
const LAST_TERM: Duration = Duration::from_secs(1);

/// One view of a started app. Most apps have one view; a parted app has one for each set of pages
/// that was attached, all with the same state and the same runtime.
pub(super) struct Running {
    app: Arc<StartedApp>,
    context: AppContext,
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
    /// `None` once the last view has ended.
    runtime: Mutex<Option<AppRuntime>>,
}

impl Running {
    /// The first view.
    pub(super) fn new(app: Arc<StartedApp>, runtime: AppRuntime, note: usize) -> Self {
        let context = runtime.context();
        let runtime = Mutex::new(Some(runtime));
        let shared = Arc::new(Shared { views: AtomicUsize::new(1), note, runtime });
        Self { app, context, shared, ended: AtomicBool::new(false) }
    }

    /// Counts this view out, once; whether it was the last one.
    fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::SeqCst)
            && self.shared.views.fetch_sub(1, Ordering::SeqCst) == 1
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
        let mut answering = Answering::new(&self.app, &self.context, target, exchange, head);
        match answering.poll_answer(cx) {
            Poll::Ready(answer) => Start::Ready(answer),
            Poll::Pending => Start::pending(answering),
        }
    }

    fn exports(&self) -> bool {
        self.app.exports()
    }

    async fn export(&self) -> Result<Option<Vec<u8>>, Failure> {
        let exported = InContext::new(self.context.clone(), self.app.export());
        match panics::Caught::new(exported).await {
            Ok(exported) => exported.map_err(|error| Failure::error(cause(&error))),
            Err(panic) => Err(Failure::panic(panics::describe(&panic))),
        }
    }

    fn extensions(&self) -> &[ExtensionTable] {
        static PARTS: Parts = Parts::of::<Running>();
        static LEADERSHIP: LeadershipTable = LeadershipTable::of::<Running>();
        // SAFETY: their functions are for a `Running`, and this is one.
        static EXTENSIONS: [ExtensionTable; 2] =
            unsafe { [ExtensionTable::new(&PARTS), ExtensionTable::new(&LEADERSHIP)] };
        &EXTENSIONS
    }

    async fn shutdown(&self) {
        if !self.end() {
            return;
        }
        let (app, leadership) = (Arc::clone(&self.app), self.context.leadership());
        let ending = async move {
            // An app that ends leads no longer, whatever its host has said.
            if tokio::time::timeout(LAST_TERM, leadership.stand_by()).await.is_err() {
                tracing::warn!("a job that leads goes on while the app is shut down");
            }
            app.shutdown().await
        };
        let ended = InContext::new(self.context.clone(), ending).await;
        if let Err(error) = ended {
            tracing::error!("`shutdown` of app.rs failed: {}", cause(&error));
        }
        let runtime = self.shared.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What its tasks hold is given back before this is over: the next app may want it.
        if let Some(runtime) = runtime {
            runtime.end(TASKS);
        }
    }
}

impl LeadingPlugin for Running {
    async fn lead(&self, leads: bool) {
        let leadership = self.context.leadership();
        if leads {
            leadership.lead();
        } else {
            leadership.stand_by().await;
        }
    }

    fn identity(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }
}

impl PartedPlugin for Running {
    fn attach(&self, pages: &[PageEntry]) -> Result<(Self, Vec<RArc<Route>>), NotAttached> {
        let _inside = self.context.enter();
        let note = self.shared.note;
        let declare = move |entry, pages: &mut Pages<'_>| page::declare(entry, note, pages);
        let (app, routes) = self.app.attach(pages, &declare)?;
        // Counted in while this view is: an app whose shutdown has run does not come back.
        let live = |views: usize| (views > 0).then_some(views + 1);
        if self.shared.views.fetch_update(Ordering::SeqCst, Ordering::SeqCst, live).is_err() {
            return Err(NotAttached::app(Failure::error("it has been shut down")));
        }
        let (context, shared) = (self.context.clone(), Arc::clone(&self.shared));
        let view = Self { app, context, shared, ended: AtomicBool::new(false) };
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
