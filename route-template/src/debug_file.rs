//! Splitting a library: what runs, and what explains it.
//!
//! rustc leaves names and line numbers in the library. They go into a file of their own, to which
//! the library refers by name and build id, so that debuggers and profilers find it and nobody has
//! to ship it. The tool is the `rust-objcopy` that comes with rustc, or the system's `objcopy`.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::settings::Strip;

/// A library and the file of its symbols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stripped {
    /// What runs.
    pub library: PathBuf,
    /// What explains it; the whole library where there was no tool to split it.
    pub symbols: PathBuf,
    /// The tool that split them; none: the library has its symbols still.
    pub tool: Option<PathBuf>,
}

/// Why a library was not split.
#[derive(Debug, thiserror::Error)]
pub enum DebugError {
    /// A file cannot be read or written.
    #[error("{} cannot be {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The tool refused.
    #[error(
        "{} cannot take the symbols out of the library: {said}\n  help: `strip = \"none\"` in \
         [build] of nova.toml leaves them in", tool.display()
    )]
    Tool {
        /// The tool.
        tool: PathBuf,
        /// Its last words.
        said: String,
    },
}

/// The names of the tool, the best first.
const TOOLS: [&str; 3] = ["rust-objcopy", "objcopy", "llvm-objcopy"];

/// Splits `library` into two files of the folder `into`, which are named after `name`:
/// `name` and `name.debug`.
///
/// # Errors
/// If a file cannot be written, or if the tool fails. Where there is no tool the library stays as
/// it is, which [`Stripped::tool`] says.
pub fn strip(library: &Path, into: &Path, name: &str, what: Strip) -> Result<Stripped, DebugError> {
    let failed = |path: &Path, action| {
        let path = path.to_owned();
        move |source| DebugError::Io { path, action, source }
    };
    std::fs::create_dir_all(into).map_err(failed(into, "written"))?;
    let (stripped, symbols) = (into.join(name), into.join(format!("{name}.debug")));
    let tool = if what == Strip::None { None } else { tool() };
    let Some(tool) = tool else {
        std::fs::copy(library, &stripped).map_err(failed(library, "read"))?;
        std::fs::copy(library, &symbols).map_err(failed(library, "read"))?;
        return Ok(Stripped { library: stripped, symbols, tool: None });
    };
    run(&tool, ["--only-keep-debug".into(), library.into(), symbols.clone().into()])?;
    let removed = match what {
        Strip::Symbols => "--strip-all",
        Strip::DebugInfo | Strip::None => "--strip-debug",
    };
    // The link is a file name and a checksum; a debugger looks for it beside the library, too.
    let mut link = OsString::from("--add-gnu-debuglink=");
    link.push(&symbols);
    run(&tool, [removed.into(), link, library.into(), stripped.clone().into()])?;
    Ok(Stripped { library: stripped, symbols, tool: Some(tool) })
}

fn run<const N: usize>(tool: &Path, args: [OsString; N]) -> Result<(), DebugError> {
    let failed = |said: String| DebugError::Tool { tool: tool.to_owned(), said };
    let output = Command::new(tool).args(args).output().map_err(|it| failed(it.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The tool of this machine.
fn tool() -> Option<PathBuf> {
    let own = rustc_tools().unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = [own].into_iter().chain(std::env::split_paths(&path)).collect();
    let places = TOOLS.iter().flat_map(|name| folders.iter().map(move |it| it.join(name)));
    places.filter(|place| place.is_absolute()).find(|place| place.is_file())
}

/// The folder of the programs that come with rustc.
fn rustc_tools() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    Some(Path::new(folder.trim()).parent()?.join("bin"))
}

#[cfg(test)]
mod tests {
    use object::Object as _;

    use super::*;

    /// This test's own program will do for a library.
    fn split(what: Strip) -> (tempfile::TempDir, Stripped, u64) {
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let stripped = strip(&program, &folder.path().join("debug"), "lib.so", what).unwrap();
        (folder, stripped, std::fs::metadata(program).unwrap().len())
    }

    fn has_symbols(path: &Path) -> bool {
        let bytes = std::fs::read(path).unwrap();
        object::read::elf::ElfFile64::<object::Endianness>::parse(&*bytes)
            .unwrap()
            .symbols()
            .next()
            .is_some()
    }

    #[test]
    fn symbols_go_into_a_file_of_their_own() {
        let (_folder, stripped, before) = split(Strip::Symbols);
        assert!(stripped.tool.is_some(), "rustc brings rust-objcopy");
        assert!(!has_symbols(&stripped.library) && has_symbols(&stripped.symbols));
        let after = std::fs::metadata(&stripped.library).unwrap().len();
        assert!(after < before / 2, "{before} -> {after}");

        let (_folder, stripped, _) = split(Strip::DebugInfo);
        assert!(has_symbols(&stripped.library) && has_symbols(&stripped.symbols));
        let names = std::fs::metadata(&stripped.library).unwrap().len();
        assert!((after..before).contains(&names), "{after} < {names} < {before}");
    }

    #[test]
    fn nothing_is_taken_out_of_a_library_that_keeps_all() {
        let (_folder, stripped, before) = split(Strip::None);
        assert_eq!(stripped.tool, None);
        assert_eq!(std::fs::metadata(&stripped.library).unwrap().len(), before);
    }
}
