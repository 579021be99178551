//! `manifest.json`: what a release is made of.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::sha256;
use crate::swap::plan::SwapPlan;

/// The name of the file in a release.
pub const MANIFEST: &str = "manifest.json";
/// The name of the signature over it.
pub const SIGNATURE: &str = "manifest.sig";
/// The name of the library in a release.
pub const LIBRARY: &str = "libnova_routes.so";

/// What a release is made of. Paths are from the release's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of Nova that wrote it.
    pub nova: String,
    /// The number of the contract between host and library.
    pub abi: u32,
    /// The version of the SDK in the library.
    pub sdk: String,
    /// The app.
    pub app: App,
    /// Names the library: the first 32 digits of its SHA-256.
    pub build_id: String,
    /// The library.
    pub library: ReleaseFile,
    /// The compiler.
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// The cargo profile.
    pub profile: String,
    /// The least version of glibc that the library needs.
    pub glibc: Option<String>,
    /// The shared libraries that it needs beside those of glibc, such as `libsqlite3.so.0`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// How it is swapped.
    pub swap: SwapPlan,
    /// What it answers.
    pub routes: Vec<Route>,
    /// The SHA-256 of what all pages share: components, layouts, `app.rs`, dependencies.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shared_sha256: String,
    /// The stylesheet.
    pub stylesheet: Option<ReleaseFile>,
    /// The other files of the release, as far as a signature covers them; empty until it is signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ReleaseFile>,
    /// The URL of the favicon, if `public/` has one.
    pub favicon: Option<String>,
    /// The public files, if they belong to the release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public: Vec<PublicFile>,
    /// The hashed copies in `public/` that the release before linked: pages that it answered are
    /// still open somewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_public: Vec<String>,
    /// Pages that were rendered when it was built, which come before the routes of their paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prerendered: Vec<PrerenderedPage>,
    /// When it was built, in seconds since 1970; `SOURCE_DATE_EPOCH` where that is set.
    pub built_at: u64,
}

/// An app's package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseFile {
    /// Its path.
    pub file: String,
    /// The SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
}

/// A public file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicFile {
    /// Where it is served: `/logo.svg`, which is also its path in the release's `public/`.
    pub url: String,
    /// Where the copy is served whose name carries a hash, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed: Option<String>,
    /// The SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
}

/// A page that was rendered when the release was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrerenderedPage {
    /// The path that it answers: `/about`.
    pub path: String,
    /// The document.
    #[serde(flatten)]
    pub file: ReleaseFile,
}

/// What a page answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Such as `/users/{id}`.
    pub pattern: String,
    /// Such as `GET`, without those that follow by rule: HEAD from GET, and OPTIONS.
    pub methods: Vec<String>,
    /// Whether it answers any other method too.
    pub any: bool,
    /// The page, from the app's folder.
    pub file: String,
    /// The SHA-256 of the page's source.
    pub source_sha256: String,
}

impl Manifest {
    /// The manifest of the release in a folder, if there is one that can be read.
    #[must_use]
    pub fn read(release: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(release.join(MANIFEST)).ok()?).ok()
    }
}

impl ReleaseFile {
    /// Describes a file of this content.
    pub(crate) fn new(file: impl Into<String>, content: &[u8]) -> Self {
        Self { file: file.into(), sha256: sha256(content), size: content.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swap::mode::SwapMode;

    /// A manifest with something in every field.
    fn manifest() -> Manifest {
        let file = |name: &str, content: &str| ReleaseFile::new(name, content.as_bytes());
        Manifest {
            nova: "0.1.0".into(),
            abi: 1,
            sdk: "0.1.0".into(),
            app: App { name: "my-app".into(), version: "0.3.0".into() },
            build_id: sha256(b"library")[..32].to_owned(),
            library: file(LIBRARY, "library"),
            rustc: "rustc 1.95.0".into(),
            target: "x86_64-unknown-linux-gnu".into(),
            profile: "release".into(),
            glibc: Some("2.34".into()),
            needs: vec!["libsqlite3.so.0".into()],
            swap: SwapPlan {
                mode: SwapMode::Process,
                declared: false,
                because: vec!["SQLite is linked in: two copies do not go together".into()],
            },
            routes: vec![Route {
                pattern: "/users/{id}".into(),
                methods: vec!["GET".into()],
                any: false,
                file: "pages/users/[id].rs".into(),
                source_sha256: sha256(b"page"),
            }],
            shared_sha256: sha256(b"shared"),
            stylesheet: Some(file("assets/style-0123456789abcdef.css", "a{}\n")),
            files: vec![file("routes_generated.rs", "//! Routes.\n")],
            favicon: Some("/favicon.svg".into()),
            public: vec![PublicFile {
                url: "/favicon.svg".into(),
                hashed: Some("/favicon-fedcba9876543210.svg".into()),
                sha256: sha256(b"<svg/>"),
                size: 6,
            }],
            former_public: vec!["/logo-0123456789abcdef.svg".into()],
            prerendered: vec![PrerenderedPage {
                path: "/about".into(),
                file: file("prerendered/about/index.html", "<p>"),
            }],
            built_at: 1_750_000_000,
        }
    }

    /// The sample is what the host's tests read: neither crate depends on the other, and both on
    /// this. `UPDATE_SAMPLE=1` writes it anew.
    #[test]
    fn the_sample_is_what_is_written() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sample");
        let written = format!("{}\n", serde_json::to_string_pretty(&manifest()).unwrap());
        if std::env::var_os("UPDATE_SAMPLE").is_some() {
            std::fs::write(sample.join(MANIFEST), &written).unwrap();
        }
        assert_eq!(std::fs::read_to_string(sample.join(MANIFEST)).unwrap(), written);
        assert_eq!(Manifest::read(&sample), Some(manifest()));
        assert!(sample.join(SIGNATURE).is_file());
    }
}
