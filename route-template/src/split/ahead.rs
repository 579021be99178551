//! A page that is compiled while the app library that it needs still is.
//!
//! Of another crate the compiler wants no more than the metadata, and it writes that before it
//! makes any machine code. A page that waited for the whole library would leave a processor idle,
//! and somebody before a screen. So the page is compiled against the metadata, to an archive of
//! object files, and linked when the library is there.
//!
//! The linker is called as rustc calls it for a `cdylib`. Where the app says anything about its
//! linker, or the call fails, the page is compiled as any other: after the library.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{AppLibrary, Split, Unit};
use crate::cargo::{CargoError, Stopper};
use crate::files::write_atomically;
use crate::route::Page;
use crate::tree::RouteTree;

/// What rustc calls to link, where nobody chose anything else.
const LINKER: &str = "cc";

/// A page that can be compiled before its app library is there.
#[derive(Debug, Clone)]
pub struct PageAhead {
    /// The compilation, which can begin when there is metadata of the app library.
    pub unit: Unit,
    /// The function that the library will export.
    pub symbol: String,
    /// What makes the library of it.
    pub link: Link,
}

/// A call of the linker, once the page is compiled and the app library is there.
#[derive(Debug, Clone)]
pub struct Link {
    args: Vec<OsString>,
    /// The page's library.
    pub output: PathBuf,
}

impl Split {
    /// One page, to be compiled while the app library is; none if it has to wait for that.
    ///
    /// # Errors
    /// If its crate root cannot be written.
    pub fn page_ahead(
        &self,
        app: &AppLibrary,
        tree: &RouteTree,
        page: &Page,
        build: &str,
    ) -> io::Result<Option<PageAhead>> {
        if cfg!(not(target_os = "linux")) || self.flags.chooses_linker() {
            return Ok(None);
        }
        let (mut unit, symbol) = self.page_unit(&self.app_metadata(), app, tree, page)?;
        let archive = self.folder().join("incremental/libpage.rlib");
        unit.args(["--crate-type", "rlib"]).output("link", archive.clone());
        let exported = self.folder().join("incremental/exported");
        write_atomically(&exported, format!("{{ global: {symbol}; local: *; }};\n").as_bytes())?;
        let output = self.page_library(page, build);
        let args = self.link_args(&archive, &exported, &app.library, &output);
        Ok(Some(PageAhead { unit, symbol, link: Link { args, output } }))
    }

    /// Where the compiler writes the metadata of the app library.
    pub(super) fn app_metadata(&self) -> PathBuf {
        self.folder().join("incremental/libapp.rmeta")
    }

    fn link_args(
        &self,
        archive: &Path,
        exported: &Path,
        app: &Path,
        output: &Path,
    ) -> Vec<OsString> {
        let std = &self.image.std;
        let mut args: Vec<OsString> = vec!["-shared".into(), "-o".into(), output.into()];
        args.push(format!("-Wl,--version-script={}", exported.display()).into());
        args.extend(["-Wl,--whole-archive".into(), archive.into()]);
        args.extend(["-Wl,--no-whole-archive".into(), "-Wl,--as-needed".into()]);
        args.extend([app.into(), self.image.library.clone().into(), std.clone().into()]);
        args.extend(builtins(std).map(OsString::from));
        for flag in ["--eh-frame-hdr", "--gc-sections", "-z,noexecstack", "-z,relro", "-z,now"] {
            args.push(format!("-Wl,{flag}").into());
        }
        args.extend(own_linker(std));
        args
    }
}

/// What the compiler calls for arithmetic that the machine has no instruction for, beside the
/// shared standard library.
fn builtins(std: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(std.parent()?).ok()?.flatten().map(|entry| entry.path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libcompiler_builtins-") && name.ends_with(".rlib")
    };
    files.into_iter().find(is_it)
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
    /// If the linker cannot be run, refuses, or was stopped.
    pub fn run(&self, on_start: impl FnOnce(Stopper)) -> Result<(), CargoError> {
        let failed = |source| CargoError::Run { program: LINKER.into(), source };
        let child = Command::new(LINKER)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let stopper = Stopper::new(child, true);
        on_start(stopper.clone());
        let mut said = Vec::new();
        if let Some(mut pipe) = stopper.take_stderr() {
            pipe.read_to_end(&mut said).map_err(failed)?;
        }
        match stopper.finish().map_err(failed)? {
            (_, true) => Err(CargoError::Stopped),
            (status, _) if status.success() => Ok(()),
            _ => {
                let output = String::from_utf8_lossy(&said).into_owned();
                Err(CargoError::Failed { diagnostics: Vec::new(), output })
            }
        }
    }
}
