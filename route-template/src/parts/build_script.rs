//! What a build script has said about when it is to run again: cargo keeps what it printed beside its
//! `OUT_DIR`. Without such a line cargo runs it again when any file of the package is another one;
//! here it runs again with the manifest and with `build.rs` then.

use std::fs;
use std::path::{Path, PathBuf};

/// When a build script runs again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildScript {
    /// When one of these is another one: files, and folders with all that is in them; absolute.
    pub files: Vec<PathBuf>,
    /// When one of these variables of the environment has another value.
    pub variables: Vec<String>,
}

impl BuildScript {
    /// Of the package in `dir`, whose script wrote into `out`.
    pub(crate) fn of(dir: &Path, out: &Path) -> Self {
        let printed = out.parent().map(|folder| folder.join("output"));
        let printed = printed.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        Self::parse(dir, &printed)
    }

    fn parse(dir: &Path, printed: &str) -> Self {
        let mut script = Self::default();
        for line in printed.lines() {
            // One colon is the older way to write it.
            let said = line.strip_prefix("cargo::").or_else(|| line.strip_prefix("cargo:"));
            match said.and_then(|said| said.split_once('=')) {
                Some(("rerun-if-changed", file)) => script.files.push(dir.join(file.trim_end())),
                Some(("rerun-if-env-changed", name)) => {
                    script.variables.push(name.trim_end().to_owned());
                }
                _ => {}
            }
        }
        script
    }

    /// Whether it runs again when the file at `path` is another one.
    pub fn reads(&self, path: &Path) -> bool {
        self.files.iter().any(|file| path.starts_with(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_say_it_are_understood() {
        let printed = "cargo:rerun-if-changed=proto\ncargo::rerun-if-changed=/abs/a.txt\n\
                       cargo:rerun-if-env-changed=GREETING\ncargo:rustc-cfg=x\nhello = 1\n";
        let script = BuildScript::parse(Path::new("/app"), printed);
        assert_eq!(script.variables, ["GREETING"]);
        for (path, expected) in [
            ("/app/proto/greeting.txt", true),
            ("/abs/a.txt", true),
            ("/app/protocol.txt", false),
            ("/app/pages/index.rs", false),
        ] {
            assert_eq!(script.reads(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn what_it_printed_lies_beside_what_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        assert_eq!(BuildScript::of(Path::new("/app"), &out), BuildScript::default());
        fs::write(folder.path().join("output"), "cargo:rerun-if-changed=build.rs\n").unwrap();
        assert_eq!(BuildScript::of(Path::new("/app"), &out).files, [Path::new("/app/build.rs")]);
    }
}
