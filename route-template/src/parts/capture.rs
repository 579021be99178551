//! What cargo would call: the compiler's arguments and environment for the app's own crate.
//!
//! cargo alone knows the flags of a crate: profile, features, lints, `RUSTFLAGS`, what build
//! scripts print. So it is asked: its own build of the app runs with this program as
//! `RUSTC_WORKSPACE_WRAPPER`, which compiles every crate but the app's, notes that one call, and
//! ends it. The app's code may be as broken as it likes. Where the user has a wrapper, this program
//! is `RUSTC_WRAPPER` and calls that one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

use crate::cargo::build::{Build, Event, Output, RunningBuild};
use crate::cargo::error::CargoError;
use crate::cargo::message::Artifact;
use crate::cargo::process::Stopper;
use crate::codegen::crate_root::Origins;
use crate::files::write_atomically;
use crate::parts::user_wrapper;
use crate::project::Project;

/// Names the file to which the wrapper writes.
const CAPTURE: &str = "NOVA_CAPTURE";
/// Names the user's own wrapper, if there is one.
const WRAPPER: &str = "NOVA_CAPTURE_WRAPPER";
/// Names the crate whose call is noted.
const CAPTURED_CRATE: &str = "NOVA_CAPTURE_CRATE";

/// A call of the compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RustcCall {
    /// The compiler, then its arguments.
    pub argv: Vec<String>,
    /// What cargo and build scripts add to the environment.
    pub env: BTreeMap<String, String>,
    /// The folder that it runs in: the root of the workspace.
    pub dir: PathBuf,
}

/// A call, and what cargo made for it.
#[derive(Debug, Clone)]
pub(crate) struct CaptureOutput {
    pub(crate) call: RustcCall,
    /// Every crate that cargo compiled, or had compiled before.
    pub(crate) artifacts: Vec<Artifact>,
}

/// If this process was started by cargo as a wrapper, because
/// [`PartsCompiler::open`](crate::parts::PartsCompiler::open) asks how it calls the compiler, does
/// what that asks for.
///
/// Call it first in `main`. `None`: this is an ordinary start.
pub fn wrapper_main() -> Option<ExitCode> {
    let file = std::env::var_os(CAPTURE)?;
    let wanted = std::env::var(CAPTURED_CRATE).ok()?;
    let argv: Vec<_> = std::env::args_os().skip(1).collect();
    let is_wanted = argv.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == *wanted)
        && argv.iter().any(|argument| argument == "cdylib");
    if !is_wanted {
        let argv: Vec<_> = std::env::var_os(WRAPPER).into_iter().chain(argv).collect();
        let error = Command::new(argv.first()?).args(&argv[1..]).exec();
        eprintln!("nova: {} cannot be run: {error}", argv[0].display());
        return Some(ExitCode::FAILURE);
    }
    if let Err(error) = note(Path::new(&file), &argv) {
        eprintln!("nova: {} cannot be written: {error}", file.display());
    }
    // cargo must not take the crate for compiled.
    Some(ExitCode::FAILURE)
}

fn note(file: &Path, argv: &[impl AsRef<OsStr>]) -> io::Result<()> {
    let text = |value: &OsStr| {
        value.to_str().map(str::to_owned).ok_or_else(|| {
            io::Error::other(format!("the build passes {}, which is not UTF-8", value.display()))
        })
    };
    let argv = argv.iter().map(|value| text(value.as_ref())).collect::<Result<_, _>>()?;
    // What is not UTF-8 is not cargo's, so the compiler inherits it anyway.
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let call = RustcCall { argv, env, dir: std::env::current_dir()? };
    write_atomically(file, &serde_json::to_vec(&call)?)
}

/// A run of cargo that finds out how it calls the compiler for the app's crate.
#[derive(Debug)]
pub(crate) struct Capture {
    running: RunningBuild,
    file: PathBuf,
}

/// Starts cargo. `program` is the executable whose `main` calls [`wrapper_main`].
pub(crate) fn capture(
    project: &Project,
    crate_name: &str,
    program: &Path,
    file: &Path,
    environment: &[(OsString, OsString)],
) -> Result<Capture, CargoError> {
    // A note from before does not answer this call.
    let _ = std::fs::remove_file(file);
    let mut build = Build::new(project, Origins::default());
    for (name, value) in environment {
        build = build.env(name, value);
    }
    let variable = |name: &str| {
        let own = environment.iter().find(|(set, _)| set == name).map(|(_, value)| value.clone());
        own.or_else(|| std::env::var_os(name))
    };
    build = match user_wrapper::find(project.dir(), variable) {
        Some(wrapper) => build
            .env("RUSTC_WRAPPER", program)
            .env("RUSTC_WORKSPACE_WRAPPER", "")
            .env(WRAPPER, wrapper),
        None => build.env("RUSTC_WORKSPACE_WRAPPER", program),
    };
    let running = build
        .profile("dev")
        .output(Output::Capture)
        .own_process_group()
        .env(CAPTURE, file)
        .env(CAPTURED_CRATE, crate_name)
        .start()?;
    Ok(Capture { running, file: file.to_owned() })
}

impl Capture {
    pub(crate) fn stopper(&self) -> Stopper {
        self.running.stopper()
    }

    /// Follows cargo to its end.
    pub(crate) fn wait(self, mut on_event: impl FnMut(Event)) -> Result<CaptureOutput, CargoError> {
        let mut artifacts = Vec::new();
        let result = self.running.wait(|event| match event {
            Event::Artifact(artifact) => artifacts.push(artifact),
            other => on_event(other),
        });
        let noted = std::fs::read(&self.file).ok();
        let call = noted.and_then(|bytes| serde_json::from_slice::<RustcCall>(&bytes).ok());
        match (call, result) {
            (_, Err(CargoError::Stopped)) => Err(CargoError::Stopped),
            (Some(mut call), _) => {
                call.env = own_part(call.env);
                Ok(CaptureOutput { call, artifacts })
            }
            (None, Err(error)) => Err(error),
            (None, Ok(built)) => Err(CargoError::NotCaptured { library: built.library }),
        }
    }
}

/// The variables that are cargo's, and not of this process.
fn own_part(env: BTreeMap<String, String>) -> BTreeMap<String, String> {
    const OF_THE_RUN: [&str; 13] = [
        CAPTURE,
        CAPTURED_CRATE,
        WRAPPER,
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_MAKEFLAGS",
        "MAKEFLAGS",
        "RUST_RECURSION_COUNT",
        "LD_LIBRARY_PATH",
        "PATH",
        "PWD",
        "SHLVL",
        "_",
    ];
    let of_the_run: BTreeSet<_> = OF_THE_RUN.into();
    let is_own = |(name, value): &(String, String)| {
        !of_the_run.contains(name.as_str())
            && std::env::var_os(name).is_none_or(|ours| ours != **value)
    };
    env.into_iter().filter(is_own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cargo_adds_is_kept() {
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let mut env: BTreeMap<String, String> = std::env::vars_os().filter_map(text).collect();
        env.insert("CARGO_PKG_NAME".into(), "my-app-of-this-test".into());
        env.insert("CARGO_MAKEFLAGS".into(), "-j".into());
        env.insert("OUT_DIR".into(), "/out".into());
        let own = own_part(env);
        assert_eq!(own.get("CARGO_PKG_NAME").map(String::as_str), Some("my-app-of-this-test"));
        assert_eq!(own.get("OUT_DIR").map(String::as_str), Some("/out"));
        assert!(!own.contains_key("CARGO_MAKEFLAGS"));
        assert!(!own.contains_key("PATH"));
    }
}
