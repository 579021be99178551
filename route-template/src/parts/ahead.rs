//! A page that is compiled while the app library that it needs still is.
//!
//! Of another crate the compiler wants no more than the metadata, and it writes that before it
//! makes any machine code. A page that waited for the whole library would leave a processor idle,
//! and its author before a screen. So the page is compiled against the metadata, to an archive of
//! object files.
//!
//! Nor does the linker want the library itself: all that it takes from there is the name, as what
//! the page needs of it is found when both are loaded. It is given the app library before, and the
//! name of that one is then exchanged for the new one, which is as long.
//!
//! The linker is called as rustc calls it for a `cdylib`. What turns this off: `NOVA_DEV_AHEAD=0`
//! in the environment; an app that says anything about its linker; another system than Linux. The
//! page is then compiled as any other, after the library, and so it is when the linker refuses or
//! the name is not found exactly once in what it wrote.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::error::CargoError;
use crate::cargo::process::Stopper;
use crate::files::write_atomically;
use crate::parts::compiler::{AppLibrary, PageUnit, PartsCompiler};
use crate::parts::image::SysImage;
use crate::parts::toolchain::{LINKER, find_library};
use crate::parts::unit::{Product, ProductKind, Unit};
use crate::routes::route::Page;
use crate::routes::tree::RouteTree;

/// The variable that turns this off with `0`.
const VARIABLE: &str = "NOVA_DEV_AHEAD";

/// A page that can be compiled before its app library is there.
#[derive(Debug, Clone)]
pub struct PageAhead {
    /// The compilation, which can begin when there is metadata of the app library.
    pub unit: Unit,
    /// The function that the library will export.
    pub symbol: String,
    /// What makes the library of it, once it is compiled.
    pub link: Link,
}

/// A call of the linker.
#[derive(Debug, Clone)]
pub struct Link {
    args: Vec<OsString>,
    /// What the linker writes.
    linked: PathBuf,
    /// The name of the app library that it is given, and of the one that the page needs.
    names: [Vec<u8>; 2],
    /// The page's library.
    pub output: PathBuf,
}

impl PageAhead {
    /// One page, to be compiled while the app library `app` is, which comes in the place of
    /// `before`; none if the page has to wait for that. `build` is a name for its library that no
    /// other has.
    ///
    /// # Errors
    /// If its crate root cannot be written.
    pub fn new(
        compiler: &PartsCompiler,
        app: &AppLibrary,
        before: &AppLibrary,
        tree: &RouteTree,
        page: &Page,
        build: &str,
    ) -> io::Result<Option<Self>> {
        let names = [before, app].map(|app| file_name(&app.library));
        let is_fit = names[0].len() == names[1].len() && names[0] != names[1];
        let is_off = compiler.variable(VARIABLE).is_some_and(|value| value == "0")
            || compiler.chooses_linker()
            || cfg!(not(target_os = "linux"));
        if is_off || !is_fit {
            return Ok(None);
        }
        let folder = compiler.folder().join("incremental");
        let [archive, exported, linked] =
            ["libpage.rlib", "exported", "page.so"].map(|name| folder.join(name));
        let metadata = compiler.app_metadata();
        let product = Product::new(ProductKind::Library, archive.clone());
        let PageUnit { unit, symbol } =
            compiler.page_unit(&metadata, app, tree, page, "rlib", product)?;
        write_atomically(&exported, format!("{{ global: {symbol}; local: *; }};\n").as_bytes())?;
        let args = link_args(compiler.image(), &archive, &exported, &before.library, &linked);
        let link = Link { args, linked, names, output: compiler.page_library(page, build) };
        Ok(Some(Self { unit, symbol, link }))
    }
}

fn link_args(
    image: &SysImage,
    archive: &Path,
    exported: &Path,
    app: &Path,
    output: &Path,
) -> Vec<OsString> {
    let std = &image.std;
    let mut args: Vec<OsString> = vec!["-shared".into(), "-o".into(), output.into()];
    args.push(format!("-Wl,--version-script={}", exported.display()).into());
    args.extend(["-Wl,--whole-archive".into(), archive.into()]);
    args.extend(["-Wl,--no-whole-archive".into(), "-Wl,--no-as-needed".into(), app.into()]);
    args.push("-Wl,--as-needed".into());
    args.extend([image.outline.clone().into(), std.clone().into()]);
    args.extend(builtins(std).map(OsString::from));
    for flag in ["--eh-frame-hdr", "--gc-sections", "-z,noexecstack", "-z,relro", "-z,now"] {
        args.push(format!("-Wl,{flag}").into());
    }
    args.extend(own_linker(std));
    args
}

/// What the compiler calls for arithmetic that the machine has no instruction for, beside the
/// shared standard library.
fn builtins(std: &Path) -> Option<PathBuf> {
    find_library(std.parent()?, "libcompiler_builtins-", ".rlib").ok().flatten()
}

/// The linker that comes with the compiler, where the compiler takes it by itself.
fn own_linker(std: &Path) -> Vec<OsString> {
    let folder = std.ancestors().nth(2).map(|folder| folder.join("bin/gcc-ld"));
    match folder.filter(|folder| folder.is_dir()) {
        Some(folder) if cfg!(all(target_arch = "x86_64", target_env = "gnu")) => {
            vec![format!("-B{}", folder.display()).into(), "-fuse-ld=lld".into()]
        }
        _ => Vec::new(),
    }
}

impl Link {
    /// Links; `on_start` gets a handle that stops it.
    ///
    /// # Errors
    /// If the linker cannot be run, refuses, or was stopped, or if it wrote anything unexpected.
    pub fn run(&self, on_start: impl FnOnce(Stopper)) -> Result<(), CargoError> {
        let failed = |source| CargoError::Run { program: LINKER.into(), source };
        let stopper = Stopper::spawn(Command::new(LINKER).args(&self.args)).map_err(failed)?;
        on_start(stopper.clone());
        let mut said = Vec::new();
        if let (_, Some(mut pipe)) = stopper.take_pipes() {
            pipe.read_to_end(&mut said).map_err(failed)?;
        }
        match stopper.finish().map_err(failed)? {
            (_, true) => Err(CargoError::Stopped),
            (status, _) if status.success() => self
                .exchange_names()
                .map_err(|source| CargoError::File { path: self.output.clone(), source }),
            _ => {
                let output = String::from_utf8_lossy(&said).into_owned();
                Err(CargoError::Failed { diagnostics: Vec::new(), output })
            }
        }
    }

    /// Writes the page's library, which is what was linked but for the name of the app library.
    fn exchange_names(&self) -> io::Result<()> {
        let [given, needed] = &self.names;
        let mut bytes = std::fs::read(&self.linked)?;
        let places: Vec<usize> = memchr::memmem::find_iter(&bytes, given).collect();
        let [place] = places[..] else {
            let text = format!("the app library is named {} times", places.len());
            return Err(io::Error::other(text));
        };
        bytes[place..place + needed.len()].copy_from_slice(needed);
        std::fs::write(&self.output, bytes)
    }
}

fn file_name(path: &Path) -> Vec<u8> {
    path.file_name().map(|name| name.as_bytes().to_vec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::capture::RustcCall;
    use crate::parts::invocation::Invocation;
    use crate::project::Project;
    use crate::routes::tree::Sources;
    use crate::source::file::SourceFile;

    /// What becomes of a library with these bytes, linked against `app-1.so` for `app-2.so`.
    fn exchanged(linked: &str) -> io::Result<String> {
        let folder = tempfile::tempdir()?;
        let [from, output] = ["linked.so", "page.so"].map(|name| folder.path().join(name));
        std::fs::write(&from, linked)?;
        let names = ["app-1.so", "app-2.so"].map(|name| name.as_bytes().to_vec());
        let link = Link { args: Vec::new(), linked: from, names, output: output.clone() };
        link.exchange_names()?;
        std::fs::read_to_string(output)
    }

    #[test]
    fn a_page_names_the_app_library_that_it_needs() {
        assert_eq!(exchanged("\0app-1.so\0libc.so").unwrap(), "\0app-2.so\0libc.so");
        for unclear in ["\0libc.so", "\0app-1.so\0a text about app-1.so"] {
            let error = exchanged(unclear).unwrap_err().to_string();
            assert!(error.starts_with("the app library is named "), "{error}");
        }
    }

    /// An app whose compiler, image and dependencies are names alone: nothing is compiled.
    fn compiler(dir: &Path, environment: &[(&str, &str)]) -> PartsCompiler {
        std::fs::write(dir.join("Cargo.toml"), "[package]\nname = \"app\"\n").unwrap();
        let project = Project::open(dir).unwrap();
        let call =
            RustcCall { argv: vec!["rustc".into()], env: Default::default(), dir: dir.into() };
        let image = serde_json::json!({
            "library": "/images/1/libnova_sys.so", "outline": "/images/1/outline/libnova_sys.so",
            "std": "/sysroot/lib/rustlib/x/lib/libstd-1.so", "crates": [], "call": call,
        });
        let image = serde_json::from_value(image).unwrap();
        let invocation = Invocation { key: "1".into(), call, local: Vec::new() };
        let environment: Vec<(OsString, OsString)> =
            environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        PartsCompiler::new(project, "app".into(), image, invocation, &environment).unwrap()
    }

    #[test]
    fn a_variable_turns_it_off() {
        let dir = tempfile::tempdir().unwrap();
        let sources = Sources {
            pages_root: Some("pages".into()),
            pages: vec![SourceFile::new("pages/index.rs", "pub fn get() {}")],
            ..Sources::default()
        };
        let tree = RouteTree::build(&sources).unwrap();
        let library = |build: &str| AppLibrary {
            library: dir.path().join(format!("libnova_app-{build}.so")),
            build: build.into(),
            has_pages: false,
        };
        let is_ahead = |environment: &[(&str, &str)], before: &str| {
            let compiler = compiler(dir.path(), environment);
            let (app, before) = (library("2"), library(before));
            let page = &tree.pages[0];
            PageAhead::new(&compiler, &app, &before, &tree, page, "3").unwrap().is_some()
        };
        assert!(is_ahead(&[], "1"));
        assert!(!is_ahead(&[(VARIABLE, "0")], "1"));
        assert!(is_ahead(&[(VARIABLE, "1")], "1"));
        // A name of another length cannot be exchanged in place.
        assert!(!is_ahead(&[], "11"));
    }
}
