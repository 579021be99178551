//! Stripping a library: what runs, and what explains it.
//!
//! rustc leaves names and line numbers in the library. They go into a file of their own, to which
//! the library refers by name and build id, so that debuggers and profilers find it and it need
//! not be shipped. The tool is the `rust-objcopy` that comes with rustc, or the system's `objcopy`.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::settings::Strip;

/// A library and the file of its symbols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrippedLibrary {
    /// What runs.
    pub library: PathBuf,
    /// What explains it; the whole library where there was no tool.
    pub symbols: PathBuf,
    /// The tool that separated them; none: the library has its symbols still.
    pub tool: Option<PathBuf>,
}

/// Why a library was not stripped.
#[derive(Debug, thiserror::Error)]
pub enum StripError {
    /// A file cannot be read or written.
    #[error("{} cannot be {action}", path.display())]
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

/// Separates `library` into two files of the folder `into`, which are named after `name`:
/// `name` and `name.debug`.
///
/// # Errors
/// If a file cannot be written, or if every tool fails. Where there is no tool the library stays
/// as it is, which [`StrippedLibrary::tool`] says.
pub fn strip(
    library: &Path,
    into: &Path,
    name: &str,
    what: Strip,
) -> Result<StrippedLibrary, StripError> {
    let failed = |path: &Path, action| {
        let path = path.to_owned();
        move |source| StripError::Io { path, action, source }
    };
    std::fs::create_dir_all(into).map_err(failed(into, "written"))?;
    let (stripped, symbols) = (into.join(name), into.join(format!("{name}.debug")));
    let mut refused = None;
    for tool in if what == Strip::None { Vec::new() } else { tools() } {
        match tool.separate(library, &stripped, &symbols, what) {
            Ok(()) => {
                let tool = Some(tool.program);
                return Ok(StrippedLibrary { library: stripped, symbols, tool });
            }
            // The next one may be in a better state; the first is the one to mend.
            Err(error) => drop(refused.get_or_insert(error)),
        }
    }
    if let Some(error) = refused {
        return Err(error);
    }
    std::fs::copy(library, &stripped).map_err(failed(library, "read"))?;
    std::fs::copy(library, &symbols).map_err(failed(library, "read"))?;
    Ok(StrippedLibrary { library: stripped, symbols, tool: None })
}

/// A program that separates code and symbols.
struct Tool {
    program: PathBuf,
    /// Where its own libraries are, if the system does not know.
    libraries: Option<PathBuf>,
}

impl Tool {
    fn separate(
        &self,
        library: &Path,
        stripped: &Path,
        symbols: &Path,
        what: Strip,
    ) -> Result<(), StripError> {
        self.run(["--only-keep-debug".into(), library.into(), symbols.into()])?;
        let removed = match what {
            Strip::Symbols => "--strip-all",
            Strip::DebugInfo | Strip::None => "--strip-debug",
        };
        // The link is a file name and a checksum; a debugger looks for it beside the library, too.
        let mut link = OsString::from("--add-gnu-debuglink=");
        link.push(symbols);
        self.run([removed.into(), link, library.into(), stripped.into()])
    }

    fn run<const N: usize>(&self, args: [OsString; N]) -> Result<(), StripError> {
        let failed = |said: String| StripError::Tool { tool: self.program.clone(), said };
        let mut command = Command::new(&self.program);
        command.args(args);
        if let Some(folder) = &self.libraries {
            command.env("LD_LIBRARY_PATH", folder);
        }
        let output = command.output().map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

/// The tools of this machine, that of rustc first.
fn tools() -> Vec<Tool> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).filter(|it| it.is_absolute()).collect();
    let systems = ["objcopy", "llvm-objcopy"].into_iter().filter_map(|name| {
        let program = folders.iter().map(|folder| folder.join(name)).find(|it| it.is_file())?;
        Some(Tool { program, libraries: None })
    });
    rustc_tool().into_iter().chain(systems).collect()
}

/// The tool that comes with rustc, which needs the libraries of rustc.
fn rustc_tool() -> Option<Tool> {
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    // lib/rustlib/TARGET/lib, in rustc's folder.
    let target = Path::new(printed.trim()).parent()?;
    let program = target.join("bin/rust-objcopy");
    let libraries = target.parent()?.parent()?.to_owned();
    program.is_file().then_some(Tool { program, libraries: Some(libraries) })
}

#[cfg(test)]
mod tests {
    use object::Object as _;

    use super::*;

    /// This test's own program will do for a library.
    fn separate(what: Strip) -> (tempfile::TempDir, StrippedLibrary, u64) {
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
        let (_folder, stripped, before) = separate(Strip::Symbols);
        assert!(stripped.tool.is_some(), "rustc brings rust-objcopy");
        assert!(!has_symbols(&stripped.library) && has_symbols(&stripped.symbols));
        let after = std::fs::metadata(&stripped.library).unwrap().len();
        assert!(after < before / 2, "{before} -> {after}");

        let (_folder, stripped, _) = separate(Strip::DebugInfo);
        assert!(has_symbols(&stripped.library) && has_symbols(&stripped.symbols));
        let names = std::fs::metadata(&stripped.library).unwrap().len();
        assert!((after..before).contains(&names), "{after} < {names} < {before}");
    }

    #[test]
    fn nothing_is_taken_out_of_a_library_that_keeps_all() {
        let (_folder, stripped, before) = separate(Strip::None);
        assert_eq!(stripped.tool, None);
        assert_eq!(std::fs::metadata(&stripped.library).unwrap().len(), before);
    }
}
