//! From a folder of pages to a compiled route library.
//!
//! The way of an app through this crate:
//!
//! 1. [`Project`] finds its parts on disk and reads its sources, those anew that
//!    [`SourceCache`] does not know already.
//! 2. [`RouteTree`] works out, from paths and texts alone, what they answer, or everything that
//!    is wrong with them ([`Problem`]).
//! 3. [`generate`] writes the declarations and the `routes` function, and [`sync`] puts them
//!    between two marker lines of the app's `lib.rs`. That file is checked in, so cargo and
//!    editors build the app without any of this. [`prepare`] does these three.
//! 4. [`Build`] runs cargo, which makes a `cdylib` of the crate, and passes on what rustc says.
//! 5. [`compile_styles`] makes one stylesheet of `styles/`.
//! 6. [`write_release`] puts library, stylesheet and [`Manifest`] where a host takes them up.
//!
//! For development, [`split`] compiles an app in parts, each page by itself.
//!
//! Beside that: [`Settings`] reads `nova.toml`, and [`scaffold`] makes new apps.
//!
//! Nothing here loads a library or listens; that is the host's part.
//!
//! ```no_run
//! use nova_route_template::{Build, Style, compile_styles, prepare, write_release};
//!
//! let app = prepare("my-app".as_ref())?;
//! let build = Build::new(&app.project, app.crate_root.origins.clone());
//! let built = build.start()?.wait(|event| println!("{event:?}"))?;
//! let styles = compile_styles(&app.project, Style::Compressed)?;
//! write_release("build".as_ref(), &app, &built, "release", styles.as_ref(), &Default::default())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod cargo;
mod codegen;
mod crate_root;
mod debug_file;
mod exercises;
mod files;
mod hooks;
mod items;
mod library;
mod manifest;
mod modules;
mod pattern;
mod prepare;
mod prerendered;
mod problem;
mod project;
mod public;
mod release;
mod route;
pub mod scaffold;
mod settings;
mod source;
pub mod split;
mod styles;
mod symbols;
mod tree;

pub use cache::SourceCache;
pub use cargo::{
    Artifact, Build, Built, CargoError, Diagnostic, Event, Level, Output, Running, Stopper,
};
pub use codegen::{Destination, Generated, generate};
pub use crate_root::{BEGIN, CrateRootError, END, Origins, Synced, is_in_step, sync};
pub use debug_file::{DebugError, Stripped, strip};
pub use exercises::Exercises;
pub use hooks::Hooks;
pub use items::Function;
pub use library::{LibraryError, least_glibc};
pub use manifest::{
    App, LIBRARY, MANIFEST, Manifest, PrerenderedPage, PublicFile, ReleaseFile, Route, SIGNATURE,
};
pub use modules::{Module, ModuleTree};
pub use pattern::{BadName, Pattern, Segment};
pub use prepare::{PrepareError, Prepared, prepare, prepare_with};
pub use prerendered::write_prerendered;
pub use problem::{Problem, Problems, Warning};
pub use project::{OpenError, Project};
pub use public::{PublicFiles, write_public};
pub use release::{ReleaseError, write_release};
pub use route::{Handler, Method, NotFound, Page, Special, SpecialKind};
pub use settings::{
    BuildSettings, DevSettings, Lto, OptLevel, PartialDevSettings, PartialSettings, Settings,
    SettingsError, Strip,
};
pub use source::{Place, Position, SourceFile};
pub use styles::{Style, StyleError, Stylesheet, compile_styles};
pub use symbols::{CrateSize, Sizes, sizes};
pub use tree::{RouteTree, Sources};
