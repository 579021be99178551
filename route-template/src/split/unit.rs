//! One call of the compiler, without cargo: started, stopped, followed.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::cargo::{CargoError, Diagnostic, Level, RustcMessage, Stopper};
use crate::crate_root::Origins;

/// A compilation that has not begun.
#[derive(Debug, Clone)]
pub struct Unit {
    program: PathBuf,
    /// Where it runs.
    dir: PathBuf,
    /// The app's folder, from which places are named.
    app: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    output: PathBuf,
    /// Where the compiler writes it, if that is another place.
    written: Option<PathBuf>,
    /// A folder that the compiler changes when it has made its object files.
    incremental: Option<PathBuf>,
    /// What other units can be compiled against before this one is at its end.
    metadata: Option<PathBuf>,
    origins: Origins,
}

/// What a compilation made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The library, or the metadata.
    pub output: PathBuf,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// Every file that was read, as the compiler names it.
    pub inputs: Vec<PathBuf>,
    /// The variables of the environment that were read.
    pub variables: Vec<String>,
    /// From its start to its end.
    pub took: Duration,
    /// The linker's part of that, where it can be told.
    pub linking: Option<Duration>,
}

impl Unit {
    pub(crate) fn new(rustc: &Path, dir: &Path, origins: Origins) -> Self {
        Self {
            program: rustc.to_owned(),
            dir: dir.to_owned(),
            app: dir.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            output: PathBuf::new(),
            written: None,
            incremental: None,
            metadata: None,
            origins,
        }
    }

    /// Names places from this folder.
    pub(crate) fn app(&mut self, dir: &Path) -> &mut Self {
        self.app = dir.to_owned();
        self
    }

    pub(crate) fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.args.push(argument.as_ref().to_owned());
        self
    }

    pub(crate) fn args(
        &mut self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> &mut Self {
        self.args.extend(arguments.into_iter().map(|it| it.as_ref().to_owned()));
        self
    }

    pub(crate) fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        &mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> &mut Self {
        let owned = |(name, value): (N, V)| (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.env.extend(variables.into_iter().map(owned));
        self
    }

    /// Keeps what the next compilation can use in this folder. The library is written beside it
    /// and moved to its place: to rustc, another name of the output is another compilation, for
    /// which nothing that is kept can be used. It is compiled in at most `parts` parts: of the 256
    /// that rustc would choose each has a file and a thread, of a few each has much that has not
    /// changed.
    pub(crate) fn incremental(&mut self, folder: &Path, parts: u16) -> &mut Self {
        self.arg("-C").arg(format!("incremental={}", folder.display()));
        self.arg("-C").arg(format!("codegen-units={parts}"));
        self.incremental = Some(folder.to_owned());
        self
    }

    /// Makes this file, too, as soon as the code is known to be right. To be called before
    /// [`output`](Self::output).
    pub(crate) fn metadata(&mut self, file: PathBuf) -> &mut Self {
        self.metadata = Some(file);
        self
    }

    /// Makes this file (`kind` is `link` or `metadata`), and beside it what was read for it.
    pub(crate) fn output(&mut self, kind: &str, file: PathBuf) -> &mut Self {
        let kept = self.incremental.as_ref().zip(file.extension());
        self.written = kept.map(|(folder, ending)| folder.with_extension(ending));
        let written = self.written.as_ref().unwrap_or(&file);
        let note = written.with_extension("d");
        let mut emit = format!("--emit={kind}={},dep-info={}", written.display(), note.display());
        if let Some(metadata) = &self.metadata {
            emit.push_str(&format!(",metadata={}", metadata.display()));
        }
        self.arg(emit);
        self.output = file;
        self
    }

    /// The program and its arguments, as they will be passed.
    pub fn command_line(&self) -> Vec<String> {
        let all = std::iter::once(self.program.as_os_str())
            .chain(self.args.iter().map(OsString::as_os_str));
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

    /// Moves what was written elsewhere: each time a new file, so that one that is mapped stays
    /// as it is.
    fn put_into_place(&self) -> io::Result<()> {
        let Some(written) = &self.written else { return Ok(()) };
        std::fs::rename(written, &self.output)?;
        std::fs::rename(written.with_extension("d"), self.output.with_extension("d"))
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
        let failed = |source| CargoError::Run { program: self.program.clone(), source };
        let mut command = if nice > 0 {
            let mut command = Command::new("nice");
            command.arg(format!("-n{nice}")).arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        let artifacts = if self.metadata.is_some() { ",artifacts" } else { "" };
        let began = Instant::now();
        command
            .arg("--error-format=json")
            .arg(format!("--json=diagnostic-rendered-ansi{artifacts}"))
            .args(&self.args)
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
    pub fn wait(self) -> Result<Compiled, CargoError> {
        self.wait_and(|| ())
    }

    /// The same, and calls `on_metadata` when the metadata is there, should the unit make it beside
    /// its library.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_and(self, on_metadata: impl FnOnce()) -> Result<Compiled, CargoError> {
        let mut on_metadata = Some(on_metadata);
        let pipe = self.stopper.take_stderr();
        let mut diagnostics = Vec::new();
        let mut output = String::new();
        for line in pipe
            .into_iter()
            .flat_map(|pipe| BufReader::new(pipe).split(b'\n'))
            .map_while(Result::ok)
        {
            let line = String::from_utf8_lossy(&line);
            match serde_json::from_str::<RustcMessage>(&line) {
                Ok(message) => {
                    diagnostics.push(message.diagnostic(&self.unit.app, &self.unit.origins));
                }
                Err(_) => match serde_json::from_str::<Written>(&line) {
                    Ok(written) if written.emit == "metadata" => {
                        on_metadata.take().into_iter().for_each(|call| call());
                    }
                    Ok(_) => {}
                    // The linker, or a compiler that crashed.
                    Err(_) => output.push_str(&format!("{line}\n")),
                },
            }
        }
        let (status, stopped) = self
            .stopper
            .finish()
            .map_err(|source| CargoError::Run { program: self.unit.program.clone(), source })?;
        let ended = std::time::SystemTime::now();
        let took = self.began.elapsed();
        if stopped {
            return Err(CargoError::Stopped);
        }
        if !status.success() {
            return Err(CargoError::Failed { diagnostics, output });
        }
        self.unit
            .put_into_place()
            .map_err(|source| CargoError::Run { program: self.unit.output.clone(), source })?;
        diagnostics.retain(|diagnostic| diagnostic.level == Level::Warning);
        let (inputs, variables) = dep_info(&self.unit.output.with_extension("d"), &self.unit.dir);
        let linking = self.unit.incremental.as_deref().and_then(objects_ready);
        let linking = linking.and_then(|ready| ended.duration_since(ready).ok());
        Ok(Compiled {
            output: self.unit.output.clone(),
            diagnostics,
            inputs,
            variables,
            took,
            linking: linking.filter(|linking| *linking < took),
        })
    }
}

/// What the compiler says of a file that it has written.
#[derive(Deserialize)]
struct Written {
    emit: String,
}

/// When the compiler last put a session into place, which it does before it calls the linker.
fn objects_ready(incremental: &Path) -> Option<std::time::SystemTime> {
    let folders = std::fs::read_dir(incremental).ok()?.flatten();
    folders.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
}

/// The files and variables that a dep-info file names.
fn dep_info(file: &Path, dir: &Path) -> (Vec<PathBuf>, Vec<String>) {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut inputs = Vec::new();
    let mut variables = Vec::new();
    for line in text.lines() {
        if let Some(variable) = line.strip_prefix("# env-dep:") {
            variables.push(variable.split('=').next().unwrap_or_default().to_owned());
        } else if let Some((_, files)) = line.split_once(": ").filter(|_| inputs.is_empty()) {
            inputs = words(files).into_iter().map(|file| plain(&dir.join(file))).collect();
        }
    }
    (inputs, variables)
}

/// The path without `..`, as a watcher names it: `include_str!("../a.txt")` is noted as written.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Words between spaces; a space of a word has a backslash before it.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let word = words.last_mut().expect("there is one from the beginning");
        match character {
            '\\' if characters.peek() == Some(&' ') => word.extend(characters.next()),
            ' ' => words.push(String::new()),
            other => word.push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_info_names_files_and_variables() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.d");
        let text = "/out/x.so: /app/pages/index.rs pages/../a\\ b.txt\n\n/out/x.d: /app/pages/index.rs\n\n\
                    /app/pages/index.rs:\n\n# env-dep:GREETING=hello\n# env-dep:NOT_SET\n";
        std::fs::write(&file, text).unwrap();
        let (inputs, variables) = dep_info(&file, Path::new("/app"));
        assert_eq!(inputs, [Path::new("/app/pages/index.rs"), Path::new("/app/a b.txt")]);
        assert_eq!(variables, ["GREETING", "NOT_SET"]);
    }
}
