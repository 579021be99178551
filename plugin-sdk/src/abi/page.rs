//! A page library's side of the boundary, and the call that asks it for its pages.
//!
//! The function that a page library exports gets a thin pointer, and what it points to are Rust
//! types of this crate. That is sound because page, app library and this crate were compiled by
//! one rustc and linked to one image: the host maps a page only if the file names the app library
//! that runs, and [`enter`] asks once more whether it found that very one.

use nova_abi::Failure;
use nova_abi_parts::PageEntry;

use super::panics;
use crate::parts::Pages;

/// Makes the crate a page library: exports one function under `$symbol`, which gives the app to
/// `$declare`, a `fn(&mut nova::parts::Pages<'_>)`.
///
/// The dynamic linker looks for a symbol in a library's dependencies too, so each page library
/// has a symbol of its own.
#[doc(hidden)]
#[macro_export]
macro_rules! export_page {
    ($symbol:ident, $declare:path) => {
        #[doc(hidden)]
        const _: () = {
            // SAFETY: the app library exports its note under this name. Naming it here makes the
            // linker write the app library down as needed by this one, whatever else it uses.
            unsafe extern "C" {
                static nova_library_note: u8;
            }
            // SAFETY: the name is this page's own, and the host calls what it finds there as this
            // function alone.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $symbol(pages: *mut ()) {
                let app = (&raw const nova_library_note).addr();
                // SAFETY: the caller's promise is that of `enter`.
                unsafe { $crate::abi::page::enter(pages, app, $declare) }
            }
        };
    };
}

/// What the pointer points to.
struct Lent<'a, 'b> {
    /// Where the running app library's note is.
    app: usize,
    pages: &'a mut Pages<'b>,
    outcome: Result<(), Failure>,
}

/// Asks a page library for its pages; `app` is where the running app library's note is.
pub(super) fn declare(entry: PageEntry, app: usize, pages: &mut Pages<'_>) -> Result<(), Failure> {
    let silent = || Err(Failure::error("its exported function is none of `nova::export_page!`"));
    let mut lent = Lent { app, pages, outcome: silent() };
    // SAFETY: `enter` expects a `Lent`, borrowed for the call.
    unsafe { entry.call((&raw mut lent).cast()) };
    lent.outcome
}

/// Gives the app to a page library, if it is the one that the library was linked to; `linked` is
/// where the page library finds the note of its app library.
///
/// # Safety
/// `pages` is what `declare` of this module passes, in this very image.
pub unsafe fn enter(pages: *mut (), linked: usize, declare: fn(&mut Pages<'_>)) {
    // SAFETY: the caller's promise; `declare` of this module holds the only other reference, and
    // waits.
    let lent = unsafe { &mut *pages.cast::<Lent<'_, '_>>() };
    lent.outcome = if linked == lent.app {
        let declared = panics::catch(|| declare(lent.pages));
        declared.map_err(|panic| Failure::panic(panics::describe(&panic)))
    } else {
        Err(Failure::error("it was linked to another build of the app; build the page again"))
    };
}

#[cfg(test)]
mod tests;
