//! The sys image: the SDK and the app's dependencies as one shared library.
//!
//! cargo compiles them, as for any build; the image only binds the results together, which takes
//! less than a second. Its folder in the cache also holds the crates themselves, because the
//! compiler reads them for every page. Nothing in that folder changes once it is there.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::cargo::error::CargoError;
use crate::cargo::message::Artifact;
use crate::codegen::crate_root::Origins;
use crate::parts::capture::{CaptureOutput, RustcCall};
use crate::parts::flags::{Extern, Flags};
use crate::parts::native::{self, NativeCode};
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

    /// Whether a crate of this name is among those in the image, whoever depends on it.
    pub(crate) fn has_crate(&self, name: &str) -> bool {
        let begin = format!("lib{name}-");
        let entries = std::fs::read_dir(self.crates_folder()).into_iter().flatten().flatten();
        let is_crate = |file: String| file.starts_with(&begin) && file.ends_with(".rlib");
        entries.filter_map(|entry| entry.file_name().into_string().ok()).any(is_crate)
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
        let text = root_text(&members);
        std::fs::write(&root, &text).map_err(failed(&root))?;

        let link_args = temporary.path().join("link-args");
        let mut args = args(&flags, &members, &key, &crates, &root);
        args.push(format!("--print=link-args={}", link_args.display()).into());
        let unit = Unit {
            rustc: flags.rustc.clone(),
            dir: captured.call.dir.clone(),
            app: captured.call.dir.clone(),
            args,
            env: Vec::new(),
            product: Product::new(ProductKind::Library, temporary.path().join(&name)),
            origins: Origins::default(),
        };
        unit.clone().start()?.wait()?;
        let symbols = show_native_code(&crates, &link_args).map_err(failed(&crates))?;
        if !symbols.is_empty() {
            std::fs::write(&root, text + &native::declarations(&symbols)).map_err(failed(&root))?;
            export_native_code(unit, temporary.path())?;
        }
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
        put(temporary, folder).map_err(failed(folder))?;
        Ok(image)
    }
}

/// Gives a folder with an image its place in the cache.
fn put(made: TempDir, folder: &Path) -> io::Result<()> {
    match std::fs::rename(made.path(), folder) {
        // Another app was faster; what is there is as good, or too old to be read.
        Err(_) if SysImage::read(folder).is_some() => {}
        Err(_) => {
            std::fs::remove_dir_all(folder)?;
            std::fs::rename(made.keep(), folder)?;
        }
        Ok(()) => {
            // It has another name now.
            let _ = made.keep();
        }
    }
    Ok(())
}

/// Makes the native code visible that crates of the image have brought along, and gives back what it
/// is called. `link_args` is how the image was linked.
fn show_native_code(crates: &Path, link_args: &Path) -> io::Result<BTreeSet<String>> {
    let link_args = String::from_utf8_lossy(&std::fs::read(link_args)?).into_owned();
    let mut symbols = BTreeSet::new();
    for name in native::linked_crates(&link_args) {
        let path = crates.join(name);
        // The others are rustc's own.
        let Ok(archive) = std::fs::read(&path) else { continue };
        let code = NativeCode::of(&archive);
        if let Some(archive) = code.unhidden(&archive) {
            // cargo has the same file, which stays as it is.
            std::fs::remove_file(&path)?;
            std::fs::write(&path, archive)?;
        }
        symbols.extend(code.symbols);
    }
    Ok(symbols)
}

/// Makes the image once more, so that it exports native code; where the linker refuses, the first
/// one stays.
fn export_native_code(mut unit: Unit, folder: &Path) -> Result<(), CargoError> {
    let failed = |source| CargoError::File { path: folder.to_owned(), source };
    let again = folder.join("native");
    std::fs::create_dir(&again).map_err(failed)?;
    let archive = again.join(format!("lib{}.a", native::ARCHIVE));
    std::fs::write(archive, native::EMPTY_ARCHIVE).map_err(failed)?;
    unit.args.extend(["-L".into(), format!("native={}", again.display()).into()]);
    let first = unit.product.file.clone();
    unit.product.file = again.join(first.file_name().unwrap_or_default());
    match unit.start()?.wait() {
        Ok(made) => std::fs::rename(made.output, first).map_err(failed),
        Err(CargoError::Failed { .. }) => Ok(()),
        Err(error) => Err(error),
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
    args.extend(flags.linker().map(str::to_owned));
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
