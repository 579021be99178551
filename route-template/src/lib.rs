//! From a folder of pages to a compiled route library.

mod cargo;
mod codegen;
mod crate_root;
mod files;
mod hooks;
mod items;
mod library;
mod manifest;
mod modules;
mod pattern;
mod prepare;
mod problem;
mod project;
mod release;
mod route;
mod source;
mod styles;
mod tree;

pub use cargo::{Build, Built, CargoError, Diagnostic, Event, Level, Output, Running, Stopper};
pub use codegen::{Destination, Generated, generate};
pub use crate_root::{BEGIN, CrateRootError, END, Origins, Synced, sync};
pub use hooks::Hooks;
pub use items::Function;
pub use library::LibraryError;
pub use manifest::{AppName, LIBRARY, MANIFEST, Manifest, ReleaseFile, Route};
pub use modules::{Module, ModuleTree};
pub use pattern::{BadName, Pattern, Segment};
pub use prepare::{PrepareError, Prepared, prepare};
pub use problem::{Problem, Problems, Warning};
pub use project::{OpenError, Project};
pub use release::{ReleaseError, write_release};
pub use route::{Handler, Method, NotFound, Page, Special, SpecialKind};
pub use source::{Place, Position, SourceFile};
pub use styles::{Style, StyleError, Stylesheet, compile_styles};
pub use tree::{RouteTree, Sources};
