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
pub mod page;
mod panics;
mod running;

use nova_abi::abi_stable::std_types::{RResult, RVec};
use nova_abi::async_ffi::{FfiFuture, FutureExt};
use nova_abi::{Failure, guarded};

use self::running::{AppRuntime, Inside, Running};
use crate::app::{InitContext, Routes};
use crate::error::Error;
use crate::hooks::Purpose;
use crate::info;

pub use nova_abi::abi_stable::library::{LibHeader, RootModuleResult};
pub use nova_abi::abi_stable::prefix_type::PrefixTypeTrait;
pub use nova_abi::note::{MAGIC, join, joined_len};
pub use nova_abi::root::{header, root_module};
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
                // SAFETY: the note that is defined below; only its address is taken.
                #[allow(unsafe_code)]
                unsafe extern "C" {
                    static nova_library_note: u8;
                }
                $crate::abi::init($routes, context, (&raw const nova_library_note).addr())
            }
            $crate::abi::library(__nova_declare, __nova_init)
        }

        /// What the library is told besides, by a host that links it in.
        #[doc(hidden)]
        pub fn nova_library_told(text: &str) {
            $crate::abi::tell(text);
        }

        #[doc(hidden)]
        #[allow(unsafe_code, non_upper_case_globals)]
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
            ];
            // SAFETY: plain bytes under a name of Nova's own.
            #[unsafe(no_mangle)]
            pub static nova_library_note: [u8; $crate::abi::joined_len(PARTS)] =
                $crate::abi::join(PARTS);

            // SAFETY: a name of Nova's own, and the type by which a host calls it.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn nova_library_told(text: *const u8, length: usize) {
                // SAFETY: the host's promise is the one that is asked for.
                unsafe { $crate::abi::told(text, length) }
            }
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

/// Takes what a host says besides the context of `init`. What cannot be read is as if unsaid.
///
/// # Safety
/// As [`nova_abi::told::Told`] asks for.
pub unsafe fn told(text: *const u8, length: usize) {
    if text.is_null() {
        return;
    }
    // SAFETY: the caller promises that the bytes can be read until this returns.
    let text = unsafe { std::slice::from_raw_parts(text, length) };
    // A panic must not leave this function, and there is nobody to tell of one.
    drop(panics::catch(|| info::told(text)));
}

/// The same for a host that links the library in.
pub fn tell(text: &str) {
    info::told(text.as_bytes());
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

/// Starts the app: its runtime, its log, its `init`. `note` is the address of the library's note.
pub fn init(routes: fn() -> Routes, context: HostContext, note: usize) -> Starting {
    async move {
        match guarded(start(routes, context, note)).await {
            Ok(Ok(running)) => RResult::ROk(App::new(running)),
            Ok(Err(failure)) => RResult::RErr(failure),
            Err(message) => RResult::RErr(Failure::panic(message)),
        }
    }
    .into_ffi()
}

async fn start(
    routes: fn() -> Routes,
    context: HostContext,
    note: usize,
) -> Result<Running, Failure> {
    panics::install_hook();
    log::install(context.log);
    let runtime = AppRuntime::start(info::started(&context.build_id, context.dev))
        .map_err(|error| Failure::error(format!("the app's runtime does not start: {error}")))?;
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
    let app = panics::Caught::new(Inside::new(runtime.place(), init)).await;
    match app {
        Ok(Ok(app)) => Ok(Running::new(app, runtime, note)),
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_macro_exports_the_name_that_abi_stable_looks_for() {
        let name = nova_abi::abi_stable::library::ROOT_MODULE_LOADER_NAME;
        assert!(include_str!("abi.rs").contains(&format!("pub static {name}:")), "{name}");
        assert_eq!(nova_abi::note::SYMBOL, "nova_library_note");
        assert_eq!(nova_abi::told::SYMBOL, "nova_library_told");
    }
}
