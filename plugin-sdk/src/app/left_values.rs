//! Whether functions find what they take of middleware, known before the first request.

use super::folders::{Folder, Folders};
use crate::extract::Uses;
use crate::pipeline::route::AnyHandler;

impl Folders {
    /// Checks that the middleware above a page leaves what its functions take, which are given with
    /// their names.
    ///
    /// # Errors
    /// If something is missing: what, where, and what to do.
    pub(super) fn check_page<'a>(
        &self,
        file: &str,
        functions: impl Iterator<Item = (&'a str, &'a AnyHandler)>,
    ) -> Result<(), String> {
        let above = self.middleware.iter().filter(|(folder, _)| folder.holds(file));
        let above: Vec<Uses> = above.map(|(_, handler)| handler.uses()).collect();
        for (name, function) in functions {
            check(file, name, &function.uses(), &above)?;
        }
        Ok(())
    }

    /// The same of middleware and layouts.
    ///
    /// # Errors
    /// As for a page.
    pub(super) fn check(&self) -> Result<(), String> {
        for (at, (folder, middleware)) in self.middleware.iter().enumerate() {
            let above = self.middleware_above(*folder, at);
            check(&folder.file("_middleware.rs"), "middleware", &middleware.uses(), &above)?;
        }
        for (folder, layout) in &self.layouts {
            let above = self.middleware_above(*folder, self.middleware.len());
            check(&folder.file("_layout.rs"), "layout", &layout.uses(), &above)?;
        }
        Ok(())
    }

    /// What the first `count` functions of middleware leave for a file that stands in `folder`.
    fn middleware_above(&self, folder: Folder, count: usize) -> Vec<Uses> {
        let file = folder.file("");
        let above = self.middleware[..count].iter().filter(|(outer, _)| outer.holds(&file));
        above.map(|(_, handler)| handler.uses()).collect()
    }
}

fn check(file: &str, function: &str, uses: &Uses, above: &[Uses]) -> Result<(), String> {
    let Some(ty) = uses.missing_from(above) else { return Ok(()) };
    Err(format!(
        "{file}: `{function}` takes `Extension<{ty}>`, and no middleware above it leaves one\n  help: \
         in a `_middleware.rs` above, take `next: Next<{ty}>` and call `next.run_with(request, ..)`; or \
         take `Option<Extension<{ty}>>` in {file}"
    ))
}
