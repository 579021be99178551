//! Cargo's messages, line by line JSON: the few fields that are read here.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cargo::diagnostic::RustcMessage;
use crate::swap::packages::Package;

/// The files of a crate that cargo compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The name of the crate.
    pub name: String,
    /// What was written.
    pub files: Vec<PathBuf>,
    /// The folder of the package.
    pub folder: PathBuf,
    /// Whether the package is a folder of the user's, not one from a registry.
    pub is_local: bool,
    /// Whether it is the program of a build script.
    pub is_build_script: bool,
}

/// A line of cargo's standard output.
pub(super) enum Message {
    Diagnostic(RustcMessage),
    Artifact(ArtifactMessage),
    /// A build script, the end of the build, a line that some wrapper printed.
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum CargoLine {
    CompilerMessage {
        message: RustcMessage,
    },
    CompilerArtifact(ArtifactMessage),
    #[serde(other)]
    Other,
}

/// What cargo says of a target that is ready.
#[derive(Deserialize)]
pub(super) struct ArtifactMessage {
    package_id: String,
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
    #[serde(default)]
    features: Vec<String>,
    pub(super) fresh: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    crate_types: Vec<String>,
}

impl Message {
    pub(super) fn parse(line: &str) -> Self {
        match serde_json::from_str(line) {
            Ok(CargoLine::CompilerMessage { message }) => Self::Diagnostic(message),
            Ok(CargoLine::CompilerArtifact(artifact)) => Self::Artifact(artifact),
            Ok(CargoLine::Other) | Err(_) => Self::Other,
        }
    }
}

impl ArtifactMessage {
    /// The id of the package and its name, if it is ready for the one with this manifest. Its build
    /// script is only the beginning of that.
    pub(super) fn dependency_of(&self, manifest: &Path) -> Option<(&str, String)> {
        let is_script = self.target.kind.iter().any(|kind| kind == "custom-build");
        let is_other = self.manifest_path != manifest;
        let name = Package::of_id(&self.package_id, Vec::new()).map(|package| package.name);
        (is_other && !is_script)
            .then(|| (&*self.package_id, name.unwrap_or_else(|| self.target.name.clone())))
    }

    pub(super) fn artifact(&self) -> Artifact {
        Artifact {
            name: self.target.name.replace('-', "_"),
            files: self.filenames.clone(),
            folder: self.manifest_path.parent().map(Path::to_owned).unwrap_or_default(),
            is_local: self.package_id.starts_with("path+"),
            is_build_script: self.target.kind.iter().any(|kind| kind == "custom-build"),
        }
    }

    /// The package, if this is its library, for whatever is linked to it.
    pub(super) fn package(&self) -> Option<Package> {
        let is_other = |kind: &String| matches!(&**kind, "custom-build" | "proc-macro" | "bin");
        let is_library = !self.target.kind.iter().any(is_other);
        is_library.then(|| Package::of_id(&self.package_id, self.features.clone()))?
    }

    /// The executable, if this is the program of the package with this manifest.
    pub(super) fn program_of(&self, manifest: &Path) -> Option<PathBuf> {
        let is_program = self.target.kind.iter().any(|kind| kind == "bin");
        let is_its = is_program && self.manifest_path == manifest;
        self.filenames.first().filter(|_| is_its).cloned()
    }

    /// The shared object, if this is the library of the app in `dir`.
    pub(super) fn library_of(&self, dir: &Path) -> Option<PathBuf> {
        let is_library = self.target.crate_types.iter().any(|kind| kind == "cdylib");
        if !is_library || self.manifest_path.parent() != Some(dir) {
            return None;
        }
        let suffix = std::env::consts::DLL_EXTENSION;
        self.filenames.iter().find(|file| file.extension().is_some_and(|e| e == suffix)).cloned()
    }
}
