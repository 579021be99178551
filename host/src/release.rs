//! A release: a library, its manifest, and its assets.
//!
//! A folder that `nova compile` or `nova build` wrote is a release; a bare library is one without
//! assets, unless the manifest that fits it lies beside it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::Deserialize;

use crate::loader::{BuildId, Candidate, LoadError, inspect};
use crate::precompile::plan::{PLAN, Plan};
use crate::prerendered::Prerendered;

/// The file name of the library in a release folder.
pub const LIBRARY: &str = "libnova_routes.so";
/// The file name of the manifest.
pub const MANIFEST: &str = "manifest.json";

/// A release that has been read and inspected; no code of it has run.
#[derive(Debug)]
pub struct Release {
    /// What the user named: a folder or a library.
    pub source: PathBuf,
    /// The library.
    pub candidate: Candidate,
    /// The stylesheet, read into memory so that it outlives its file.
    pub stylesheet: Option<Stylesheet>,
    /// Pages that were rendered when it was built.
    pub prerendered: Prerendered,
    /// What to warm the library up with.
    pub plan: Option<Plan>,
    /// The folder of public files that belongs to the release.
    pub public: Option<PathBuf>,
    /// The URLs of public files, each with that of the copy whose name carries a hash.
    pub hashed: BTreeMap<String, String>,
}

/// One compiled stylesheet.
#[derive(Debug, Clone)]
pub struct Stylesheet {
    /// Its file name, which carries a hash of its content.
    pub name: String,
    /// The CSS.
    pub bytes: Bytes,
}

/// Why a release cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum ReleaseError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{}: the release's {what} cannot be read: {source}", .path.display())]
    Read { path: PathBuf, what: &'static str, source: io::Error },
    #[error("{}: is no manifest of `nova compile`: {source}", .path.display())]
    Manifest { path: PathBuf, source: serde_json::Error },
    #[error(
        "{}: names build {expected}, but the library beside it is {found}; \
         the release was not copied whole, copy it again", .manifest.display()
    )]
    Mixed { manifest: PathBuf, expected: BuildId, found: BuildId },
}

/// What a host reads of a manifest; the rest is for people and tools.
#[derive(Debug, Deserialize)]
struct Manifest {
    build_id: BuildId,
    stylesheet: Option<Asset>,
    #[serde(default)]
    public: Vec<PublicFile>,
    #[serde(default)]
    prerendered: Vec<PrerenderedPage>,
}

#[derive(Debug, Deserialize)]
struct PublicFile {
    url: String,
    hashed: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PrerenderedPage {
    path: String,
    file: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Asset {
    file: PathBuf,
}

impl Release {
    /// Reads the release at `source`, a folder or a library file.
    ///
    /// # Errors
    /// If a part is missing or does not fit the others.
    pub fn read(source: &Path) -> Result<Self, ReleaseError> {
        let whole = source.is_dir();
        let library = if whole { source.join(LIBRARY) } else { source.to_owned() };
        let candidate = inspect(&library)?;
        let folder = library.parent().unwrap_or(Path::new(""));
        let manifest = read_manifest(&folder.join(MANIFEST), whole)?;
        let manifest = match manifest {
            Some(manifest) if manifest.build_id == candidate.build_id => Some(manifest),
            Some(manifest) if whole => {
                return Err(ReleaseError::Mixed {
                    manifest: folder.join(MANIFEST),
                    expected: manifest.build_id,
                    found: candidate.build_id,
                });
            }
            // The manifest of another library: this one is bare.
            _ => None,
        };
        // Without a plan that can be read the library is as good, and only less warm.
        let plan = manifest.is_some().then(|| Plan::read(&folder.join(PLAN))).transpose();
        let plan = plan.unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        });
        let (stylesheet, files, pages) = match manifest {
            Some(Manifest { stylesheet, public, prerendered, .. }) => {
                (stylesheet, public, prerendered)
            }
            None => (None, Vec::new(), Vec::new()),
        };
        let mut prerendered = Prerendered::default();
        for page in pages {
            let (_, html) = read_inside(folder, &page.file, "prerendered page")?;
            prerendered.add(page.path, html);
        }
        let stylesheet = match stylesheet {
            Some(asset) => Some(read_stylesheet(folder, &asset.file)?),
            None => None,
        };
        let public = Some(folder.join("public")).filter(|public| whole && public.is_dir());
        let hashed = files.into_iter().filter_map(|file| Some((file.url, file.hashed?)));
        // Of a folder that is not there, nothing can be linked.
        let hashed = if public.is_some() { hashed.collect() } else { BTreeMap::new() };
        Ok(Self {
            source: source.to_owned(),
            candidate,
            stylesheet,
            prerendered,
            plan: plan.flatten(),
            public,
            hashed,
        })
    }
}

fn read_manifest(path: &Path, required: bool) -> Result<Option<Manifest>, ReleaseError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => return Ok(None),
        Err(source) => {
            return Err(ReleaseError::Read { path: path.into(), what: "manifest", source });
        }
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|source| ReleaseError::Manifest { path: path.into(), source })
}

fn read_stylesheet(folder: &Path, file: &Path) -> Result<Stylesheet, ReleaseError> {
    let (name, bytes) = read_inside(folder, file, "stylesheet")?;
    Ok(Stylesheet { name, bytes: bytes.into() })
}

/// The name and the content of a file that the manifest names; it does not lead out of its folder.
fn read_inside(
    folder: &Path,
    file: &Path,
    what: &'static str,
) -> Result<(String, Vec<u8>), ReleaseError> {
    let path = folder.join(file);
    let failed = |source| ReleaseError::Read { path: path.clone(), what, source };
    let name = file.file_name().and_then(|name| name.to_str());
    let plain = file.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let Some(name) = name.filter(|_| plain) else {
        let text = "its path in the manifest leads out of the release";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, text)));
    };
    let bytes = fs::read(&path).map_err(failed)?;
    Ok((name.to_owned(), bytes))
}
