//! What an app puts around its pages: layouts, middleware, error pages.

use http::StatusCode;

use super::folder::Folder;
use crate::application::{ErrorPage, Scope};
use crate::handler::Function;

/// The functions around pages, by the folder that they stand in.
pub(crate) struct Surroundings {
    pub(super) layouts: Vec<(Folder, Function)>,
    pub(super) middleware: Vec<(Folder, Function)>,
    pub(super) errors: Vec<(Folder, Function)>,
    pub(super) not_found: Option<Function>,
}

impl Surroundings {
    pub(super) fn new() -> Self {
        Self { layouts: Vec::new(), middleware: Vec::new(), errors: Vec::new(), not_found: None }
    }

    /// Outermost first: of two folders that hold one page, the shorter is the outer.
    pub(super) fn sort(&mut self) {
        for folders in [&mut self.layouts, &mut self.middleware, &mut self.errors] {
            folders.sort_by_key(|(folder, _)| folder.depth());
        }
    }

    /// What surrounds the page in `file`, or an answer without a page.
    pub(crate) fn scope(&self, file: Option<&str>) -> Scope {
        let holds = |folder: &Folder| file.map_or(folder.is_root(), |file| folder.holds(file));
        let of = |folders: &[(Folder, Function)]| -> Vec<(Folder, Function)> {
            folders.iter().filter(|(folder, _)| holds(folder)).cloned().collect()
        };
        let layouts = of(&self.layouts);
        let around = |inner: &Folder| {
            layouts.iter().filter(|(folder, _)| folder.depth() <= inner.depth()).count()
        };

        let mut errors: Vec<ErrorPage> = Vec::new();
        let mut not_found = self.not_found.as_ref().map(|handler| ErrorPage {
            handler: handler.clone(),
            layouts: around(&Folder::ROOT),
            only: Some(StatusCode::NOT_FOUND),
        });
        for (folder, handler) in of(&self.errors).into_iter().rev() {
            if folder.is_root() {
                errors.extend(not_found.take());
            }
            errors.push(ErrorPage { handler, layouts: around(&folder), only: None });
        }
        errors.extend(not_found);
        let handlers = |folders: Vec<(Folder, Function)>| {
            folders.into_iter().map(|(_, handler)| handler).collect()
        };
        Scope {
            errors,
            layouts: handlers(layouts.clone()),
            middleware: handlers(of(&self.middleware)),
        }
    }
}
