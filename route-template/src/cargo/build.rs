//! A build: one run of cargo, which makes the app's library or the program that holds it.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::cargo::diagnostic::Diagnostic;
use crate::cargo::error::CargoError;
use crate::cargo::message::{Artifact, Message};
use crate::cargo::process::Stopper;
use crate::cargo::progress::PackageCount;
use crate::codegen::crate_root::Origins;
use crate::project::Project;
use crate::swap::packages::Package;

/// The target folder for builds of Nova, from the app's folder.
const TARGET_DIR: &str = ".nova/target";

/// How cargo is asked for a route library.
pub(crate) const LIBRARY_COMMAND: [&str; 4] = ["rustc", "--lib", "--crate-type", "cdylib"];

/// What rustc is asked for besides: it says `-z now` by itself, but leaves the build id to the C
/// compiler.
pub(crate) const LIBRARY_FLAGS: [&str; 2] = ["-C", "link-arg=-Wl,--build-id=sha1"];

/// How the file begins that cargo compiles the SDK to.
const SDK_LIBRARY: &str = "libnova-";

/// The variable that names another.
const TARGET_VARIABLE: &str = "CARGO_TARGET_DIR";

/// Where cargo's own messages go: what it compiles, downloads, or cannot resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Straight to the standard error of this process, with cargo's progress bar.
    Inherit,
    /// To the events, line by line.
    Capture,
}

/// A step of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A package that the app depends on is ready.
    Compiled {
        /// The name of the package.
        name: String,
        /// Whether it was ready before.
        fresh: bool,
        /// How many of those that the app depends on are ready.
        ready: usize,
        /// Of how many, where something had to be compiled and cargo knows.
        total: Option<usize>,
    },
    /// What cargo made of a package; comes after [`Event::Compiled`].
    Artifact(Artifact),
    /// rustc said something about the app, or a package of its workspace.
    Diagnostic(Diagnostic),
    /// A line of cargo's own, if captured.
    Line(String),
}

/// A library, or a program, fresh from the linker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildOutput {
    /// Where cargo left it. The next build writes there again: copy it, never load it.
    pub library: PathBuf,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// The packages that cargo compiled for it, or found compiled.
    pub packages: Vec<Package>,
}

/// A build that has not begun.
#[derive(Debug, Clone)]
pub struct Build {
    dir: PathBuf,
    package: String,
    profile: String,
    target_dir: Option<PathBuf>,
    args: Vec<OsString>,
    rustc_args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    output: Output,
    own_group: bool,
    environment: Vec<(OsString, OsString)>,
    path: Option<OsString>,
    origins: Origins,
    /// The manifest of a package whose program is built instead of the app's library.
    program: Option<PathBuf>,
}

impl Build {
    /// A build of the app with the `release` profile, its output inherited.
    pub fn new(project: &Project, origins: Origins) -> Self {
        Self {
            dir: project.dir().to_owned(),
            package: project.name().to_owned(),
            profile: "release".to_owned(),
            target_dir: None,
            args: Vec::new(),
            rustc_args: Vec::new(),
            env: Vec::new(),
            output: Output::Inherit,
            own_group: false,
            environment: Vec::new(),
            path: std::env::var_os("PATH"),
            origins,
            program: None,
        }
    }

    /// Builds the program of the package with this manifest instead, which depends on the app.
    #[must_use]
    pub fn program(mut self, manifest: PathBuf) -> Self {
        self.program = Some(manifest);
        self
    }

    /// The cargo profile: `release`, `dev`, or one of the app's own.
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = profile.into();
        self
    }

    /// The target folder. Without one it is that of `CARGO_TARGET_DIR`, or else
    /// `.nova/target` in the app's folder.
    #[must_use]
    pub fn target_dir(mut self, dir: Option<PathBuf>) -> Self {
        self.target_dir = dir;
        self
    }

    /// More arguments for cargo, such as `--locked` or `--features x`.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Arguments for rustc when it compiles the app's own crate; dependencies stay as they are.
    #[must_use]
    pub fn rustc_args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.rustc_args.extend(args.into_iter().map(Into::into));
        self
    }

    /// One more variable in cargo's environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Where cargo's own messages go.
    #[must_use]
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Runs cargo in a process group of its own, so that a [`Stopper`] ends rustc at once too.
    ///
    /// Ctrl-C in a terminal then reaches this process alone, which has to stop the build.
    #[must_use]
    pub fn own_process_group(mut self) -> Self {
        self.own_group = true;
        self
    }

    /// Variables for cargo and rustc besides those of this process.
    #[must_use]
    pub fn environment(mut self, variables: Vec<(OsString, OsString)>) -> Self {
        self.environment = variables;
        self
    }

    /// Looks for cargo in these folders, joined as in `PATH`, instead of in `PATH`.
    #[must_use]
    pub fn search_path(mut self, path: Option<OsString>) -> Self {
        self.path = path;
        self
    }

    /// Starts cargo.
    ///
    /// # Errors
    /// If there is no cargo, or if it cannot be run.
    pub fn start(self) -> Result<RunningBuild, CargoError> {
        let program = find(self.path.as_deref()).ok_or(CargoError::NotFound)?;
        let mut command = self.command(&program);
        let child = command
            .spawn()
            .map_err(|source| CargoError::Run { program: program.clone(), source })?;
        let stopper = Stopper::new(child, self.own_group);
        Ok(RunningBuild { build: self, program, stopper })
    }

    /// The manifest of what is built.
    fn manifest(&self) -> PathBuf {
        self.program.clone().unwrap_or_else(|| self.dir.join("Cargo.toml"))
    }

    /// The target folder that cargo is given.
    fn target_folder(&self) -> PathBuf {
        let own = self.environment.iter().find(|(name, _)| name == TARGET_VARIABLE);
        let named =
            own.map(|(_, value)| value.clone()).or_else(|| std::env::var_os(TARGET_VARIABLE));
        let folder = match (&self.target_dir, named) {
            (Some(dir), _) => dir.clone(),
            (None, Some(dir)) => PathBuf::from(dir),
            (None, None) => self.dir.join(TARGET_DIR),
        };
        // A relative folder is seen from where the user stands, not from the app.
        std::path::absolute(&folder).unwrap_or(folder)
    }

    /// Whether the SDK was compiled with this profile before, and with it most of what the app depends
    /// on: this build then compiles little more than the app. A guess, made by the names of cargo's
    /// files; where cargo lays them out differently, it is `false`.
    #[must_use]
    pub fn has_compiled_sdk(&self) -> bool {
        let folder = match &*self.profile {
            "dev" | "test" => "debug",
            "bench" => "release",
            name => name,
        };
        let target = self.target_folder();
        let inside = std::fs::read_dir(&target).into_iter().flatten().flatten();
        // Beside the profiles there is a folder for each target that was named.
        let places = std::iter::once(target.clone()).chain(inside.map(|entry| entry.path()));
        places.map(|place| place.join(folder).join("deps")).any(|place| {
            let files = std::fs::read_dir(place).into_iter().flatten().flatten();
            files.map(|file| file.file_name()).any(|name| {
                let name = name.to_string_lossy();
                name.starts_with(SDK_LIBRARY) && name.ends_with(".rlib")
            })
        })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.dir)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .args(match &self.program {
                None => LIBRARY_COMMAND.map(OsStr::new),
                Some(manifest) => {
                    let [build, bins, path] =
                        ["build", "--bins", "--manifest-path"].map(OsStr::new);
                    [build, bins, path, manifest.as_os_str()]
                }
            })
            .args(["--profile", &self.profile])
            .arg("--message-format=json-diagnostic-rendered-ansi")
            .arg("--target-dir")
            .arg(self.target_folder())
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(match self.output {
                Output::Inherit => Stdio::inherit(),
                Output::Capture => Stdio::piped(),
            });
        if self.program.is_none() {
            command.arg("--").args(LIBRARY_FLAGS).args(&self.rustc_args);
        }
        if self.own_group {
            command.process_group(0);
        }
        command
    }
}

/// The cargo of these folders.
fn find(path: Option<&OsStr>) -> Option<PathBuf> {
    let name = format!("cargo{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(path?).map(|folder| folder.join(&name)).find(|file| file.is_file())
}

/// A build that goes on. Dropping it stops it.
#[derive(Debug)]
pub struct RunningBuild {
    build: Build,
    program: PathBuf,
    stopper: Stopper,
}

impl Drop for RunningBuild {
    fn drop(&mut self) {
        self.stopper.stop();
        self.stopper.reap();
    }
}

impl RunningBuild {
    /// A handle that stops this build.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Follows the build to its end.
    ///
    /// # Errors
    /// If the app does not compile, if the build was stopped, or if it made no library.
    pub fn wait(self, mut on_event: impl FnMut(Event)) -> Result<BuildOutput, CargoError> {
        let (stdout, stderr) = self.stopper.take_pipes();
        let (lines, received) = mpsc::channel();
        let readers = [
            stdout.map(|pipe| read_lines(pipe, lines.clone(), Line::Message)),
            stderr.map(|pipe| read_lines(pipe, lines.clone(), Line::Plain)),
        ];
        drop(lines);

        let mut library = None;
        let mut diagnostics = Vec::new();
        let mut packages = Vec::new();
        let mut count = PackageCount::default();
        let mut output = String::new();
        for line in received {
            match line {
                Line::Plain(line) => {
                    output.push_str(&line);
                    output.push('\n');
                    on_event(Event::Line(line));
                }
                Line::Message(line) => match Message::parse(&line) {
                    Message::Diagnostic(message) => {
                        let diagnostic = message.diagnostic(&self.build.dir, &self.build.origins);
                        diagnostics.push(diagnostic.clone());
                        on_event(Event::Diagnostic(diagnostic));
                    }
                    Message::Artifact(artifact) => {
                        library = match &self.build.program {
                            None => artifact.library_of(&self.build.dir),
                            Some(manifest) => artifact.program_of(manifest),
                        }
                        .or(library);
                        packages.extend(artifact.package());
                        if let Some((id, name)) = artifact.dependency_of(&self.build.manifest()) {
                            count.add(id);
                            let fresh = artifact.fresh;
                            let (ready, total) = match fresh {
                                true => count.so_far(),
                                false => count.ready(&self.program, &self.build.manifest()),
                            };
                            on_event(Event::Compiled { name, fresh, ready, total });
                        }
                        on_event(Event::Artifact(artifact.artifact()));
                    }
                    Message::Other => {}
                },
            }
        }
        for reader in readers.into_iter().flatten() {
            // A reader ends with its pipe; a panic in it would have ended the loop above.
            let _ = reader.join();
        }

        let (status, stopped) = self
            .stopper
            .finish()
            .map_err(|source| CargoError::Run { program: self.program.clone(), source })?;
        match library {
            _ if stopped => Err(CargoError::Stopped),
            _ if !status.success() => Err(CargoError::Failed { diagnostics, output }),
            Some(library) => Ok(BuildOutput { library, diagnostics, packages }),
            None => Err(CargoError::NoLibrary { package: self.build.package.clone() }),
        }
    }
}

enum Line {
    Message(String),
    Plain(String),
}

fn read_lines(
    pipe: impl Read + Send + 'static,
    lines: mpsc::Sender<Line>,
    wrap: fn(String) -> Line,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while let Ok(1..) = pipe.read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            line.clear();
            if lines.send(wrap(text)).is_err() {
                return;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_folder_tells_whether_the_sdk_was_compiled() {
        for (profile, file, expected) in [
            ("dev", "debug/deps/libnova-0123456789abcdef.rlib", true),
            ("dev", "x86_64-unknown-linux-gnu/debug/deps/libnova-01.rlib", true),
            ("release", "release/deps/libnova-01.rlib", true),
            ("ours", "ours/deps/libnova-01.rlib", true),
            // Another profile, a build that was cut off, another crate.
            ("dev", "release/deps/libnova-01.rlib", false),
            ("dev", "debug/deps/libnova-01.rmeta", false),
            ("dev", "debug/deps/libnova_abi-01.rlib", false),
            ("dev", "debug/libnova-01.rlib", false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"app\"\n")
                .unwrap();
            let target = folder.path().join("target");
            let path = target.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
            let project = Project::open(folder.path()).unwrap();
            let build = Build::new(&project, Origins::default()).profile(profile);
            let build = build.target_dir(Some(target));
            assert_eq!(build.has_compiled_sdk(), expected, "{profile} {file}");
        }
    }
}
