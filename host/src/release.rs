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

use crate::loader::{BuildId, Candidate, LibraryFile, LoadError};
use crate::precompile::plan::{PLAN, Plan};
use crate::prerendered::Prerendered;
use crate::trust::{Signed, Trust, TrustError, sha256};

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
    /// The folder of public files that belongs to the release; of a signed one, a private copy.
    pub public: Option<PathBuf>,
    /// What was signed, if a signature was asked for: whatever else is read of the release is to
    /// be checked with it.
    pub signed: Option<Signed>,
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
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("{}: the release's {what} cannot be read: {source}", .path.display())]
    Read { path: PathBuf, what: &'static str, source: io::Error },
    #[error("{}: is no manifest of `nova compile`: {source}", .path.display())]
    Manifest { path: PathBuf, source: serde_json::Error },
    #[error(
        "{}: names build {expected}, but the library beside it is {found}; \
         the release was not copied whole, copy it again", .manifest.display()
    )]
    Mixed { manifest: PathBuf, expected: BuildId, found: BuildId },
    #[error(
        "{}: is not the file that the manifest beside it names: its SHA-256 is {found}, the \
         manifest says {expected}; copy the release again", .path.display()
    )]
    Differs { path: PathBuf, found: String, expected: String },
}

/// What a host reads of a manifest; the rest is for people and tools.
#[derive(Debug, Deserialize)]
struct Manifest {
    build_id: BuildId,
    library: Option<Asset>,
    stylesheet: Option<Asset>,
    /// Those that a signature covers besides.
    #[serde(default)]
    files: Vec<Asset>,
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
    #[serde(flatten)]
    page: Asset,
}

/// A file of the release.
#[derive(Debug, Deserialize)]
struct Asset {
    file: String,
    sha256: Option<String>,
}

impl Asset {
    /// Compares a file's hash with the one that the manifest names, if it names one.
    fn check(&self, path: &Path, found: &str) -> Result<(), ReleaseError> {
        match &self.sha256 {
            Some(expected) if expected != found => Err(ReleaseError::Differs {
                path: path.into(),
                found: found.to_owned(),
                expected: expected.clone(),
            }),
            _ => Ok(()),
        }
    }
}

impl Release {
    /// Reads the release at `source`, a folder or a library file.
    ///
    /// # Errors
    /// If a part is missing, does not fit the others, or is not to be trusted.
    pub fn read(source: &Path, trust: &Trust) -> Result<Self, ReleaseError> {
        let whole = source.is_dir();
        let path = if whole { source.join(LIBRARY) } else { source.to_owned() };
        let library = LibraryFile::read(&path, trust.guard())?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let place = folder.join(MANIFEST);
        let bytes = read_manifest(&place, whole)?;
        // Nothing that the files say is looked at before it is known who says it.
        let signed = trust.verify(folder, &place, bytes.as_deref())?;
        let manifest = bytes.map(|bytes| parse(&place, &bytes)).transpose()?;
        let signed = match (signed, &manifest) {
            (Some(signed), Some(manifest)) => Some(vouched(signed, manifest, &library, &place)?),
            _ => None,
        };
        let sha256 = library.sha256().to_owned();
        let candidate = library.inspect()?;
        let manifest = match manifest {
            Some(manifest) if manifest.build_id == candidate.build_id => {
                if let Some(asset) = &manifest.library {
                    asset.check(&path, &sha256)?;
                }
                Some(manifest)
            }
            Some(manifest) if whole => {
                return Err(ReleaseError::Mixed {
                    manifest: place,
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
            let (_, html) = read_asset(folder, &page.page, "prerendered page", signed.as_ref())?;
            prerendered.add(page.path, html);
        }
        let stylesheet = match stylesheet {
            Some(asset) => {
                let (name, bytes) = read_asset(folder, &asset, "stylesheet", signed.as_ref())?;
                Some(Stylesheet { name, bytes: bytes.into() })
            }
            None => None,
        };
        let public = match &signed {
            _ if !whole => None,
            Some(signed) => signed.public()?,
            None => public_of(folder),
        };
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
            signed,
            hashed,
        })
    }
}

/// The folder of public files in a release. A link may lead elsewhere later; this one is kept.
pub(crate) fn public_of(folder: &Path) -> Option<PathBuf> {
    let public = folder.join("public");
    public.is_dir().then(|| public.canonicalize().unwrap_or(public))
}

/// What a signed manifest says of the release's files; the library is compared at once.
fn vouched(
    signed: Signed,
    manifest: &Manifest,
    library: &LibraryFile,
    place: &Path,
) -> Result<Signed, TrustError> {
    let hash = |asset: Option<&Asset>, what| {
        let hash = asset.map(|asset| asset.sha256.clone());
        let silent = || TrustError::Silent { path: place.into(), what };
        hash.map(|hash| hash.ok_or_else(silent)).transpose()
    };
    let silent = || TrustError::Silent { path: place.into(), what: "the library" };
    let expected = hash(manifest.library.as_ref(), "the library")?.ok_or_else(silent)?;
    let stylesheet = hash(manifest.stylesheet.as_ref(), "the stylesheet")?;
    let stylesheet = manifest.stylesheet.as_ref().zip(stylesheet.as_ref());
    let files = manifest.files.iter().map(|asset| (asset, asset.sha256.as_ref()));
    let files = files.filter_map(|(asset, sha256)| Some((asset.file.as_str(), sha256?.as_str())));
    let signed = signed.knowing(
        files
            .chain(stylesheet.map(|(asset, hash)| (asset.file.as_str(), hash.as_str())))
            .chain([(LIBRARY, expected.as_str())]),
    );
    signed.check_hash(LIBRARY, library.sha256())?;
    Ok(signed)
}

fn read_manifest(path: &Path, required: bool) -> Result<Option<Vec<u8>>, ReleaseError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => Ok(None),
        Err(source) => Err(ReleaseError::Read { path: path.into(), what: "manifest", source }),
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest, ReleaseError> {
    serde_json::from_slice(bytes)
        .map_err(|source| ReleaseError::Manifest { path: path.into(), source })
}

/// The name and the content of a file that the manifest names; it does not lead out of its folder.
fn read_asset(
    folder: &Path,
    asset: &Asset,
    what: &'static str,
    signed: Option<&Signed>,
) -> Result<(String, Vec<u8>), ReleaseError> {
    let file = Path::new(&asset.file);
    let path = folder.join(file);
    let failed = |source| ReleaseError::Read { path: path.clone(), what, source };
    let name = file.file_name().and_then(|name| name.to_str());
    let plain = file.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let Some(name) = name.filter(|_| plain) else {
        let text = "its path in the manifest leads out of the release";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, text)));
    };
    let bytes = fs::read(&path).map_err(failed)?;
    match signed {
        Some(signed) => signed.check(&asset.file, &bytes)?,
        None => asset.check(&path, &sha256(&bytes))?,
    }
    Ok((name.to_owned(), bytes))
}
