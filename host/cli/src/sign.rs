//! Signing a release: its manifest takes in the hash of every file, and is signed.

mod key;

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nova_host::library::digest::sha256;
use nova_host::release::public::{PUBLIC, public_files};
use nova_host::release::trust::signature::{SIGNATURE, message, to_text};
use nova_route_template::{LIBRARY, MANIFEST, Manifest, ReleaseFile};
use walkdir::WalkDir;

pub(crate) use self::key::PrivateKey;

/// What of a release no host reads: symbols for debuggers.
const DEBUG: &str = "debug";

/// Why a release was not signed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub(crate) enum SignError {
    #[error("{}: cannot be {action}: {source}", .path.display())]
    Io { path: PathBuf, action: &'static str, source: io::Error },
    #[error("{}: no release here; `nova compile` writes one, and `nova sign` takes its folder", .path.display())]
    NoRelease { path: PathBuf },
    #[error("{}: not a manifest of `nova compile`: {source}", .path.display())]
    Manifest { path: PathBuf, source: serde_json::Error },
    #[error(
        "{}: says more than this nova ({}) understands, and to sign it would drop that; \
         sign it with nova {version}, which wrote it", .path.display(), env!("CARGO_PKG_VERSION")
    )]
    OtherVersion { path: PathBuf, version: String },
    #[error(
        "{}: is not the file that the manifest names: its SHA-256 is {found}, the manifest says \
         {expected}; build the release anew", .path.display()
    )]
    Differs { path: PathBuf, found: String, expected: String },
}

/// Signs the release in `folder`: writes the hashes of its files into `manifest.json`, and the
/// signature over that into `manifest.sig`. Gives the number of files that it covers.
///
/// # Errors
/// If the release is not whole, or a file cannot be read or written.
pub(crate) fn sign_release(folder: &Path, key: &PrivateKey) -> Result<usize, SignError> {
    let path = folder.join(MANIFEST);
    let bytes = fs::read(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            SignError::NoRelease { path: folder.into() }
        }
        _ => SignError::Io { path: path.clone(), action: "read", source },
    })?;
    let mut manifest = parse(&path, &bytes)?;
    for file in std::iter::once(&manifest.library).chain(&manifest.stylesheet) {
        let path = folder.join(&file.file);
        let found = sha256(&read(&path)?);
        if found != file.sha256 {
            return Err(SignError::Differs { path, found, expected: file.sha256.clone() });
        }
    }
    manifest.files = files(folder)?;
    let json = serde_json::to_string_pretty(&manifest).expect("a manifest is plain data");
    let json = format!("{json}\n");
    if json.as_bytes() != bytes {
        write(&path, json.as_bytes())?;
    }
    write(
        &folder.join(SIGNATURE),
        to_text(&key.public(), &key.sign(&message(json.as_bytes()))).as_bytes(),
    )?;
    Ok(manifest.files.len() + 1)
}

/// Reads a manifest that this version can write again without a loss.
fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest, SignError> {
    let failed = |source| SignError::Manifest { path: path.into(), source };
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(failed)?;
    let said: serde_json::Value = serde_json::from_slice(bytes).map_err(failed)?;
    if serde_json::to_value(&manifest).map_err(failed)? != said {
        return Err(SignError::OtherVersion { path: path.into(), version: manifest.nova });
    }
    Ok(manifest)
}

/// Every file of a release but the library, which the manifest names already, and what is written
/// here. Public files are found as a host finds them.
fn files(folder: &Path) -> Result<Vec<ReleaseFile>, SignError> {
    let mut found: Vec<(String, PathBuf)> = public_files(&folder.join(PUBLIC))
        .into_iter()
        .map(|(url, path)| (format!("{PUBLIC}{url}"), path))
        .collect();
    let others = WalkDir::new(folder).into_iter().filter_entry(|entry| {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let aside = entry.file_name() == PUBLIC || entry.file_name() == DEBUG;
        entry.depth() == 0 || !(hidden || entry.depth() == 1 && aside)
    });
    for entry in others {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_owned();
            SignError::Io { path, action: "read", source: error.into() }
        })?;
        let Ok(name) = entry.path().strip_prefix(folder) else { continue };
        // A manifest cannot give a name that is not UTF-8 to a host.
        let Some(name) = name.to_str().filter(|_| entry.file_type().is_file()) else { continue };
        if ![LIBRARY, MANIFEST, SIGNATURE].contains(&name) {
            found.push((name.to_owned(), entry.path().to_owned()));
        }
    }
    found.sort();
    found
        .into_iter()
        .map(|(file, path)| {
            let bytes = read(&path)?;
            Ok(ReleaseFile { file, sha256: sha256(&bytes), size: bytes.len() as u64 })
        })
        .collect()
}

fn read(path: &Path) -> Result<Vec<u8>, SignError> {
    fs::read(path).map_err(|source| SignError::Io { path: path.into(), action: "read", source })
}

/// Beside its place and renamed: a host that watches sees the old file or the new one.
fn write(path: &Path, content: &[u8]) -> Result<(), SignError> {
    let written = || -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::Builder::new()
            .prefix(".nova-")
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(content)?;
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(|source| SignError::Io { path: path.into(), action: "written", source })
}
