//! A page library: one page, compiled against the app library that it belongs to.
//!
//! It is a part of an app and no route library of its own, so it has neither root module nor note:
//! it exports one function, which tells the app's SDK what the page answers. What the function is
//! given is the SDK's own; the host carries the function over and never looks inside.

use abi_stable::{
    StableAbi,
    std_types::{RArc, ROption, RVec},
};

use crate::{App, Failure, Route};

/// The one exported function of a page library.
#[repr(transparent)]
#[derive(Clone, Copy, StableAbi)]
pub struct PageEntry(unsafe extern "C" fn(*mut ()));

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

/// What [`App::attach`] gives.
#[repr(C)]
#[derive(StableAbi)]
pub(crate) struct Attached {
    pub(crate) app: App,
    pub(crate) routes: RVec<RArc<Route>>,
}

/// Why pages were not attached.
#[repr(C)]
#[derive(Debug, Clone, StableAbi)]
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
