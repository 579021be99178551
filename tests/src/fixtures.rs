//! The libraries of `tests/fixtures`: built once, and damaged or stamped to order.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::workspace::{apps, root};

/// What the libraries carry for [`stamped`] to change.
const STAMP: &[u8; 32] = b"nova-fixture-stamp-0000000000000";

/// Builds a package, or all of a workspace, and gives back the folder of its libraries; shows what
/// cargo said if it fails.
fn build(folder: &Path, args: &[&str]) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--target-dir"])
        .arg(apps())
        .args(args)
        .current_dir(folder)
        // What the test runner was built with is no business of the fixtures.
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo build {args:?} in {}:\n{said}", folder.display());
    apps().join("debug")
}

/// The bytes of a library of `tests/fixtures/libraries`.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn library(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| build(&root().join("tests/fixtures"), &[]));
    read(&built.join(file_name(name)))
}

/// The bytes of the library that counts visits in sessions, whose SDK has more features.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn visits() -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = root().join("tests/fixtures/apps/visits");
    let built = BUILT.get_or_init(|| build(&folder, &["--locked"]));
    read(&built.join(file_name("visits")))
}

/// The bytes of `good` as if it were built with `panic = "abort"`: its note says so, and a host
/// reads the note before it maps anything. The line for the other word is longer by one letter,
/// which an empty line makes up for.
///
/// # Panics
/// If it does not build, or its note does not name a strategy.
#[must_use]
pub fn aborting() -> Vec<u8> {
    replaced(&library("good"), b"panic=unwind\n", b"panic=abort\n\n")
}

/// The bytes of `good`, built against a copy of the SDK that `change` has edited.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn against_changed_sdk(change: impl FnOnce(&Path)) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path();
    crate::workspace::copy(&root().join("plugin-sdk"), &copy.join("plugin-sdk"));
    crate::workspace::copy(&root().join("tests/fixtures/libraries/good"), &copy.join("good"));
    // What is locked there is what the fixtures are built with.
    std::fs::copy(root().join("Cargo.lock"), copy.join("Cargo.lock")).expect("a lock file");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    let members = manifest.find("members = [").expect("members");
    let end = members + manifest[members..].find("]\n").expect("the end of members") + 2;
    let mut changed = manifest;
    changed.replace_range(
        members..end,
        "members = [\"plugin-sdk\", \"plugin-sdk/abi\", \"plugin-sdk/abi/parts\", \"plugin-sdk/rooms\", \"plugin-sdk/routing\", \"good\"]\n",
    );
    std::fs::write(copy.join("Cargo.toml"), changed).expect("written");
    // A name of its own: the library of the fixtures lies in the same folder.
    edit(&copy.join("good/Cargo.toml"), "name = \"good\"", "name = \"changed\"");
    change(copy);
    read(&build(copy, &["--package", "changed"]).join(file_name("changed")))
}

/// Replaces `from` by `to` in a file.
///
/// # Panics
/// If `from` is not there.
pub fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).expect("a text");
    assert!(text.contains(from), "{} does not contain {from:?}", path.display());
    std::fs::write(path, text.replacen(from, to, 1)).expect("written");
}

/// Another build of the same code: the stamp in the file says `stamp`.
///
/// # Panics
/// If the library has no stamp, or `stamp` is longer than 13 bytes.
#[must_use]
pub fn stamped(library: &[u8], stamp: &str) -> Vec<u8> {
    replaced(library, STAMP, format!("nova-fixture-stamp-{stamp:0>13}").as_bytes())
}

/// The same bytes with each `from` replaced by `to`, which is as long.
///
/// # Panics
/// If `from` is not there, or `to` is not as long.
#[must_use]
pub fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut copy = bytes.to_vec();
    let mut found = false;
    let mut at = 0;
    while let Some(next) = copy[at..].windows(from.len()).position(|window| window == from) {
        copy[at + next..at + next + from.len()].copy_from_slice(to);
        found = true;
        at += next + from.len();
    }
    assert!(found, "{:?} is not in the library", String::from_utf8_lossy(from));
    copy
}

fn file_name(library: &str) -> String {
    format!("lib{}.so", library.replace('-', "_"))
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
