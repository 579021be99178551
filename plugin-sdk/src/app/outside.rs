//! What answers where no route does: the functions of the nearest folder.
//!
//! An address without a page is still in a folder. `/api/none` is in `pages/api`, so the middleware
//! of that folder sees the request, and its error page answers. Folders are found as routes are: each
//! one that has a function is a pattern that takes whatever is below it.

use std::collections::BTreeMap;

use nova_routing::{Pattern, Router, Segment};

use super::folders::{Folder, Folders};
use crate::body::DEFAULT_BODY_LIMIT;
use crate::pipeline::route::{Outside, OutsideFolder};
use crate::request::RouteInfo;

/// The name of what is below a folder. No file can give a parameter this name.
const BELOW: &str = "{*-?}";

/// The folders of an app, to be found by path, and the first invalid pattern among them.
pub(super) fn outside(folders: &Folders) -> (Outside, Option<String>) {
    let folder = |folder, pattern| OutsideFolder {
        info: RouteInfo::of_folder(pattern, DEFAULT_BODY_LIMIT),
        scope: folders.scope_in(folder),
    };
    let mut outside = Outside { folders: Vec::new(), places: Router::new() };
    outside.folders.push(folder(Folder::ROOT, Pattern::root()));
    let mut problem = None;
    // First those of which no parameter may be missing.
    let mut by_shape: BTreeMap<(bool, String), Vec<(Folder, Pattern)>> = BTreeMap::new();
    for folder in folders.with_functions() {
        match Pattern::parse(folders.pattern(folder)) {
            // A group at the root has the root's address.
            Ok(pattern) if pattern.segments().is_empty() => {}
            Ok(pattern) => {
                let optional = |it: &Segment| matches!(it, Segment::Optional(..));
                let key = (pattern.segments().iter().any(optional), pattern.shape());
                by_shape.entry(key).or_default().push((folder, pattern));
            }
            Err(invalid) => {
                problem.get_or_insert(format!("pages{}: {invalid}", folder.as_str()));
            }
        }
    }
    for candidates in by_shape.into_values() {
        let Some((name, pattern)) = the_one(candidates) else { continue };
        // Nothing can follow a parameter that takes the rest of the path.
        let below = Pattern::parse(&format!("{pattern}/{BELOW}")).unwrap_or(pattern.clone());
        // Patterns of two shapes conflict where a parameter may be missing.
        if outside.places.insert(below, outside.folders.len()).is_ok() {
            outside.folders.push(folder(name, pattern));
        }
    }
    (outside, problem)
}

/// Of several folders with one address that which is in no group; if there is not one such folder,
/// none, and the folder around them answers.
fn the_one(mut candidates: Vec<(Folder, Pattern)>) -> Option<(Folder, Pattern)> {
    if candidates.len() > 1 {
        candidates.retain(|(folder, _)| !folder.is_grouped());
    }
    let first = candidates.pop();
    first.filter(|_| candidates.is_empty())
}
