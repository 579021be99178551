//! An app in parts, for development: the time from a save to the new page does not grow with it.
//!
//! ```text
//! libstd.so  <-  sys image: the SDK and the app's dependencies     once
//!            <-  app library: components, app.rs, layouts          when one of them changes
//!            <-  one small library for each page                   on demand
//! ```
//!
//! cargo compiles the dependencies and is asked how it would call the compiler for the app
//! (`capture`); from then on [`PartsCompiler`] calls the compiler directly. Each library has a file
//! name, and with it a soname, of its own: the dynamic linker takes two files of one name for one
//! library. A page names the app library that it was built against, and loads with no other.
//!
//! What cannot be a part of its own stays together: a page that other files name, or that only
//! compiles as a part of the crate, is a module of the app library.
//!
//! Everything lies in `.nova/parts` of the app and outlives the session, but for the sys images,
//! which all apps of a user share ([`ImageCache`]). Four rooms go beyond what cargo and rustc
//! promise; each says in its first lines what turns it off, and without it everything is as right
//! and takes longer:
//!
//! - `ahead`: a page is linked against the app library before. Off with `NOVA_DEV_AHEAD=0`.
//! - `outline`: the linker is given an empty library with the name of the sys image.
//! - `cache_keys` and `package_env`: an app takes an image that another app let cargo build.

mod ahead;
mod allocator;
mod build_script;
mod cache_keys;
mod capture;
mod compiler;
mod error;
mod fingerprint;
mod flags;
mod image;
mod image_cache;
mod invocation;
mod native;
mod outline;
mod package_env;
mod references;
mod roots;
mod toolchain;
mod unit;
mod user_wrapper;

pub use ahead::{Link, PageAhead};
pub use allocator::chooses_allocator;
pub use build_script::BuildScript;
pub use cache_keys::key_files;
pub use capture::{RustcCall, wrapper_main};
pub use compiler::{AppLibrary, PageUnit, PartsCompiler};
pub use error::PartsError;
pub use fingerprint::Fingerprint;
pub use image::SysImage;
pub use image_cache::{CachedImage, ImageCache};
pub use references::references;
pub use toolchain::Toolchain;
pub use unit::{RunningUnit, Unit, UnitOutput};
