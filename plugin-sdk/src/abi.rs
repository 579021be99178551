//! The SDK's side of the boundary: [`export!`](crate::export), and how a started app answers a
//! host's calls.
//!
//! Three things happen around every poll of a page's future, here and nowhere else: the
//! generation's own tokio runtime is entered, a panic is caught, and what the page logs goes to
//! the host (`log`).
#![allow(unsafe_code)] // For the exported symbols of the macro.

mod answer;
mod body;
mod context;
pub mod page;
mod panics;
mod running;
mod upgrade;

use nova_abi::abi_stable::std_types::{RResult, RSlice, RVec};
use nova_abi::{Failure, GuardedFuture};

use self::context::{AppRuntime, InContext};
use self::running::Running;
use crate::app::{InitContext, Routes};
use crate::error::Error;
use crate::hooks::{Misfit, Purpose};
use crate::info;
use crate::log;

pub use nova_abi::abi_stable::library::{LibHeader, RootModuleResult};
pub use nova_abi::abi_stable::prefix_type::PrefixTypeTrait;
pub use nova_abi::note::{MAGIC, join, joined_len};
pub use nova_abi::root::{header, root_module};
pub use nova_abi::{App, InitContext as HostContext, Library, LibraryRef, Route, SwapMode};

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
/// `lib.rs`. Expands to the symbols that a host looks for, and to `nova_library()`, the same
/// library for a program that links it in.
///
/// ```
/// pub fn routes() -> nova::Routes {
///     nova::App::new(nova::no_state()).finish()
/// }
/// nova::export!(routes);
/// # fn main() {}
/// ```
///
/// `swap` says how the app is swapped ([`Swap`](crate::Swap)), whatever its library holds:
///
/// ```
/// # pub fn routes() -> nova::Routes {
/// #     nova::App::new(nova::no_state()).finish()
/// # }
/// nova::export!(routes, swap = nova::Swap::Process);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    (@library $routes:path, $($swap:expr),*) => {
        /// The route library, for a host that links it in.
        #[doc(hidden)]
        pub fn nova_library() -> $crate::abi::LibraryRef {
            extern "C" fn __nova_declare() -> $crate::abi::DeclaredRoutes {
                $crate::abi::declare($routes)
            }
            extern "C" fn __nova_fits(
                saved: $crate::abi::SavedState<'_>,
            ) -> $crate::abi::StateFits {
                $crate::abi::fits($routes, saved)
            }
            extern "C" fn __nova_init(context: $crate::abi::HostContext) -> $crate::abi::Starting {
                // SAFETY: the note that is defined below; only its address is taken.
                unsafe extern "C" {
                    static nova_library_note: u8;
                }
                $crate::abi::init($routes, context, (&raw const nova_library_note).addr())
            }
            $crate::abi::library(__nova_declare, __nova_fits, __nova_init)
        }

        // No lint is allowed here: an app that forbids one could not compile, and of what a macro of
        // another crate has written rustc says nothing.
        #[doc(hidden)]
        const _: () = {
            extern "C" fn root_module() -> $crate::abi::RootModuleResult {
                $crate::abi::root_module(nova_library)
            }
            // SAFETY: the name is abi_stable's for a root module, and its type is the one that
            // abi_stable reads there.
            #[unsafe(no_mangle)]
            pub static _1as_0lib_1header_0root_bmodule_bloader: $crate::abi::LibHeader = {
                // SAFETY: the function above gives what `root_module` of the SDK gives.
                unsafe { $crate::abi::header(root_module) }
            };

            const PARTS: &[&str] = &[
                $crate::abi::MAGIC,
                $crate::abi::NOTE_SDK,
                $crate::abi::NOTE_PANIC,
                concat!("app=", env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n"),
                $($swap),*
            ];
            // SAFETY: plain bytes under a name of Nova's own.
            #[unsafe(no_mangle)]
            pub static nova_library_note: [u8; $crate::abi::joined_len(PARTS)] =
                $crate::abi::join(PARTS);
        };
    };
    ($routes:path) => {
        $crate::export!(@library $routes,);
    };
    ($routes:path, swap = $mode:expr) => {
        $crate::export!(
            @library $routes,
            "swap=", $crate::abi::swap_name($mode), "\nswap-declared=yes\n"
        );
    };
    // For an app whose hooks ask for that mode, unless what its library holds asks for more.
    ($routes:path, least_swap = $mode:expr) => {
        $crate::export!(@library $routes, "swap=", $crate::abi::swap_name($mode), "\n");
    };
}

/// What a note says of this mode.
#[must_use]
pub const fn swap_name(mode: SwapMode) -> &'static str {
    mode.as_str()
}

/// What `routes` of a library gives.
pub type DeclaredRoutes = RResult<RVec<Route>, Failure>;
/// What an app has saved, lent to a library.
pub type SavedState<'a> = RSlice<'a, u8>;
/// What `fits` of a library gives.
pub type StateFits = RResult<(), Failure>;
/// What `init` of a library gives.
pub type Starting = GuardedFuture<'static, App>;

/// The root module of a library with these entry points.
#[must_use]
pub fn library(
    routes: extern "C" fn() -> DeclaredRoutes,
    fits: extern "C" fn(SavedState<'_>) -> StateFits,
    init: extern "C" fn(HostContext) -> Starting,
) -> LibraryRef {
    Library { routes, fits, init }.leak_into_prefix()
}

/// Declares the routes to the host.
pub fn declare(routes: fn() -> Routes) -> DeclaredRoutes {
    let declared = panics::catch(|| {
        routes().routes().iter().map(|route| Route::from(&**route)).collect::<RVec<_>>()
    });
    match declared {
        Ok(routes) => RResult::ROk(routes),
        Err(panic) => RResult::RErr(Failure::panic(panics::describe(&panic))),
    }
}

/// Says whether `import` of the app can read what was saved.
pub fn fits(routes: fn() -> Routes, saved: SavedState<'_>) -> StateFits {
    match panics::catch(|| routes().fits(saved.as_slice())) {
        Ok(Ok(())) => RResult::ROk(()),
        Ok(Err(Misfit(reason))) => RResult::RErr(Failure::misfit(reason)),
        Err(panic) => RResult::RErr(Failure::panic(panics::describe(&panic))),
    }
}

/// Starts the app: its runtime, its log, its `init`. `note` is the address of the library's note.
pub fn init(routes: fn() -> Routes, context: HostContext, note: usize) -> Starting {
    GuardedFuture::new(async move { start(routes, context, note).await.map(App::new) })
}

async fn start(
    routes: fn() -> Routes,
    context: HostContext,
    note: usize,
) -> Result<Running, Failure> {
    let HostContext { purpose, saved, services } = context;
    panics::install_hook();
    if let Some(sink) = services.log() {
        log::use_sink(sink);
    }
    let (build_id, dev) = (services.build_id().to_owned(), services.is_dev());
    let public = services.public().map(|(url, hashed)| (url.to_owned(), hashed.to_owned()));
    let started = info::started(&build_id, dev, public.collect(), services.rooms());
    let runtime = AppRuntime::start(started)
        .map_err(|error| Failure::error(format!("the app's runtime does not start: {error}")))?;
    let init = async move {
        let context = InitContext {
            purpose: match purpose {
                nova_abi::Purpose::Serve => Purpose::Serve,
                nova_abi::Purpose::Preflight => Purpose::Preflight,
                nova_abi::Purpose::Precompile => Purpose::Precompile,
            },
            dev,
            stylesheet: services.stylesheet().map(str::to_owned),
            favicon: services.favicon().map(str::to_owned),
            saved: saved.map(|saved| saved.to_vec()).into_option(),
        };
        let routes = routes();
        log::install(routes.subscriber(context.purpose).await?)?;
        routes.init(context).await
    };
    let app = panics::Caught::new(InContext::new(runtime.context(), init)).await;
    // `init` may have installed another.
    panics::install_hook();
    match app {
        Ok(Ok(app)) => Ok(Running::new(app, runtime, note)),
        Ok(Err(error)) => Err(match error.source().and_then(|it| it.downcast_ref::<Misfit>()) {
            Some(Misfit(reason)) => Failure::misfit(reason.as_str()),
            None => Failure::error(log::with_advice(cause(&error))),
        }),
        Err(panic) => Err(Failure::panic(log::with_advice(panics::describe(&panic)))),
    }
}

/// What an error says to the people who run the app.
fn cause(error: &Error) -> String {
    let Some(source) = error.source() else { return error.message().to_owned() };
    let chain = std::iter::successors(Some(source), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
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
