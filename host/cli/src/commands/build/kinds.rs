//! How the pages of a release answer: as files, at once, or piece by piece.

use std::collections::BTreeMap;

use super::report::PageKind;
use super::{BuildJob, SiteFiles, gate};
use crate::commands::precompile;

/// How each page answers, by its file.
pub(super) fn of(
    job: &BuildJob<'_>,
    files: &SiteFiles,
    exercised: Option<&precompile::Exercise>,
) -> BTreeMap<String, PageKind> {
    let pages = job.prepared.tree.pages.iter().map(|page| {
        // What was seen counts more than what the text tells.
        let seen = exercised.and_then(|done| gate::streams(done, &page.file));
        let kind = match seen {
            _ if files.rendered.contains(&page.file) => PageKind::Static,
            Some(true) => PageKind::Streaming,
            Some(false) => PageKind::Dynamic,
            None => kind_by_text(job, &page.file),
        };
        (page.file.clone(), kind)
    });
    pages.collect()
}

/// How a page answers, by its text: one that makes no stream is dynamic.
fn kind_by_text(job: &BuildJob<'_>, file: &str) -> PageKind {
    let text = std::fs::read_to_string(job.prepared.project.dir().join(file)).unwrap_or_default();
    let makes = ["Sse", "Body::channel(", "Body::from_stream("];
    if makes.iter().any(|stream| text.contains(stream)) {
        PageKind::Streaming
    } else {
        PageKind::Dynamic
    }
}
