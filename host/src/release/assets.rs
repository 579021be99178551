//! What a release brings besides code. Its generation keeps it, so that a release with the same
//! library and other pages or files is known to be another.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::release::Release;
use crate::release::prerendered::Prerendered;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct ReleaseAssets {
    /// Pages that were rendered when it was built.
    pub prerendered: Prerendered,
    /// The name of its stylesheet.
    stylesheet: Option<String>,
    /// The public files that its pages link by hashed names.
    hashed: BTreeMap<String, String>,
    /// The copy of its public files, if it is signed.
    signed_public: Option<PathBuf>,
}

impl ReleaseAssets {
    /// Takes it from a release.
    pub(crate) fn take(release: &mut Release) -> Self {
        Self {
            prerendered: std::mem::take(&mut release.prerendered),
            stylesheet: release.stylesheet.as_ref().map(|sheet| sheet.name.clone()),
            hashed: release.hashed.clone(),
            signed_public: signed_public(release).cloned(),
        }
    }

    /// Whether a release brings something else. What its pages link matters only where the host
    /// serves the public files of releases.
    pub(crate) fn differs(&self, release: &Release, links: bool) -> bool {
        let stylesheet = release.stylesheet.as_ref().map(|sheet| &sheet.name);
        stylesheet != self.stylesheet.as_ref()
            || release.prerendered != self.prerendered
            || (links && release.hashed != self.hashed)
            || signed_public(release) != self.signed_public.as_ref()
    }
}

/// Where the public files of a signed release are: those of any other are served from its folder,
/// and change by themselves.
fn signed_public(release: &Release) -> Option<&PathBuf> {
    release.public.as_ref().filter(|_| release.signed.is_some())
}
