//! A release: a library, its manifest, and its assets.
//!
//! A folder that `nova compile` or `nova build` wrote is a release; a bare library is one without
//! assets, unless the manifest that fits it lies beside it.

pub mod assets;
pub mod ledger;
pub mod plan;
pub mod prerendered;
pub mod public;
pub mod swap_plan;
pub mod trust;
pub mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use bytes::Bytes;
use serde::Deserialize;

use crate::library::digest::sha256;
use crate::library::loader::{BuildId, Candidate, LibraryFile, LoadError, Store};
use crate::release::plan::{PLAN, Plan};
use crate::release::prerendered::Prerendered;
use crate::release::public::public_folder;
use crate::release::swap_plan::SwapPlan;
use crate::release::trust::{SIGNATURE, SignedManifest, Trust, TrustError};

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
    pub signed: Option<SignedManifest>,
    /// How it is swapped.
    pub swap: SwapPlan,
    /// The URLs of public files, each with that of the copy whose name carries a hash.
    pub hashed: BTreeMap<String, String>,
    /// The small files that it is made of besides library and public files, by path, for the
    /// copy that is kept: manifest, signature, stylesheet, plan, prerendered pages.
    pub parts: Vec<(PathBuf, Bytes)>,
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
    #[error("{}: the release's {what} cannot be read: {cause}", .path.display())]
    Read { path: PathBuf, what: &'static str, cause: io::Error },
    #[error(
        "{}: is not a manifest of `nova compile`: {cause}; copy the release again, or compile it \
         anew", .path.display()
    )]
    Manifest { path: PathBuf, cause: serde_json::Error },
    #[error(
        "{}: names build {expected}, but the library beside it is {found}; \
         the release was not copied whole, copy it again", .manifest.display()
    )]
    Mixed { manifest: PathBuf, expected: BuildId, found: BuildId },
    #[error(
        "{}: is build {found}, and not {expected}, which served; no copy of that is whole: \
         compile it again, or go back to another one (`nova status` lists them)", .path.display()
    )]
    Gone { path: PathBuf, expected: BuildId, found: BuildId },
    #[error(
        "{}: is not the file that the manifest beside it names: its SHA-256 is {found}, the \
         manifest says {expected}; copy the release again", .path.display()
    )]
    Differs { path: PathBuf, found: String, expected: String },
}

impl ReleaseError {
    /// Whether a file could not be read or written. What is wrong with the release itself is the same
    /// the next time, and so is a file that is not there.
    #[must_use]
    pub fn is_of_the_system(&self) -> bool {
        match self {
            Self::Load(
                LoadError::Read { source: cause, .. } | LoadError::Store { source: cause, .. },
            )
            | Self::Read { cause, .. }
            | Self::Trust(TrustError::Read { cause, .. } | TrustError::Copy { cause, .. }) => {
                cause.kind() != io::ErrorKind::NotFound
            }
            _ => false,
        }
    }
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
    prerendered: Vec<ManifestPage>,
    swap: Option<SwapPlan>,
}

#[derive(Debug, Deserialize)]
struct PublicFile {
    url: String,
    hashed: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ManifestPage {
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

impl Stylesheet {
    /// The stylesheet of a release folder that is known to be whole.
    ///
    /// # Errors
    /// If a part cannot be read.
    pub fn of(folder: &Path) -> Result<Option<Self>, ReleaseError> {
        let place = folder.join(MANIFEST);
        let Some(bytes) = read_manifest(&place, false)? else { return Ok(None) };
        let asset = parse(&place, &bytes)?.stylesheet;
        asset.map(|asset| read_stylesheet(folder, &asset, None)).transpose()
    }
}

impl Release {
    /// Reads the release at `source`, a folder or a library file.
    ///
    /// # Errors
    /// If a part is missing, does not fit the others, or is not to be trusted.
    pub fn read(source: &Path, trust: &Trust) -> Result<Self, ReleaseError> {
        Self::read_for(source, trust, None)
    }

    /// The same for a host that keeps copies of libraries in `store`: a library that is there
    /// already is not read into memory.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_for(
        source: &Path,
        trust: &Trust,
        store: Option<&Store>,
    ) -> Result<Self, ReleaseError> {
        let whole = source.is_dir();
        let path = if whole { source.join(LIBRARY) } else { source.to_owned() };
        let library = LibraryFile::read(&path, trust.guard(), store)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let place = folder.join(MANIFEST);
        let bytes = read_manifest(&place, whole)?;
        // Nothing that the files say is looked at before it is known who says it.
        let signed = trust.verify(folder, &place, bytes.as_deref())?;
        let manifest = bytes.as_deref().map(|bytes| parse(&place, bytes)).transpose()?;
        let signed = match (signed, &manifest) {
            (Some(signed), Some(manifest)) => Some(verified(signed, manifest, &library, &place)?),
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
        let bytes = bytes.filter(|_| manifest.is_some());
        let source = source.to_owned();
        ReleaseParts { source, candidate, folder, whole, manifest: manifest.zip(bytes), signed }
            .read()
    }

    /// The release of a library that is linked into this program; what else it is made of is in
    /// `folder`, if there is anything.
    ///
    /// # Errors
    /// If the folder has no manifest, or not what the manifest names.
    pub fn of_linked(candidate: Candidate, folder: Option<&Path>) -> Result<Self, ReleaseError> {
        let source = candidate.path.clone();
        let manifest = folder.map(|folder| folder.join(MANIFEST)).map(|place| {
            let bytes = read_manifest(&place, true)?.unwrap_or_default();
            Ok::<_, ReleaseError>((parse(&place, &bytes)?, bytes))
        });
        let (manifest, whole) = (manifest.transpose()?, folder.is_some());
        let folder = folder.unwrap_or(Path::new(""));
        ReleaseParts { source, candidate, folder, whole, manifest, signed: None }.read()
    }
}

/// A release of which everything is known but its small files.
struct ReleaseParts<'a> {
    source: PathBuf,
    candidate: Candidate,
    /// Where the files are that the manifest names.
    folder: &'a Path,
    /// Whether the folder is the release's own.
    whole: bool,
    manifest: Option<(Manifest, Vec<u8>)>,
    signed: Option<SignedManifest>,
}

impl ReleaseParts<'_> {
    fn read(self) -> Result<Release, ReleaseError> {
        let ReleaseParts { source, candidate, folder, whole, manifest, signed } = self;
        let mut parts = Vec::new();
        let plan = manifest.is_some().then(|| read_plan(folder, signed.as_ref())).flatten();
        let manifest = manifest.map(|(manifest, bytes)| {
            parts.push((MANIFEST.into(), bytes.into()));
            manifest
        });
        if signed.is_some() {
            let path = folder.join(SIGNATURE);
            let read = fs::read(&path);
            let failed = |cause| ReleaseError::Read { path, what: "signature", cause };
            parts.push((SIGNATURE.into(), read.map_err(failed)?.into()));
        }
        let plan = plan.map(|(plan, bytes)| {
            parts.push((PLAN.into(), bytes));
            plan
        });
        let (stylesheet, files, pages, swap) = match manifest {
            Some(Manifest { stylesheet, public, prerendered, swap, .. }) => {
                (stylesheet, public, prerendered, swap)
            }
            None => (None, Vec::new(), Vec::new(), None),
        };
        let mut prerendered = Prerendered::default();
        for page in pages {
            let (_, html) = read_asset(folder, &page.page, "prerendered page", signed.as_ref())?;
            let html = Bytes::from(html);
            parts.push((page.page.file.into(), html.clone()));
            prerendered.add(page.path, html);
        }
        let stylesheet = match stylesheet {
            Some(asset) => {
                let sheet = read_stylesheet(folder, &asset, signed.as_ref())?;
                parts.push((asset.file.into(), sheet.bytes.clone()));
                Some(sheet)
            }
            None => None,
        };
        let public = match &signed {
            _ if !whole => None,
            Some(signed) => signed.public()?,
            None => public_folder(folder),
        };
        let swap = SwapPlan::of(&candidate, swap);
        let hashed = files.into_iter().filter_map(|file| Some((file.url, file.hashed?)));
        // Of a folder that is not there, nothing can be linked.
        let hashed = if public.is_some() { hashed.collect() } else { BTreeMap::new() };
        Ok(Release {
            source,
            candidate,
            stylesheet,
            prerendered,
            plan,
            public,
            signed,
            swap,
            hashed,
            parts,
        })
    }
}

/// What a signed manifest says of the release's files; the library is compared at once.
fn verified(
    signed: SignedManifest,
    manifest: &Manifest,
    library: &LibraryFile,
    place: &Path,
) -> Result<SignedManifest, TrustError> {
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
    let pages = manifest.prerendered.iter().map(|page| &page.page);
    let pages = pages.filter_map(|asset| Some((asset.file.as_str(), asset.sha256.as_deref()?)));
    let signed = signed.knowing(
        files
            .chain(pages)
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
        Err(cause) => Err(ReleaseError::Read { path: path.into(), what: "manifest", cause }),
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest, ReleaseError> {
    serde_json::from_slice(bytes)
        .map_err(|cause| ReleaseError::Manifest { path: path.into(), cause })
}

/// What to warm the library up with. Without a plan that can be read the library is as good, and
/// only less warm; of a signed release a plan is only read if it is signed, too.
fn read_plan(folder: &Path, signed: Option<&SignedManifest>) -> Option<(Plan, Bytes)> {
    let path = folder.join(PLAN);
    let bytes = fs::read(&path).ok()?;
    if signed.is_some_and(|signed| signed.check(PLAN, &bytes).is_err()) {
        return None;
    }
    match Plan::parse(&bytes, &path) {
        Ok(plan) => Some((plan, bytes.into())),
        Err(error) => {
            tracing::warn!("{error}");
            None
        }
    }
}

fn read_stylesheet(
    folder: &Path,
    asset: &Asset,
    signed: Option<&SignedManifest>,
) -> Result<Stylesheet, ReleaseError> {
    let (name, bytes) = read_asset(folder, asset, "stylesheet", signed)?;
    Ok(Stylesheet { name, bytes: bytes.into() })
}

/// The name and the content of a file that the manifest names; it does not lead out of its folder.
fn read_asset(
    folder: &Path,
    asset: &Asset,
    what: &'static str,
    signed: Option<&SignedManifest>,
) -> Result<(String, Vec<u8>), ReleaseError> {
    let file = Path::new(&asset.file);
    let path = folder.join(file);
    let failed = |cause| ReleaseError::Read { path: path.clone(), what, cause };
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample is checked against what is written where that happens, in route-template.
    #[test]
    fn a_manifest_is_read_as_it_is_written() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../route-template/tests/sample");
        let place = sample.join(MANIFEST);
        let bytes = read_manifest(&place, true).expect("a file").expect("it is there");
        let Manifest { build_id, library, stylesheet, files, public, prerendered, swap } =
            parse(&place, &bytes).expect("a manifest");
        assert_eq!(build_id, BuildId::of(b"library"));
        assert_eq!(library.expect("a library").file, LIBRARY);
        let swap = swap.expect("a plan");
        assert_eq!((swap.mode, swap.because.len()), (nova_abi::SwapMode::Process, 1));
        let names = [stylesheet.expect("a stylesheet").file, files[0].file.clone()];
        assert_eq!(names, ["assets/style-0123456789abcdef.css", "routes_generated.rs"]);
        let hashed = public[0].hashed.as_deref();
        assert_eq!(
            (public[0].url.as_str(), hashed),
            ("/favicon.svg", Some("/favicon-fedcba9876543210.svg"))
        );
        let page = &prerendered[0];
        assert_eq!(
            (page.path.as_str(), page.page.file.as_str()),
            ("/about", "prerendered/about/index.html")
        );
        assert!(sample.join(SIGNATURE).is_file());
    }
}
