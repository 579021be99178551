//! Cargo's messages, line by line JSON: the few fields that are read here.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::diagnostic::RustcMessage;

/// A line of cargo's standard output.
pub(super) enum Message {
    Diagnostic(RustcMessage),
    Artifact(Artifact),
    /// A build script, the end of the build, a line that some wrapper printed.
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Tagged {
    CompilerMessage {
        message: RustcMessage,
    },
    CompilerArtifact(Artifact),
    #[serde(other)]
    Other,
}

/// What cargo says of a target that is ready.
#[derive(Deserialize)]
pub(super) struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
    pub(super) fresh: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

impl Message {
    pub(super) fn parse(line: &str) -> Self {
        match serde_json::from_str(line) {
            Ok(Tagged::CompilerMessage { message }) => Self::Diagnostic(message),
            Ok(Tagged::CompilerArtifact(artifact)) => Self::Artifact(artifact),
            Ok(Tagged::Other) | Err(_) => Self::Other,
        }
    }
}

impl Artifact {
    pub(super) fn name(&self) -> String {
        self.target.name.clone()
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
