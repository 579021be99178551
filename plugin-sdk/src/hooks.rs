//! What `app.rs` says about the app's state: how it is made, ended and carried over a swap.
//!
//! ```
//! use nova::hooks;
//! use nova::prelude::*;
//!
//! #[derive(Clone)]
//! pub struct Counter(u64);
//!
//! pub async fn init(purpose: Purpose) -> Result<Counter> {
//!     if purpose == Purpose::Serve {
//!         // Migrations and jobs belong here: they run where the app really serves.
//!     }
//!     Ok(Counter(0))
//! }
//! pub fn export(counter: &Counter) -> u64 {
//!     counter.0
//! }
//! pub fn import(_: Purpose, count: u64) -> Counter {
//!     Counter(count)
//! }
//!
//! let app = nova::App::new(hooks::init_async_1(init).export_sync(export).import_sync(import));
//! # let _ = app.finish();
//! ```
//!
//! It may also say how the app is swapped, where what `nova compile` finds in its library is not the
//! whole truth, as `pub const SWAP: Swap = Swap::Process;`. See [`Swap`](crate::Swap).

mod output;

use std::fmt;
use std::future::{Future, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use serde_core::de::DeserializeOwned;
use tracing::Dispatch;

pub use self::output::{
    ExportOutput, Fallible, Plain, ShutdownOutput, StateOutput, SubscriberOutput,
};
use crate::error::Error;
use crate::response::Result;
use crate::state::{AnyState, StateMarker};

/// What the app is started for.
///
/// `init` is told, so that what changes the world outside happens only where it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// To answer real requests.
    Serve,
    /// To see whether it would start, in a process of its own: nothing outside may change.
    Preflight,
    /// To exercise its pages while it is built, on scratch state.
    Precompile,
}

/// A state that is being made.
type StateFuture = BoxFuture<'static, Result<AnyState>>;

type Init = dyn Fn(Purpose) -> StateFuture + Send + Sync;
type Import = dyn Fn(Purpose, &[u8]) -> Result<StateFuture, serde_json::Error> + Send + Sync;
type Fits = fn(&[u8]) -> Result<(), serde_json::Error>;
type Export = dyn for<'a> Fn(&'a AnyState) -> BoxFuture<'a, Result<Vec<u8>>> + Send + Sync;
type MakeSubscriber = dyn Fn(Purpose) -> BoxFuture<'static, Result<Dispatch>> + Send + Sync;
type Shutdown = dyn Fn(&AnyState) -> BoxFuture<'static, Result<()>> + Send + Sync;

/// The functions of `app.rs`, which make a state of the type `S`.
pub struct Hooks<S> {
    pub(crate) untyped: AnyHooks,
    state: StateMarker<S>,
}

impl<S> Clone for Hooks<S> {
    fn clone(&self) -> Self {
        Hooks { untyped: self.untyped.clone(), state: PhantomData }
    }
}

/// The functions of `app.rs`, without their type of state.
#[derive(Clone)]
pub(crate) struct AnyHooks {
    init: Arc<Init>,
    subscriber: Option<Arc<MakeSubscriber>>,
    shutdown: Option<Arc<Shutdown>>,
    export: Option<Arc<Export>>,
    import: Option<Arc<Import>>,
    /// Whether what was saved is what `import` takes.
    fits: Option<Fits>,
}

impl<S> fmt::Debug for Hooks<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

/// For an app without `app.rs`: its state is `()`.
#[must_use]
pub fn no_state() -> Hooks<()> {
    Hooks::new(|_| made(Ok(())))
}

/// State made by `fn init()`.
pub fn init_sync_0<S, R, M>(init: impl Fn() -> R + Send + Sync + 'static) -> Hooks<S>
where
    R: StateOutput<S, M>,
    S: Send + Sync + 'static,
{
    init_sync_1(move |_| init())
}

/// State made by `fn init(purpose: Purpose)`.
pub fn init_sync_1<S, R, M>(init: impl Fn(Purpose) -> R + Send + Sync + 'static) -> Hooks<S>
where
    R: StateOutput<S, M>,
    S: Send + Sync + 'static,
{
    Hooks::new(move |purpose| made(init(purpose).into_result()))
}

/// State made by `async fn init()`.
pub fn init_async_0<S, Fut, M>(init: impl Fn() -> Fut + Send + Sync + 'static) -> Hooks<S>
where
    Fut: Future<Output: StateOutput<S, M>> + Send + 'static,
    S: Send + Sync + 'static,
{
    init_async_1(move |_| init())
}

/// State made by `async fn init(purpose: Purpose)`.
pub fn init_async_1<S, Fut, M>(init: impl Fn(Purpose) -> Fut + Send + Sync + 'static) -> Hooks<S>
where
    Fut: Future<Output: StateOutput<S, M>> + Send + 'static,
    S: Send + Sync + 'static,
{
    Hooks::new(move |purpose| {
        let state = init(purpose);
        Box::pin(async move { state.await.into_result().map(AnyState::new) })
    })
}

/// A state that is there at once.
fn made<S: Send + Sync + 'static>(state: Result<S>) -> StateFuture {
    Box::pin(ready(state.map(AnyState::new)))
}

impl<S> Hooks<S> {
    fn new(init: impl Fn(Purpose) -> StateFuture + Send + Sync + 'static) -> Self {
        let init = Arc::new(init);
        let untyped = AnyHooks {
            init,
            subscriber: None,
            shutdown: None,
            export: None,
            import: None,
            fits: None,
        };
        Hooks { untyped, state: PhantomData }
    }
}

impl<S: Clone + Send + Sync + 'static> Hooks<S> {
    /// `fn subscriber()` makes the subscriber of `tracing`; see [`log`](crate::log).
    #[must_use]
    pub fn subscriber_sync_0<R, M>(self, make: impl Fn() -> R + Send + Sync + 'static) -> Self
    where
        R: SubscriberOutput<M>,
    {
        self.subscriber_sync_1(move |_| make())
    }

    /// The same for `fn subscriber(purpose: Purpose)`.
    #[must_use]
    pub fn subscriber_sync_1<R, M>(
        mut self,
        make: impl Fn(Purpose) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: SubscriberOutput<M>,
    {
        self.untyped.subscriber =
            Some(Arc::new(move |purpose| Box::pin(ready(make(purpose).into_dispatch()))));
        self
    }

    /// The same for `async fn subscriber()`.
    #[must_use]
    pub fn subscriber_async_0<Fut, M>(self, make: impl Fn() -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output: SubscriberOutput<M>> + Send + 'static,
    {
        self.subscriber_async_1(move |_| make())
    }

    /// The same for `async fn subscriber(purpose: Purpose)`.
    #[must_use]
    pub fn subscriber_async_1<Fut, M>(
        mut self,
        make: impl Fn(Purpose) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output: SubscriberOutput<M>> + Send + 'static,
    {
        self.untyped.subscriber = Some(Arc::new(move |purpose| {
            let making = make(purpose);
            Box::pin(async move { making.await.into_dispatch() })
        }));
        self
    }

    /// `fn shutdown(state: S)` runs when the last request of these routes has been answered.
    #[must_use]
    pub fn shutdown_sync<R: ShutdownOutput>(
        mut self,
        shutdown: impl Fn(S) -> R + Send + Sync + 'static,
    ) -> Self {
        let shutdown = move |state: &AnyState| {
            let ended = shutdown(state.get::<S>().clone()).into_result();
            Box::pin(ready(ended)) as BoxFuture<'static, _>
        };
        self.untyped.shutdown = Some(Arc::new(shutdown));
        self
    }

    /// The same for `async fn shutdown(state: S)`.
    #[must_use]
    pub fn shutdown_async<Fut>(
        mut self,
        shutdown: impl Fn(S) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output: ShutdownOutput> + Send + 'static,
    {
        self.untyped.shutdown = Some(Arc::new(move |state| {
            let end = shutdown(state.get::<S>().clone());
            Box::pin(async move { end.await.into_result() })
        }));
        self
    }

    /// `fn export(state: &S) -> T` saves what the next generation's `import` gets, as JSON.
    #[must_use]
    pub fn export_sync<R, M>(mut self, export: impl Fn(&S) -> R + Send + Sync + 'static) -> Self
    where
        R: ExportOutput<M>,
    {
        self.untyped.export =
            Some(Arc::new(move |state| Box::pin(ready(export(state.get()).into_bytes()))));
        self
    }

    /// The same for `async fn export(state: &S) -> T`.
    #[must_use]
    pub fn export_async<R, M>(mut self, export: impl for<'a> ExportFn<'a, S, Output = R>) -> Self
    where
        R: ExportOutput<M>,
    {
        self.untyped.export = Some(Arc::new(move |state| {
            let value = export.call(state.get());
            Box::pin(async move { value.await.into_bytes() })
        }));
        self
    }

    /// `fn import(purpose: Purpose, saved: T)` makes the state out of what the generation before
    /// saved. A saved value that does not fit `T` is an error: the host keeps the generation before,
    /// unless it is told that the state may be lost, and then calls `init`.
    #[must_use]
    pub fn import_sync<T, R, M>(
        mut self,
        import: impl Fn(Purpose, T) -> R + Send + Sync + 'static,
    ) -> Self
    where
        T: DeserializeOwned,
        R: StateOutput<S, M>,
        S: Send + Sync + 'static,
    {
        self.untyped.fits = Some(reads_as::<T>);
        self.untyped.import = Some(Arc::new(move |purpose, saved| {
            Ok(made(import(purpose, serde_json::from_slice(saved)?).into_result()))
        }));
        self
    }

    /// The same for `async fn import(purpose: Purpose, saved: T)`.
    #[must_use]
    pub fn import_async<T, Fut, M>(
        mut self,
        import: impl Fn(Purpose, T) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        T: DeserializeOwned,
        Fut: Future<Output: StateOutput<S, M>> + Send + 'static,
    {
        self.untyped.fits = Some(reads_as::<T>);
        self.untyped.import = Some(Arc::new(move |purpose, saved| {
            let state = import(purpose, serde_json::from_slice(saved)?);
            Ok(Box::pin(async move { state.await.into_result().map(AnyState::new) }))
        }));
        self
    }
}

impl AnyHooks {
    /// Makes the state, out of what was saved if something was.
    pub(crate) async fn start(&self, purpose: Purpose, saved: Option<&[u8]>) -> Result<AnyState> {
        let Some(saved) = saved else { return (self.init)(purpose).await };
        let Some(import) = &self.import else { return Err(Error::internal(no_import())) };
        import(purpose, saved).map_err(|error| Error::internal(misfit(&error)))?.await
    }

    /// The subscriber of `tracing` that the app brings.
    pub(crate) async fn subscriber(&self, purpose: Purpose) -> Result<Option<Dispatch>> {
        match &self.subscriber {
            Some(make) => make(purpose).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether `import` can read what was saved.
    pub(crate) fn fits(&self, saved: &[u8]) -> Result<(), Misfit> {
        let Some(fits) = self.fits else { return Err(no_import()) };
        fits(saved).map_err(|error| misfit(&error))
    }

    /// Whether there is something to hand to the next generation.
    pub(crate) fn exports(&self) -> bool {
        self.export.is_some()
    }

    pub(crate) async fn export(&self, state: &AnyState) -> Result<Option<Vec<u8>>> {
        match &self.export {
            Some(export) => export(state).await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn shutdown(&self, state: &AnyState) -> Result<()> {
        match &self.shutdown {
            Some(shutdown) => shutdown(state).await,
            None => Ok(()),
        }
    }
}

fn reads_as<T: DeserializeOwned>(saved: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::from_slice::<T>(saved).map(drop)
}

fn no_import() -> Misfit {
    Misfit("app.rs has no `import`".to_owned())
}

fn misfit(error: &serde_json::Error) -> Misfit {
    Misfit(error.to_string())
}

/// Why a saved state cannot be taken over.
#[derive(Debug)]
pub(crate) struct Misfit(pub(crate) String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the saved state does not fit `import`: {}", self.0)
    }
}

impl std::error::Error for Misfit {}

/// An async function that borrows the state; every `async fn(&S) -> T` is one.
pub trait ExportFn<'a, S: 'a>: Send + Sync + 'static {
    /// What it saves.
    type Output;

    /// Its future.
    type Future: Future<Output = Self::Output> + Send + 'a;

    /// Calls it.
    fn call(&self, state: &'a S) -> Self::Future;
}

impl<'a, S: 'a, F, Fut> ExportFn<'a, S> for F
where
    F: Fn(&'a S) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'a,
{
    type Output = Fut::Output;
    type Future = Fut;

    fn call(&self, state: &'a S) -> Fut {
        self(state)
    }
}
