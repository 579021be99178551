//! Which compiler the app gets, without asking it each time: a proxy that only finds the compiler
//! costs as much as a third of a page.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::digest::sha256;
use crate::files::write_atomically;

/// What rustc calls to link, where the app chooses nothing else.
pub(super) const LINKER: &str = "cc";

/// A compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// What `rustc -vV` prints.
    pub version: String,
    /// The folder with `bin/rustc` and its libraries.
    pub sysroot: PathBuf,
}

/// What was found before, and the reasons for it.
#[derive(Serialize, Deserialize)]
struct ToolchainMemory {
    chosen_by: String,
    stamp: String,
    toolchain: Toolchain,
}

impl Toolchain {
    /// The compiler that cargo would take in `dir`; `memory` is a file that remembers it.
    ///
    /// # Errors
    /// If there is none, or it does not say which one it is.
    pub fn find(dir: &Path, memory: &Path) -> io::Result<Self> {
        let chosen_by = reasons(dir);
        let remembered = std::fs::read(memory).ok();
        let remembered = remembered.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(ToolchainMemory { chosen_by: then, stamp, toolchain }) = remembered
            && then == chosen_by
            && toolchain.stamp().is_ok_and(|now| now == stamp)
        {
            return Ok(toolchain);
        }
        let toolchain = Self::ask(dir)?;
        let stamp = toolchain.stamp()?;
        let remembered = ToolchainMemory { chosen_by, stamp, toolchain };
        // Without a memory it is asked again the next time.
        let _ = serde_json::to_vec(&remembered).map(|bytes| write_atomically(memory, &bytes));
        Ok(remembered.toolchain)
    }

    fn ask(dir: &Path) -> io::Result<Self> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let run = |arguments: &[&str]| {
            let output = Command::new(&rustc).args(arguments).current_dir(dir).output()?;
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
            }
            let said = String::from_utf8_lossy(&output.stderr);
            Err(io::Error::other(format!("{} says: {}", rustc.display(), said.trim())))
        };
        Ok(Self { version: run(&["-vV"])?, sysroot: run(&["--print", "sysroot"])?.into() })
    }

    /// The standard library that the parts of an app share.
    ///
    /// # Errors
    /// If the compiler has none.
    pub fn shared_std(&self) -> io::Result<PathBuf> {
        let host = self.version.lines().find_map(|line| line.strip_prefix("host: "));
        let folder = self.sysroot.join("lib/rustlib").join(host.unwrap_or_default()).join("lib");
        find_library(&folder, "libstd-", std::env::consts::DLL_SUFFIX)?.ok_or_else(|| {
            let text = format!("no shared standard library in {}", folder.display());
            io::Error::new(io::ErrorKind::NotFound, text)
        })
    }

    /// Changes when the compiler is another one at the same place.
    fn stamp(&self) -> io::Result<String> {
        let metadata = std::fs::metadata(self.sysroot.join("bin/rustc"))?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(format!("{} {}", metadata.len(), modified.as_nanos()))
    }
}

/// A library of the compiler's own in `folder`, by what its name begins and ends with.
pub(super) fn find_library(folder: &Path, start: &str, end: &str) -> io::Result<Option<PathBuf>> {
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(start) && name.ends_with(end)
    };
    Ok(std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).find(is_it))
}

/// Everything that decides which compiler is taken.
fn reasons(dir: &Path) -> String {
    let mut text = String::new();
    for name in ["RUSTC", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "PATH"] {
        text.push_str(&format!("{name}={:?}\n", std::env::var_os(name)));
    }
    for path in choosing_files(dir) {
        if let Ok(content) = std::fs::read_to_string(&path) {
            text.push_str(&format!("{}\n{content}\n", path.display()));
        }
    }
    sha256(text.as_bytes())
}

/// Where it may be said which compiler is taken in `dir`.
pub(super) fn choosing_files(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let folders = dir.ancestors();
    let files = folders
        .flat_map(|folder| [folder.join("rust-toolchain.toml"), folder.join("rust-toolchain")]);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let rustup =
        std::env::var_os("RUSTUP_HOME").map_or_else(|| home.join(".rustup"), PathBuf::from);
    files.chain([rustup.join("settings.toml")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_once_and_then_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let memory = dir.path().join("toolchain.json");
        let first = Toolchain::find(dir.path(), &memory).unwrap();
        assert!(first.version.starts_with("rustc "), "{first:?}");
        assert!(first.shared_std().unwrap().is_file());

        let mut text = std::fs::read_to_string(&memory).unwrap();
        text = text.replacen("rustc ", "rustc remembered ", 1);
        std::fs::write(&memory, text).unwrap();
        let again = Toolchain::find(dir.path(), &memory).unwrap();
        assert!(again.version.starts_with("rustc remembered "), "{again:?}");

        // Another choice is another compiler.
        std::fs::write(dir.path().join("rust-toolchain"), "stable\n").unwrap();
        assert_eq!(Toolchain::find(dir.path(), &memory).unwrap().version, first.version);
    }
}
