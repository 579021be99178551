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
//! 6. [`swap_plan`] finds out how the app is swapped, from what the library holds.
//! 7. [`write_release`] puts library, stylesheet and [`Manifest`] where a host takes them up.
//!
//! For development, [`parts`] compiles an app in parts, each page by itself.
//!
//! Beside that: [`Settings`] reads `nova.toml`, and [`scaffold`] makes new apps.
//!
//! Nothing here loads a library or listens; that is the host's part.
//!
//! ```no_run
//! use nova_route_template::{Browsers, Build, Style, compile_styles, prepare, swap_plan, write_release};
//!
//! let app = prepare("my-app".as_ref())?;
//! let build = Build::new(&app.project, app.crate_root.origins.clone());
//! let built = build.start()?.wait(|event| println!("{event:?}"))?;
//! let styles = compile_styles(&app.project, Style::Compressed, Browsers::default()).sheet?;
//! let (out, swap) = ("build".as_ref(), swap_plan(&built)?);
//! write_release(out, &app, &built, "release", &swap, styles.as_ref(), &Default::default())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cargo;
mod codegen;
mod digest;
mod files;
pub mod parts;
mod paths;
mod prepare;
mod project;
mod release;
mod routes;
pub mod scaffold;
mod sdk;
mod source;
mod styles;
mod swap;

pub use cargo::build::{Build, BuildOutput, Event, Output, RunningBuild};
pub use cargo::dep_info::DepInfo;
pub use cargo::diagnostic::{Diagnostic, Level};
pub use cargo::error::CargoError;
pub use cargo::message::Artifact;
pub use cargo::process::Stopper;
pub use codegen::crate_root::{BEGIN, CrateRootError, END, Origins, SyncReport, is_in_step, sync};
pub use codegen::{Destination, GeneratedCode, generate};
pub use prepare::{PrepareError, PreparedApp, prepare, prepare_rest, prepare_with};
pub use project::settings::{
    BuildSettings, DevSettings, Lto, OptLevel, PartialDevSettings, PartialSettings, Settings,
    SettingsError, Strip,
};
pub use project::source_cache::SourceCache;
pub use project::{OpenError, Project};
pub use release::code_size::{CodeSizes, CrateSize, code_sizes};
pub use release::error::ReleaseError;
pub use release::library::{LibraryError, interpreter, least_glibc};
pub use release::manifest::{
    App, LIBRARY, MANIFEST, Manifest, PrerenderedPage, PublicFile, ReleaseFile, Route, SIGNATURE,
};
pub use release::prerendered::write_prerendered;
pub use release::public::{PublicFiles, write_public};
pub use release::strip::{StripError, StrippedLibrary, strip};
pub use release::writer::write_release;
pub use routes::exercises::Exercises;
pub use routes::hooks::Hooks;
pub use routes::modules::{Module, ModuleTree};
pub use routes::pattern::{BadName, Pattern, Segment};
pub use routes::problem::{Problem, Problems, Reach, Warning};
pub use routes::route::{Handler, Method, Page, Special, SpecialKind};
pub use routes::tree::{RouteTree, Sources};
pub use source::file::SourceFile;
pub use source::items::Function;
pub use source::place::{Place, Position};
pub use styles::{
    BrowserVersion, Browsers, CompiledStyles, Style, StyleError, Stylesheet, compile_styles,
};
pub use swap::mode::SwapMode;
pub use swap::packages::Package;
pub use swap::plan::{SwapPlan, swap_plan};
