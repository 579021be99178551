//! The SDK that an app depends on: `nova = { package = "nova-plugin-sdk", path = "…" }`.
//!
//! To cargo, a workspace has one package of a name, so the members of one share the SDK: it lies in
//! the app that was the first.

use std::path::{Path, PathBuf};

use toml_edit::Item;

use crate::paths::{plain, relative};
use crate::scaffold::vendor::{VENDORED, is_inherited, version_in};
use crate::scaffold::workspace::{members, read, root_manifest};

/// The package of the SDK.
const PACKAGE: &str = "nova-plugin-sdk";

/// The SDK that an app depends on by a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSdk {
    /// Its folder, as seen from the app's: `vendor/nova/plugin-sdk`.
    pub path: String,
    /// Whether it is one that `nova` puts there, and that `nova upgrade` replaces.
    pub is_vendored: bool,
    /// The version of a vendored one; none if it is not there, or cannot be read.
    pub version: Option<String>,
    /// The features of it that the app names.
    pub features: Vec<String>,
}

impl AppSdk {
    /// The SDK that the manifest of the app in this folder names; none if it names no path.
    #[must_use]
    pub fn of(app: &Path) -> Option<Self> {
        let Dependent { sdk, features, .. } = Dependent::read(app)?;
        Some(Self { features, ..Self::at(&sdk, app) })
    }

    /// The SDK in the folder `sdk`, as seen from an app that names no features. Both are absolute.
    pub(super) fn at(sdk: &Path, app: &Path) -> Self {
        let vendored = vendored_folder(sdk);
        Self {
            path: relative(app, sdk).display().to_string(),
            is_vendored: vendored.is_some(),
            version: vendored.and_then(version_in),
            features: Vec::new(),
        }
    }
}

/// A package that depends on the SDK by a path.
#[derive(Debug)]
pub(super) struct Dependent {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// The folder of the SDK, which need not be there.
    pub sdk: PathBuf,
    /// The features of the SDK that it names, itself or in its workspace.
    pub features: Vec<String>,
}

impl Dependent {
    /// The package in this folder, if it depends on the SDK by a path.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        let manifest = read(&dir.join("Cargo.toml")).ok()?;
        let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
        let root = root_manifest(dir);
        let shared = read(&root).ok();
        let shared = shared.as_ref().and_then(|it| it.get("workspace")?.get("dependencies"));
        let sdk = |(key, own): (&str, &Item)| {
            let (item, dir) = match is_inherited(own) {
                true => (shared?.get(key)?, root.parent()?),
                false => (own, dir),
            };
            let package = item.get("package").and_then(Item::as_str).unwrap_or(key);
            let path = item.get("path").filter(|_| package == PACKAGE)?.as_str()?;
            let mut features = features(own);
            if !std::ptr::eq(own, item) {
                features.extend(self::features(item));
            }
            Some((plain(&dir.join(path)), features))
        };
        let sdk = ["dependencies", "dev-dependencies"]
            .into_iter()
            .find_map(|kind| manifest.get(kind)?.as_table_like()?.iter().find_map(sdk));
        let (sdk, features) = sdk?;
        Some(Self { name, dir: dir.to_owned(), sdk, features })
    }

    /// Whether the SDK that it names is there.
    pub(super) fn has_sdk(&self) -> bool {
        self.sdk.join("Cargo.toml").is_file()
    }
}

/// The features that a dependency names.
fn features(item: &Item) -> Vec<String> {
    let named = item.get("features").and_then(Item::as_array).into_iter().flatten();
    named.filter_map(|it| Some(it.as_str()?.to_owned())).collect()
}

/// The packages of a workspace that depend on the SDK by a path.
pub(super) fn dependents(root: &Path) -> impl Iterator<Item = Dependent> {
    members(root).into_iter().filter_map(|dir| Dependent::read(&dir))
}

/// `vendor/nova` of the SDK in this folder, if it is in one.
pub(super) fn vendored_folder(sdk: &Path) -> Option<&Path> {
    sdk.parent().filter(|folder| folder.ends_with(VENDORED))
}
