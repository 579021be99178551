//! Why a release is not trusted.

use std::io;
use std::path::PathBuf;

use super::PublicKey;

/// Why a release is not trusted.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum TrustError {
    #[error(
        "{0}: is not signed, and this host takes nothing that is not signed by {trusted}; \
         run `nova sign {0} --key KEY`", .path.display()
    )]
    Unsigned { path: PathBuf, trusted: String },
    #[error(
        "{}: has no manifest.json that could be signed, and this host takes nothing that is not \
         signed by {trusted}; give it the folder that `nova compile --sign KEY` writes",
        .path.display()
    )]
    NoManifest { path: PathBuf, trusted: String },
    #[error(
        "{}: is signed by key {}, which this host does not trust; it trusts {trusted}. \
         If it should, name that key too: --trust {found}", .path.display(), .found.short()
    )]
    UnknownKey { path: PathBuf, found: PublicKey, trusted: String },
    #[error(
        "{}: is not the manifest that key {} signed, it was altered after that; \
         copy the release again, or build and sign it anew", .path.display(), .key.short()
    )]
    Manifest { path: PathBuf, key: PublicKey },
    #[error(
        "{}: is not the file that was signed: its SHA-256 is {found}, signed was {expected}; \
         copy the release again, or build and sign it anew", .path.display()
    )]
    Altered { path: PathBuf, found: String, expected: String },
    #[error(
        "{}: would be served, but was not signed with the release; \
         remove it, or sign the release with it", .path.display()
    )]
    Extra { path: PathBuf },
    #[error(
        "{}: was signed with the release, but is not there; copy the release again",
        .path.display()
    )]
    Gone { path: PathBuf },
    #[error("{}: the manifest does not say what is in {what}, so nothing vouches for it; build and \
         sign the release with this version of nova", .path.display())]
    Silent { path: PathBuf, what: &'static str },
    #[error("{}: is not a signature of `nova sign`: {cause}; sign the release anew", .path.display())]
    Malformed { path: PathBuf, cause: &'static str },
    #[error("{}: cannot be read: {cause}", .path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error(
        "{}: the public files of a signed release are served from a private copy, and that cannot \
         be written: {cause}; name a folder for it with --state", .path.display()
    )]
    Copy { path: PathBuf, cause: io::Error },
}
