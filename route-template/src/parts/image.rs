//! The sys image: the SDK and the app's dependencies as one shared library.
//!
//! cargo compiles them, as for any build; the image only binds the results together, which takes
//! less than a second. Its folder in the cache also holds the crates themselves, because the
//! compiler reads them for every page. Nothing in that folder changes once it is there.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cargo::error::CargoError;
use crate::cargo::message::Artifact;
use crate::codegen::crate_root::Origins;
use crate::parts::capture::{CaptureOutput, RustcCall};
use crate::parts::flags::{Extern, Flags};
use crate::parts::outline;
use crate::parts::toolchain::Toolchain;
use crate::parts::unit::{Product, ProductKind, Unit};
use crate::sdk;

/// Touched whenever an app takes the image.
pub(crate) const USED: &str = "used";

const DESCRIPTION: &str = "image.json";

/// The name of the crate that binds the others together.
pub(crate) const CRATE: &str = "nova_sys";

/// A sys image in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysImage {
    /// The shared library, to be mapped before everything that is built against it.
    pub library: PathBuf,
    /// What compiler and linker are given for it: its [outline], or itself.
    pub(crate) outline: PathBuf,
    /// The shared standard library, to be mapped before that.
    pub std: PathBuf,
    /// The crates in the image by the name under which the app that was first knew them.
    crates: Vec<(String, PathBuf)>,
    /// How cargo called the compiler for that app.
    pub(crate) call: RustcCall,
}

impl SysImage {
    /// The image in a folder of the cache, if it is there and whole.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let image: Self =
            serde_json::from_slice(&std::fs::read(folder.join(DESCRIPTION)).ok()?).ok()?;
        // A toolchain that was updated took its library along.
        let is_there = [&image.library, &image.outline, &image.std].iter().all(|it| it.is_file());
        let _ = std::fs::write(folder.join(USED), "");
        is_there.then_some(image)
    }

    /// The folder of crates that the compiler searches.
    pub(crate) fn crates_folder(&self) -> PathBuf {
        self.library.with_file_name("crates")
    }

    /// The crates that an app names: those of the image from the image, the others, which are in
    /// folders of the user's, from where cargo left them.
    pub(crate) fn externs(&self, flags: &Flags) -> Vec<Extern> {
        let kept: HashMap<&str, &PathBuf> =
            self.crates.iter().map(|(name, file)| (name.as_str(), file)).collect();
        let replace = |one: &Extern| Extern {
            name: one.name.clone(),
            file: kept.get(one.plain_name()).map(|&file| file.clone()).or_else(|| one.file.clone()),
        };
        flags.externs.iter().map(replace).collect()
    }

    /// Makes the image for what cargo has compiled, in the place of `folder`.
    pub(crate) fn build(
        captured: &CaptureOutput,
        toolchain: &Toolchain,
        folder: &Path,
    ) -> Result<Self, CargoError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| CargoError::File { path, source }
        };
        let parent = folder.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(failed(parent))?;
        let temporary = tempfile::Builder::new()
            .prefix(".building-")
            .tempdir_in(parent)
            .map_err(failed(parent))?;
        let crates = temporary.path().join("crates");
        let moved = keep(&captured.artifacts, &crates).map_err(failed(&crates))?;

        let flags = Flags::of(&captured.call);
        let of_image = |one: &Extern| {
            Some((one.plain_name().to_owned(), moved.get(one.file.as_ref()?)?.clone()))
        };
        let members: Vec<(String, PathBuf)> = flags.externs.iter().filter_map(of_image).collect();
        let key = folder.file_name().unwrap_or_default().to_string_lossy();
        let name =
            format!("lib{CRATE}-{}{}", &key[..key.len().min(16)], std::env::consts::DLL_SUFFIX);
        let root = temporary.path().join("image.rs");
        std::fs::write(&root, root_text(&members)).map_err(failed(&root))?;

        let unit = Unit {
            rustc: flags.rustc.clone(),
            dir: captured.call.dir.clone(),
            app: captured.call.dir.clone(),
            args: args(&flags, &members, &key, &crates, &root),
            env: Vec::new(),
            product: Product::new(ProductKind::Library, temporary.path().join(&name)),
            origins: Origins::default(),
        };
        unit.start()?.wait()?;
        let outline = Path::new("outline").join(&name);
        let is_drawn = cfg!(target_os = "linux")
            && !flags.chooses_linker()
            && outline::draw(&temporary.path().join(&name), &temporary.path().join(&outline))
                .is_ok();

        let final_place =
            |file: &Path| folder.join("crates").join(file.file_name().unwrap_or_default());
        let image = Self {
            library: folder.join(&name),
            outline: folder.join(if is_drawn { &outline } else { Path::new(&name) }),
            std: toolchain.shared_std().map_err(failed(&toolchain.sysroot))?,
            crates: members.iter().map(|(name, file)| (name.clone(), final_place(file))).collect(),
            call: captured.call.clone(),
        };
        let read_only = std::fs::Permissions::from_mode(0o444);
        std::fs::set_permissions(temporary.path().join(&name), read_only)
            .map_err(failed(folder))?;
        let description =
            serde_json::to_vec(&image).map_err(|error| failed(folder)(error.into()))?;
        std::fs::write(temporary.path().join(DESCRIPTION), description).map_err(failed(folder))?;
        std::fs::write(temporary.path().join(USED), "").map_err(failed(folder))?;
        match std::fs::rename(temporary.path(), folder) {
            // Another app was faster; what is there is as good, or too old to be read.
            Err(_) if Self::read(folder).is_some() => {}
            Err(_) => {
                std::fs::remove_dir_all(folder).map_err(failed(folder))?;
                std::fs::rename(temporary.keep(), folder).map_err(failed(folder))?;
            }
            Ok(()) => {
                // It has another name now.
                let _ = temporary.keep();
            }
        }
        Ok(image)
    }
}

/// How the compiler binds the members together.
fn args(
    flags: &Flags,
    members: &[(String, PathBuf)],
    key: &str,
    crates: &Path,
    root: &Path,
) -> Vec<OsString> {
    let mut args: Vec<String> =
        ["--crate-name", CRATE, "--crate-type", "dylib", "--edition", "2021"]
            .into_iter()
            .chain(["-C", "prefer-dynamic", "-C", "debuginfo=0", "--cap-lints", "allow"])
            .map(str::to_owned)
            .collect();
    args.extend(["-C".to_owned(), format!("metadata={key}")]);
    args.extend(flags.link.iter().cloned());
    args.extend(["-L".to_owned(), format!("dependency={}", crates.display())]);
    for (name, file) in members.iter().filter(|(_, file)| !is_macro(file)) {
        args.extend(["--extern".to_owned(), format!("{name}={}", file.display())]);
    }
    args.into_iter().map(OsString::from).chain([root.into()]).collect()
}

/// Whether a crate of this package belongs to the image: registries never change, and the SDK is
/// no more the user's than they are.
pub(crate) fn is_member(artifact: &Artifact) -> bool {
    !artifact.is_build_script && (!artifact.is_local || sdk::is_crate(&artifact.name))
}

/// Links the members' files into `folder`, and gives back where each of cargo's files is now.
fn keep(artifacts: &[Artifact], folder: &Path) -> io::Result<HashMap<PathBuf, PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let mut moved = HashMap::new();
    for file in artifacts.iter().filter(|it| is_member(it)).flat_map(|it| &it.files) {
        let is_crate =
            file.extension().is_some_and(|it| it == "rlib" || it == "rmeta") || is_macro(file);
        let Some(name) = file.file_name().filter(|_| is_crate) else { continue };
        let place = folder.join(name);
        // cargo replaces its files and never writes into them, so a link is as good as a copy.
        if !place.exists() && std::fs::hard_link(file, &place).is_err() {
            std::fs::copy(file, &place)?;
        }
        moved.insert(file.clone(), place);
    }
    Ok(moved)
}

fn is_macro(file: &Path) -> bool {
    file.extension().is_some_and(|suffix| suffix == std::env::consts::DLL_EXTENSION)
}

/// The image's own source: it names every crate, and holds nothing.
fn root_text(members: &[(String, PathBuf)]) -> String {
    let mut text = String::from("//! What the app depends on.\n\n");
    for (number, (name, _)) in members.iter().filter(|(_, file)| !is_macro(file)).enumerate() {
        text.push_str(&format!("pub extern crate {name} as _{number};\n"));
    }
    text
}
