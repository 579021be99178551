//! What the files of an app mean: from names and texts alone, without the disk.
//!
//! [`tree`] is where it comes together. `pages/` gives the pages and the special files
//! ([`route`]), each name of a file a part of a [`pattern`] and each file a module ([`modules`]);
//! `app.rs` gives the [`hooks`], `precompile.rs` the [`exercises`]. The functions that all of them
//! look for are found by [`exports`], and what is wrong is a [`problem`].

pub(crate) mod exercises;
pub(crate) mod exports;
pub(crate) mod hooks;
pub(crate) mod modules;
pub(crate) mod pattern;
pub(crate) mod problem;
pub(crate) mod route;
pub(crate) mod tree;
