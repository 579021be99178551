//! Where the code of an app runs: its runtime, on behalf of its build.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{EnterGuard, Handle, Runtime};

use crate::info::{self, Started};
use crate::leadership::Leadership;

/// Where the code of an app runs: inside its runtime, on behalf of its build.
#[derive(Clone)]
pub(super) struct AppContext {
    handle: Handle,
    app: &'static Started,
}

impl AppContext {
    /// The thread is there until the guards are dropped.
    pub(super) fn enter(&self) -> (EnterGuard<'_>, info::BuildGuard) {
        (self.handle.enter(), info::enter(self.app))
    }

    /// Whether the app leads.
    pub(super) fn leadership(&self) -> &'static Leadership {
        self.app.leadership()
    }
}

/// The runtime of an app. Dropping it never waits: a task that runs on is left behind.
pub(super) struct AppRuntime {
    runtime: Option<Runtime>,
    context: AppContext,
}

impl AppRuntime {
    /// One thread drives timers, sockets and spawned tasks; pages run on the host's threads.
    pub(super) fn start(app: &'static Started) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nova-app")
            .on_thread_start(move || info::settle(app))
            .enable_all()
            .build()?;
        let context = AppContext { handle: runtime.handle().clone(), app };
        Ok(Self { runtime: Some(runtime), context })
    }

    pub(super) fn context(&self) -> AppContext {
        self.context.clone()
    }

    /// Ends its tasks, and waits until they are dropped, or for `limit`. This blocks.
    pub(super) fn end(mut self, limit: Duration) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(limit);
        }
    }
}

impl Drop for AppRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A future that is polled, and dropped, in an app's context.
pub(super) struct InContext<F> {
    context: AppContext,
    /// `None` only while it is dropped.
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> InContext<F> {
    pub(super) fn new(context: AppContext, future: F) -> Self {
        Self { context, future: Some(Box::pin(future)) }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _inside = this.context.enter();
        match &mut this.future {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for InContext<F> {
    fn drop(&mut self) {
        let _inside = self.context.enter();
        self.future = None;
    }
}
