//! What an app offers besides the contract while each of its pages is a library of its own
//! (`nova dev`): to go on with another set of pages, as another view of the same running app.
//!
//! This is no part of the contract. An app has it as an [`Extension`], which is found by its name
//! and refuses nobody who does not know it; the number in the name moves with every change here. A
//! page library has neither root module nor note: it exports one function, which tells the app's SDK
//! what the page answers. What the function is given is the SDK's own; whoever maps the library
//! carries the function over and never looks inside.
#![allow(unsafe_code)] // A part of the contract's folder: see ARCHITECTURE.md.

use std::panic::{AssertUnwindSafe, catch_unwind};

use nova_abi::abi_stable::std_types::{RArc, ROption, RResult, RSlice, RVec};
use nova_abi::{App, Exported, Extension, Failure, Plugin, Route};

/// The one exported function of a page library.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct PageEntry(unsafe extern "C" fn(*mut ()));

// SAFETY: a function pointer is an address; what is exported under such a name is what the SDK's
// `export_page!` makes, a function of this type.
unsafe impl Exported for PageEntry {
    const PREFIX: &'static str = "nova_page_";
}

impl PageEntry {
    /// The entry of a page library that stays mapped.
    ///
    /// # Safety
    /// The function is what the SDK's macro exports, of a library that was compiled against the
    /// app library, and the image, of each app that the entry will be attached to.
    #[must_use]
    pub const unsafe fn new(entry: unsafe extern "C" fn(*mut ())) -> Self {
        Self(entry)
    }

    /// Calls the page.
    ///
    /// # Safety
    /// `pages` points to what the macro of this very SDK expects, borrowed for the call alone.
    pub unsafe fn call(self, pages: *mut ()) {
        // SAFETY: the caller's promise, and that of `new`.
        unsafe { (self.0)(pages) }
    }

    /// Where the function is: another page, or another build of it, is elsewhere.
    #[must_use]
    pub fn address(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Debug for PageEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PageEntry({:#x})", self.address())
    }
}

/// Another view of an app, and all its routes in the order that a call counts. The routes are
/// told in shared pieces: a view of a thousand pages may differ from the one before in one.
pub type View = (App, Vec<RArc<Route>>);

#[repr(C)]
struct Attached {
    app: App,
    routes: RVec<RArc<Route>>,
}

/// Why pages were not attached.
#[repr(C)]
#[derive(Debug, Clone)]
pub struct NotAttached {
    /// Which of the pages it is about; `None`: about the app.
    pub page: ROption<usize>,
    /// The reason.
    pub failure: Failure,
}

impl NotAttached {
    /// A reason that lies in the app.
    #[must_use]
    pub fn app(failure: Failure) -> Self {
        Self { page: ROption::RNone, failure }
    }

    /// A reason that lies in the page at this place of the list.
    #[must_use]
    pub fn page(index: usize, failure: Failure) -> Self {
        Self { page: ROption::RSome(index), failure }
    }
}

/// What the SDK implements: an app that can go on with other pages.
pub trait PartedPlugin: Plugin + Sized {
    /// Another view of the same running application, whose routes are the library's own and then
    /// those of these page libraries. The view is complete in itself: its routes are counted anew,
    /// and it lives as long as the host keeps it.
    ///
    /// # Errors
    /// If the application was not made for pages to be attached, or a page does not fit it.
    fn attach(&self, pages: &[PageEntry]) -> Result<(Self, Vec<RArc<Route>>), NotAttached>;
}

/// The table of a [`PartedPlugin`].
#[repr(C)]
#[derive(Debug)]
pub struct Parts {
    attach:
        unsafe extern "C" fn(*const (), RSlice<'_, PageEntry>) -> RResult<Attached, NotAttached>,
}

// SAFETY: the name is this type's, with the number of what is in it.
unsafe impl Extension for Parts {
    const NAME: &'static str = "nova-parts/1";
}

impl Parts {
    /// The table of applications of this type.
    #[must_use]
    pub const fn of<P: PartedPlugin>() -> Self {
        Self { attach: attach_to::<P> }
    }
}

unsafe extern "C" fn attach_to<P: PartedPlugin>(
    plugin: *const (),
    pages: RSlice<'_, PageEntry>,
) -> RResult<Attached, NotAttached> {
    // SAFETY: `plugin` is the application that has given this table away, borrowed for the call.
    let plugin = unsafe { &*plugin.cast::<P>() };
    match catch_unwind(AssertUnwindSafe(|| plugin.attach(pages.as_slice()))) {
        Ok(Ok((view, routes))) => {
            RResult::ROk(Attached { app: App::new(view), routes: routes.into() })
        }
        Ok(Err(refused)) => RResult::RErr(refused),
        Err(payload) => {
            // It may panic in its drop; a panic is rare, so it is leaked instead.
            std::mem::forget(payload);
            RResult::RErr(NotAttached::app(Failure::panic("attaching the pages panicked")))
        }
    }
}

/// Another view of the same running app, with the routes of these page libraries after the library's
/// own.
///
/// # Errors
/// If the app was not opened for pages, a page does not fit it, or declaring a page panicked.
pub fn attach(app: &App, pages: &[PageEntry]) -> Result<View, NotAttached> {
    let Some((parts, plugin)) = app.extension::<Parts>() else {
        return Err(NotAttached::app(Failure::error("its SDK knows nothing of page libraries")));
    };
    // SAFETY: the plugin has given this table for itself; the slice lives through the call. What
    // the entries need is promised by who made them.
    let attached = unsafe { (parts.attach)(plugin, RSlice::from_slice(pages)) };
    attached.into_result().map(|Attached { app, routes }| (app, routes.into()))
}
