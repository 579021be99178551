//! A release: a library, its manifest, and its assets.
//!
//! A folder that `nova compile` or `nova build` wrote is a release; a bare library is one without
//! assets, unless the manifest that fits it lies beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::Deserialize;

use crate::loader::{BuildId, Candidate, LoadError, inspect};

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
    /// The folder of public files that belongs to the release.
    pub public: Option<PathBuf>,
    /// The manifest as it was read, if it is this library's.
    pub manifest: Option<Bytes>,
}

/// One compiled stylesheet.
#[derive(Debug, Clone)]
pub struct Stylesheet {
    /// Its file name, which carries a hash of its content.
    pub name: String,
    /// Where it lies in the release.
    pub file: PathBuf,
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
}

#[derive(Debug, Deserialize)]
struct Asset {
    file: PathBuf,
}

impl Stylesheet {
    /// The stylesheet of a release folder that is known to be whole.
    ///
    /// # Errors
    /// If a part cannot be read.
    pub fn of(folder: &Path) -> Result<Option<Self>, ReleaseError> {
        let manifest = read_manifest(&folder.join(MANIFEST), false)?;
        let asset = manifest.and_then(|(manifest, _)| manifest.stylesheet);
        asset.map(|asset| read_stylesheet(folder, &asset.file)).transpose()
    }
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
            Some(read) if read.0.build_id == candidate.build_id => Some(read),
            Some((manifest, _)) if whole => {
                return Err(ReleaseError::Mixed {
                    manifest: folder.join(MANIFEST),
                    expected: manifest.build_id,
                    found: candidate.build_id,
                });
            }
            // The manifest of another library: this one is bare.
            _ => None,
        };
        let (manifest, bytes) = manifest.unzip();
        let stylesheet = match manifest.and_then(|manifest| manifest.stylesheet) {
            Some(asset) => Some(read_stylesheet(folder, &asset.file)?),
            None => None,
        };
        let public = Some(folder.join("public")).filter(|public| whole && public.is_dir());
        Ok(Self { source: source.to_owned(), candidate, stylesheet, public, manifest: bytes })
    }
}

fn read_manifest(path: &Path, required: bool) -> Result<Option<(Manifest, Bytes)>, ReleaseError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => return Ok(None),
        Err(source) => {
            return Err(ReleaseError::Read { path: path.into(), what: "manifest", source });
        }
    };
    serde_json::from_slice(&text)
        .map(|manifest| Some((manifest, text.into())))
        .map_err(|source| ReleaseError::Manifest { path: path.into(), source })
}

fn read_stylesheet(folder: &Path, file: &Path) -> Result<Stylesheet, ReleaseError> {
    let path = folder.join(file);
    let failed = |source| ReleaseError::Read { path: path.clone(), what: "stylesheet", source };
    // Only the name decides about the URL; a manifest does not lead out of its folder.
    let name = file.file_name().and_then(|name| name.to_str());
    let plain = file.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let Some(name) = name.filter(|_| plain) else {
        let text = "its path in the manifest leads out of the release";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, text)));
    };
    let bytes = fs::read(&path).map_err(failed)?;
    Ok(Stylesheet { name: name.to_owned(), file: file.to_owned(), bytes: bytes.into() })
}
