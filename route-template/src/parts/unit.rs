//! One call of the compiler, without cargo: started, stopped, followed.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command};
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;

use crate::cargo::dep_info::DepInfo;
use crate::cargo::diagnostic::{Diagnostic, Level, RustcMessage};
use crate::cargo::error::CargoError;
use crate::cargo::process::Stopper;
use crate::codegen::crate_root::Origins;

/// A compilation that has not begun.
#[derive(Debug, Clone)]
pub struct Unit {
    /// The compiler.
    pub(crate) rustc: PathBuf,
    /// Where it runs.
    pub(crate) dir: PathBuf,
    /// The app's folder, from which places are named.
    pub(crate) app: PathBuf,
    /// What is compiled and how; not what is written, which [`product`](Self::product) says.
    pub(crate) args: Vec<OsString>,
    /// Variables besides those of this process.
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) product: Product,
    pub(crate) origins: Origins,
}

/// What a compilation is to write.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) kind: ProductKind,
    /// Its place. Beside it comes a note of what was read for it.
    pub(crate) file: PathBuf,
    pub(crate) incremental: Option<Incremental>,
    /// What other units can be compiled against before this one is at its end: it is written as
    /// soon as the code is known to be right.
    pub(crate) early_metadata: Option<PathBuf>,
}

/// What kind of file the compiler makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProductKind {
    /// A library, with machine code.
    Library,
    /// What the compiler has to know of a crate, and no machine code.
    Metadata,
}

/// How one compilation uses what the one before it left.
///
/// The library is written beside the folder and moved to its place: to rustc, another name of the
/// output is another compilation, for which nothing that is kept can be used.
#[derive(Debug, Clone)]
pub(crate) struct Incremental {
    /// Where the compiler keeps it; it changes the folder when it has made its object files.
    pub(crate) folder: PathBuf,
    /// The most parts of the code: of the 256 that rustc would choose each has a file and a
    /// thread, of a few each has much that has not changed.
    pub(crate) codegen_units: u16,
}

impl Product {
    /// A product that is made anew each time.
    pub(crate) fn new(kind: ProductKind, file: PathBuf) -> Self {
        Self { kind, file, incremental: None, early_metadata: None }
    }

    /// Where the compiler writes it.
    fn written(&self) -> PathBuf {
        match (&self.incremental, self.file.extension()) {
            (Some(Incremental { folder, .. }), Some(ending)) => folder.with_extension(ending),
            _ => self.file.clone(),
        }
    }

    /// What tells the compiler.
    fn args(&self) -> Vec<OsString> {
        let mut args = Vec::new();
        if let Some(Incremental { folder, codegen_units }) = &self.incremental {
            args.extend(["-C".to_owned(), format!("incremental={}", folder.display())]);
            args.extend(["-C".to_owned(), format!("codegen-units={codegen_units}")]);
        }
        let kind = match self.kind {
            ProductKind::Library => "link",
            ProductKind::Metadata => "metadata",
        };
        let written = self.written();
        let note = written.with_extension("d");
        let mut emit = format!("--emit={kind}={},dep-info={}", written.display(), note.display());
        if let Some(metadata) = &self.early_metadata {
            emit.push_str(&format!(",metadata={}", metadata.display()));
        }
        args.push(emit);
        args.into_iter().map(OsString::from).collect()
    }

    /// Moves what was written elsewhere: each time a new file, so that one that is mapped stays
    /// as it is.
    fn put_into_place(&self) -> io::Result<()> {
        let written = self.written();
        if written == self.file {
            return Ok(());
        }
        std::fs::rename(&written, &self.file)?;
        std::fs::rename(written.with_extension("d"), self.file.with_extension("d"))
    }
}

/// What a compilation made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitOutput {
    /// The library, or the metadata.
    pub output: PathBuf,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// Every file that was read, and every variable of the environment.
    pub dep_info: DepInfo,
    /// From its start to its end.
    pub took: Duration,
    /// The linker's part of that, where it can be told.
    pub linking: Option<Duration>,
}

impl Unit {
    /// The program and its arguments, as they will be passed.
    pub fn command_line(&self) -> Vec<String> {
        let rustc = std::iter::once(self.rustc.clone().into_os_string());
        let all = rustc.chain(self.args.iter().cloned()).chain(self.product.args());
        all.map(|it| it.to_string_lossy().into_owned()).collect()
    }

    /// The variables that are set for it.
    pub fn variables(&self) -> &[(OsString, OsString)] {
        &self.env
    }

    /// Where it runs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the compiler writes the product, and beside it the note of what it has read, which
    /// is all that there is of a compilation that fails.
    pub fn written(&self) -> PathBuf {
        self.product.written()
    }

    /// Starts the compiler, as a process group of its own.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn start(self) -> Result<RunningUnit, CargoError> {
        self.start_nice(0)
    }

    /// The same, with this much added to its nice value: 19 for what may wait.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn start_nice(self, nice: u8) -> Result<RunningUnit, CargoError> {
        let failed = |source| CargoError::Run { program: self.rustc.clone(), source };
        let mut command = if nice > 0 {
            let mut command = Command::new("nice");
            command.arg(format!("-n{nice}")).arg(&self.rustc);
            command
        } else {
            Command::new(&self.rustc)
        };
        let artifacts = if self.product.early_metadata.is_some() { ",artifacts" } else { "" };
        let began = Instant::now();
        command
            .arg("--error-format=json")
            .arg(format!("--json=diagnostic-rendered-ansi{artifacts}"))
            .args(&self.args)
            .args(self.product.args())
            .current_dir(&self.dir)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        let stopper = Stopper::spawn(&mut command).map_err(failed)?;
        Ok(RunningUnit { stopper, unit: self, began })
    }
}

/// A compilation that goes on. Dropping it stops it.
#[derive(Debug)]
pub struct RunningUnit {
    unit: Unit,
    stopper: Stopper,
    began: Instant,
}

impl Drop for RunningUnit {
    fn drop(&mut self) {
        self.stopper.stop();
        self.stopper.reap();
    }
}

impl RunningUnit {
    /// A handle that stops this compilation.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Follows the compiler to its end.
    ///
    /// # Errors
    /// If the code does not compile, or if it was stopped.
    pub fn wait(self) -> Result<UnitOutput, CargoError> {
        self.wait_and(|| ())
    }

    /// The same, and calls `on_metadata` when the metadata is there, should the unit make it beside
    /// its library.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_and(self, on_metadata: impl FnOnce()) -> Result<UnitOutput, CargoError> {
        let (_, pipe) = self.stopper.take_pipes();
        let (mut diagnostics, output) = self.read(pipe, on_metadata);
        let Unit { rustc, dir, product, .. } = &self.unit;
        let (status, stopped) = self
            .stopper
            .finish()
            .map_err(|source| CargoError::Run { program: rustc.clone(), source })?;
        let ended = SystemTime::now();
        let took = self.began.elapsed();
        if stopped {
            return Err(CargoError::Stopped);
        }
        if !status.success() {
            return Err(CargoError::Failed { diagnostics, output });
        }
        product
            .put_into_place()
            .map_err(|source| CargoError::File { path: product.file.clone(), source })?;
        diagnostics.retain(|diagnostic| diagnostic.level == Level::Warning);
        let linking = product.incremental.as_ref().and_then(|it| objects_ready(&it.folder));
        let linking = linking.and_then(|ready| ended.duration_since(ready).ok());
        Ok(UnitOutput {
            output: product.file.clone(),
            diagnostics,
            dep_info: DepInfo::beside(&product.file, dir),
            took,
            linking: linking.filter(|linking| *linking < took),
        })
    }

    /// What the compiler says until it says no more: its diagnostics, and all that is not JSON.
    fn read(
        &self,
        pipe: Option<ChildStderr>,
        on_metadata: impl FnOnce(),
    ) -> (Vec<Diagnostic>, String) {
        let mut on_metadata = Some(on_metadata);
        let mut diagnostics = Vec::new();
        let mut output = String::new();
        let lines = pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).split(b'\n'));
        for line in lines.map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if let Ok(message) = serde_json::from_str::<RustcMessage>(&line) {
                diagnostics.push(message.diagnostic(&self.unit.app, &self.unit.origins));
            } else if let Ok(notice) = serde_json::from_str::<ArtifactNotice>(&line) {
                if notice.emit == "metadata" {
                    on_metadata.take().into_iter().for_each(|call| call());
                }
            } else {
                // The linker, or a compiler that crashed.
                output.push_str(&format!("{line}\n"));
            }
        }
        (diagnostics, output)
    }
}

/// What the compiler says of a file that it has written.
#[derive(Deserialize)]
struct ArtifactNotice {
    emit: String,
}

/// When the compiler last put a session into place, which it does before it calls the linker.
fn objects_ready(incremental: &Path) -> Option<SystemTime> {
    let folders = std::fs::read_dir(incremental).ok()?.flatten();
    folders.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(product: &Product) -> String {
        let args = product.args();
        args.iter().map(|it| it.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_kept_has_a_name_of_its_own_and_the_product_gets_its_place_at_the_end() {
        let mut product = Product::new(ProductKind::Library, "/p/libraries/libapp-7.so".into());
        assert_eq!(
            args(&product),
            "--emit=link=/p/libraries/libapp-7.so,dep-info=/p/libraries/libapp-7.d"
        );
        product.early_metadata = Some("/p/libapp.rmeta".into());
        product.incremental = Some(Incremental { folder: "/p/kept/app".into(), codegen_units: 64 });
        assert_eq!(
            args(&product),
            "-C incremental=/p/kept/app -C codegen-units=64 \
             --emit=link=/p/kept/app.so,dep-info=/p/kept/app.d,metadata=/p/libapp.rmeta"
        );
        let check = Product::new(ProductKind::Metadata, "/p/libcheck.rmeta".into());
        assert_eq!(args(&check), "--emit=metadata=/p/libcheck.rmeta,dep-info=/p/libcheck.d");
    }
}
