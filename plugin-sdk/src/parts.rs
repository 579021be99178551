//! A parted app: in development, each page is a library of its own.
//!
//! The app library holds what pages share (components, `app.rs`, layouts, middleware) and starts
//! the app; a page library adds one page to it. Both are linked to one image, the library that
//! holds this crate, so that types and statics are the same on both sides. When a page is saved,
//! the host attaches the new one: another *view* of the running app, with the same state.

pub use crate::app::page_libraries::{
    Pages, StateOf, TypedPages, init_async_0, init_async_1, init_sync_0, init_sync_1, no_state,
};
