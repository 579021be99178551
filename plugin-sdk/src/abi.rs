//! The SDK's side of the boundary: [`export!`](crate::export), and how a started app answers a
//! host's calls.
//!
//! Three things happen around every poll of a page's future, here and nowhere else: the
//! generation's own tokio runtime is entered, a panic is caught, and what the page logs goes to
//! the host (`log`).
#![allow(unsafe_code)] // For the exported symbols of the macro.

mod answer;
mod body;
mod log;
mod panics;

use std::sync::Arc;
use std::task::Context;

use http::StatusCode;
use nova_abi::abi_stable::std_types::{RResult, RVec};
use nova_abi::async_ffi::{FfiFuture, FutureExt};
use nova_abi::{Exchange, Failure, Plugin, ResponseHead, Start, Target, guarded};
use tokio::runtime::{Builder, Handle, Runtime};

use self::answer::Answering;
use crate::app::{InitContext, Routes};
use crate::application::Application;
use crate::error::Error;
use crate::hooks::Purpose;

pub use nova_abi::abi_stable::library::{
    __call_root_module_loader as call_root_module_loader, CheckTypeLayout, LibHeader,
    RootModuleResult,
};
pub use nova_abi::abi_stable::prefix_type::PrefixTypeTrait;
pub use nova_abi::note::{MAGIC, join, joined_len};
pub use nova_abi::{App, InitContext as HostContext, Library, LibraryRef, Route};

/// The parts of a library's note that this crate knows; the macro adds the app's own.
pub const NOTE_SDK: &str = concat!(
    "abi=1\nsdk=",
    env!("CARGO_PKG_VERSION"),
    "\nrustc=",
    env!("NOVA_RUSTC"),
    "\ntarget=",
    env!("NOVA_TARGET"),
    "\n"
);
const _: () = assert!(nova_abi::ABI == 1, "NOTE_SDK names the ABI number");

/// How the library was built to panic, for its note.
pub const NOTE_PANIC: &str =
    if cfg!(panic = "unwind") { "panic=unwind\n" } else { "panic=abort\n" };

/// Makes the crate a route library.
///
/// Takes the path of a function without arguments that gives [`Routes`]; `nova` writes both into
/// `lib.rs`. Expands to the two symbols that a host looks for, and to `nova_library()`, the same
/// library for a program that links it in.
///
/// ```
/// pub fn routes() -> nova::Routes {
///     nova::App::new(nova::no_state()).finish()
/// }
/// nova::export!(routes);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($routes:path) => {
        /// The route library, for a host that links it in.
        #[doc(hidden)]
        pub fn nova_library() -> $crate::abi::LibraryRef {
            extern "C" fn __nova_declare() -> $crate::abi::DeclaredRoutes {
                $crate::abi::declare($routes)
            }
            extern "C" fn __nova_init(context: $crate::abi::HostContext) -> $crate::abi::Starting {
                $crate::abi::init($routes, context)
            }
            $crate::abi::library(__nova_declare, __nova_init)
        }

        #[doc(hidden)]
        #[allow(unsafe_code, non_upper_case_globals)]
        const _: () = {
            extern "C" fn root_module() -> $crate::abi::RootModuleResult {
                $crate::abi::call_root_module_loader(nova_library)
            }
            // SAFETY: the name is abi_stable's for a root module, and its type is the one that
            // abi_stable reads there.
            #[unsafe(no_mangle)]
            pub static _1as_0lib_1header_0root_bmodule_bloader: $crate::abi::LibHeader = {
                // SAFETY: `root_module` gives the module of this very type.
                unsafe {
                    $crate::abi::LibHeader::from_constructor::<$crate::abi::LibraryRef>(
                        root_module,
                        $crate::abi::CheckTypeLayout::Yes,
                    )
                }
            };

            const PARTS: &[&str] = &[
                $crate::abi::MAGIC,
                $crate::abi::NOTE_SDK,
                $crate::abi::NOTE_PANIC,
                concat!("app=", env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n"),
            ];
            // SAFETY: plain bytes under a name of Nova's own.
            #[unsafe(no_mangle)]
            pub static nova_library_note: [u8; $crate::abi::joined_len(PARTS)] =
                $crate::abi::join(PARTS);
        };
    };
}

/// What `routes` of a library gives.
pub type DeclaredRoutes = RResult<RVec<Route>, Failure>;
/// What `init` of a library gives.
pub type Starting = FfiFuture<RResult<App, Failure>>;

/// The root module of a library with these entry points.
#[must_use]
pub fn library(
    routes: extern "C" fn() -> DeclaredRoutes,
    init: extern "C" fn(HostContext) -> Starting,
) -> LibraryRef {
    Library { routes, init }.leak_into_prefix()
}

/// Declares the routes to the host.
pub fn declare(routes: fn() -> Routes) -> DeclaredRoutes {
    let declared = panics::catch(|| {
        let routes = routes();
        let declare = |entry: &crate::app::Entry| Route {
            pattern: entry.pattern.as_str().into(),
            file: entry.file.into(),
            methods: entry.methods.iter().map(|method| method.as_str().into()).collect(),
            any: entry.methods.has_any(),
            precompile: entry.precompile,
        };
        routes.entries().iter().map(declare).collect::<RVec<_>>()
    });
    match declared {
        Ok(routes) => RResult::ROk(routes),
        Err(panic) => RResult::RErr(Failure::panic(panics::describe(&panic))),
    }
}

/// Starts the app: its runtime, its log, its `init`.
pub fn init(routes: fn() -> Routes, context: HostContext) -> Starting {
    async move {
        match guarded(start(routes, context)).await {
            Ok(Ok(running)) => RResult::ROk(App::new(running)),
            Ok(Err(failure)) => RResult::RErr(failure),
            Err(message) => RResult::RErr(Failure::panic(message)),
        }
    }
    .into_ffi()
}

async fn start(routes: fn() -> Routes, context: HostContext) -> Result<Running, Failure> {
    panics::install_hook();
    log::install(context.log);
    // One thread drives timers, sockets and spawned tasks; pages run on the host's threads.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("nova-app")
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("the app's runtime does not start: {error}")))?;
    let runtime = AppRuntime(Some(runtime));
    let handle = runtime.handle();
    let init = async move {
        let context = InitContext {
            purpose: match context.purpose {
                nova_abi::Purpose::Serve => Purpose::Serve,
                nova_abi::Purpose::Preflight => Purpose::Preflight,
                nova_abi::Purpose::Precompile => Purpose::Precompile,
            },
            dev: context.dev,
            build_id: context.build_id.into(),
            stylesheet: context.stylesheet.map(Into::into).into_option(),
            favicon: context.favicon.map(Into::into).into_option(),
            saved: context.saved.map(|saved| saved.to_vec()).into_option(),
        };
        routes().init(context).await
    };
    let app = panics::Caught::new(Inside::new(handle.clone(), init)).await;
    match app {
        Ok(Ok(app)) => Ok(Running { app, handle, _runtime: runtime }),
        Ok(Err(error)) => Err(Failure::error(cause(&error))),
        Err(panic) => Err(Failure::panic(panics::describe(&panic))),
    }
}

/// What an error says to the people who run the app.
fn cause(error: &Error) -> String {
    let Some(source) = error.source() else { return error.message().to_owned() };
    let chain = std::iter::successors(Some(source), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A started app in the hands of the host.
struct Running {
    app: Arc<dyn Application>,
    handle: Handle,
    /// Ends after the app.
    _runtime: AppRuntime,
}

/// The runtime of a generation. Ending it never waits: a task that runs on is left behind.
struct AppRuntime(Option<Runtime>);

impl AppRuntime {
    fn handle(&self) -> Handle {
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for AppRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
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
            std::task::Poll::Ready(answer) => Start::Ready(answer),
            std::task::Poll::Pending => Start::pending(answering),
        }
    }

    async fn export(&self) -> Result<Option<Vec<u8>>, Failure> {
        let exported = Inside::new(self.handle.clone(), self.app.export()).await;
        exported.map_err(|error| Failure::error(cause(&error)))
    }

    async fn shutdown(&self) {
        let ended = Inside::new(self.handle.clone(), Arc::clone(&self.app).shutdown()).await;
        if let Err(error) = ended {
            tracing::error!("`shutdown` of app.rs failed: {}", cause(&error));
        }
    }
}

impl Running {
    fn error_page<'a>(
        &'a self,
        status: u16,
        message: &str,
        exchange: &'a Exchange<'a>,
    ) -> crate::handler::BoxFuture<'a, crate::response::Response> {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.app.error(status, message.to_owned(), answer::context(exchange))
    }
}

/// A future that is polled, and dropped, inside the app's runtime.
struct Inside<F> {
    handle: Handle,
    /// `None` only while it is dropped.
    future: Option<std::pin::Pin<Box<F>>>,
}

impl<F: Future> Inside<F> {
    fn new(handle: Handle, future: F) -> Self {
        Self { handle, future: Some(Box::pin(future)) }
    }
}

impl<F: Future> Future for Inside<F> {
    type Output = F::Output;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> std::task::Poll<F::Output> {
        let this = &mut *self;
        let _inside = this.handle.enter();
        match &mut this.future {
            Some(future) => future.as_mut().poll(cx),
            None => std::task::Poll::Pending,
        }
    }
}

impl<F> Drop for Inside<F> {
    fn drop(&mut self) {
        let _inside = self.handle.enter();
        self.future = None;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_macro_exports_the_name_that_abi_stable_looks_for() {
        let name = nova_abi::abi_stable::library::ROOT_MODULE_LOADER_NAME;
        assert!(include_str!("abi.rs").contains(&format!("pub static {name}:")), "{name}");
        assert_eq!(nova_abi::note::SYMBOL, "nova_library_note");
    }
}
