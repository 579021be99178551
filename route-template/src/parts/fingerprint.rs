//! What a library was compiled from, to know whether it still is what would be compiled.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::cargo::dep_info::DepInfo;
use crate::digest::sha256;

/// The files and variables that went into a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Each file with the SHA-256 of its content; none for one that may have changed while it was
    /// read, so that its content is not known.
    inputs: Vec<(PathBuf, Option<String>)>,
    variables: Vec<(String, Option<String>)>,
}

impl Fingerprint {
    /// Of a compilation that began at `began`, read these files and saw the values of `variable`.
    /// Files that Nova itself writes below `generated` are left out.
    pub fn of(
        dep_info: &DepInfo,
        began: SystemTime,
        generated: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let inputs = dep_info.files.iter().filter(|path| !path.starts_with(generated));
        let inputs = inputs.map(|path| (path.clone(), unchanged_since(path, began))).collect();
        let variables = dep_info.variables.iter();
        let variables = variables.map(|name| (name.clone(), variable(name))).collect();
        Self { inputs, variables }
    }

    /// Whether a compilation now would read the same.
    pub fn is_fresh(&self, variable: impl Fn(&str) -> Option<String>) -> bool {
        let same = |(path, then): &(PathBuf, Option<String>)| {
            then.is_some() && hash(path).ok().as_ref() == then.as_ref()
        };
        self.sees(variable) && self.inputs.iter().all(same)
    }

    /// Whether the variables that were read have the same values still.
    pub fn sees(&self, variable: impl Fn(&str) -> Option<String>) -> bool {
        self.variables.iter().all(|(name, then)| variable(name) == *then)
    }

    /// The files.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.inputs.iter().map(|(path, _)| path.as_path())
    }

    /// Whether one of these files went into it.
    pub fn reads(&self, paths: &BTreeSet<PathBuf>) -> bool {
        self.inputs().any(|path| paths.contains(path))
    }
}

fn unchanged_since(path: &Path, began: SystemTime) -> Option<String> {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    // A clock that runs elsewhere, or ahead, makes the file one to be read again; no harm done.
    if modified >= began { None } else { hash(path).ok() }
}

fn hash(path: &Path) -> io::Result<String> {
    Ok(sha256(&std::fs::read(path)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_fingerprint_is_fresh_until_a_file_differs() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("page.rs");
        std::fs::write(&file, "a").unwrap();
        let dep_info = DepInfo {
            files: vec![file.clone(), dir.path().join("generated/root.rs")],
            variables: vec!["GREETING".into()],
        };
        let none = |_: &str| None;
        let later = SystemTime::now() + Duration::from_secs(60);
        let generated = dir.path().join("generated");
        let fingerprint = Fingerprint::of(&dep_info, later, &generated, none);
        assert!(fingerprint.is_fresh(none));
        assert!(fingerprint.reads(&BTreeSet::from([file.clone()])));
        assert_eq!(fingerprint.inputs().count(), 1);

        std::fs::write(&file, "b").unwrap();
        assert!(!fingerprint.is_fresh(none));
        std::fs::write(&file, "a").unwrap();
        assert!(fingerprint.is_fresh(none));
        std::fs::remove_file(&file).unwrap();
        assert!(!fingerprint.is_fresh(none));

        // Written while it was compiled: which text was read is not known.
        std::fs::write(&file, "a").unwrap();
        let unsure = Fingerprint::of(&dep_info, SystemTime::UNIX_EPOCH, &generated, none);
        assert!(!unsure.is_fresh(none));

        let set = |_: &str| Some("a".to_owned());
        assert!(fingerprint.sees(none) && !fingerprint.sees(set));
    }
}
