//! `nova new`: an app out of a template.
//!
//! A template is an ordinary app that builds where it stands in this repository. Making an app
//! of it replaces its name and where the SDK is; the SDK itself goes into the app, in
//! `vendor/nova`, so that a clone of the app builds on any machine. A further app of a workspace uses the
//! SDK that is there.
//!
//! [`render`] gives the files as values; [`create`] writes them.

mod app;
mod dependency;
mod embedded;
mod name;
mod program;
mod vendor;
mod workspace;

pub use app::{CreateError, NewApp, create, render};
pub use dependency::AppSdk;
pub use embedded::Template;
pub use name::{AppName, NameError};
pub use program::{Program, ProgramError};
pub use vendor::{Files, VendorError, VendorReport, vendor};
