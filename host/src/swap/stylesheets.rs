//! The stylesheets that pages may still name: that of the release that came last, and a few older.

use parking_lot::{Mutex, MutexGuard};

use crate::release::Stylesheet;

/// Where the stylesheets of releases are served.
pub const STYLESHEETS: &str = "/_nova/";

/// How many stay served: a page that was answered before a swap, or before a few of them, still
/// finds its own.
const KEPT: usize = 8;

/// See the module; the newest is the last.
#[derive(Debug, Default)]
pub(super) struct Stylesheets(Mutex<Vec<Stylesheet>>);

impl Stylesheets {
    /// Serves a stylesheet, as the one that came last.
    pub(super) fn add(&self, sheet: Stylesheet) {
        let mut sheets = self.list();
        sheets.retain(|kept| kept.name != sheet.name);
        sheets.push(sheet);
        let surplus = sheets.len().saturating_sub(KEPT);
        sheets.drain(..surplus);
    }

    /// The one with a file name.
    pub(super) fn find(&self, name: &str) -> Option<Stylesheet> {
        self.list().iter().find(|sheet| sheet.name == name).cloned()
    }

    /// All of them, oldest first.
    pub(super) fn list(&self) -> MutexGuard<'_, Vec<Stylesheet>> {
        self.0.lock()
    }
}
