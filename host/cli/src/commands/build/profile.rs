//! Profiles: finding the tool that merges them, and the flags of a build that writes or uses them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// The variable that names the tool.
const VARIABLE: &str = "NOVA_LLVM_PROFDATA";

/// The merged profile, in the folder of the profiles.
const MERGED: &str = "merged.profdata";

/// The compiler of an app, as far as profiles are concerned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Compiler {
    /// The target triple of this machine.
    pub(super) host: String,
    /// The major version of its LLVM: its profiles are read by this one, and by later ones.
    llvm: u32,
    /// Where its own tools are, if they are installed.
    tools: PathBuf,
}

impl Compiler {
    /// The compiler that cargo uses in a folder.
    pub(super) fn of(dir: &Path) -> anyhow::Result<Self> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let ask = |arguments: &[&str]| -> anyhow::Result<String> {
            let name = rustc.to_string_lossy();
            let output = Command::new(&rustc)
                .args(arguments)
                .current_dir(dir)
                .output()
                .with_context(|| format!("{name} cannot be run"))?;
            if !output.status.success() {
                bail!("{name} {}: {}", arguments.join(" "), text(&output.stderr));
            }
            Ok(text(&output.stdout))
        };
        let (version, sysroot) = (ask(&["-vV"])?, ask(&["--print", "sysroot"])?);
        Self::read(&version, Path::new(&sysroot)).context("`rustc -vV` names no host or no LLVM")
    }

    fn read(version: &str, sysroot: &Path) -> Option<Self> {
        let line =
            |key: &str| version.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let host = line("host:")?.to_owned();
        let llvm = major(line("LLVM version:")?)?;
        let tools = sysroot.join("lib/rustlib").join(&host).join("bin");
        Some(Self { host, llvm, tools })
    }

    /// The tool that merges the compiler's profiles.
    ///
    /// # Errors
    /// If there is none that can read them; says how to get one.
    pub(super) fn profdata(&self) -> anyhow::Result<PathBuf> {
        let named = std::env::var_os(VARIABLE);
        let candidates = match &named {
            Some(named) => vec![PathBuf::from(named)],
            None => self.candidates(std::env::var_os("PATH").as_deref()),
        };
        let mut too_old = None;
        for candidate in candidates {
            match version_of(&candidate) {
                Some(version) if version >= self.llvm => return Ok(candidate),
                Some(version) => {
                    too_old.get_or_insert((candidate, version));
                }
                None if named.is_some() => {
                    bail!("{VARIABLE} names {}, which does not run", candidate.display())
                }
                None => {}
            }
        }
        let found = too_old.map_or_else(String::new, |(path, version)| match version {
            UNKNOWN => format!(", and {} is older than that", path.display()),
            version => format!(", and {} is of LLVM {version}", path.display()),
        });
        bail!(
            "there is no llvm-profdata that reads the profiles of this rustc: its LLVM is \
             {needed}{found}\n  help: `rustup component add llvm-tools` brings the one that fits; \
             or `apt install llvm-{needed}`, or name one with {VARIABLE}; or build without --pgo",
            needed = self.llvm,
        )
    }

    /// Where the tool may be, the one that surely fits first.
    fn candidates(&self, path: Option<&OsStr>) -> Vec<PathBuf> {
        let mut candidates = vec![self.tools.join("llvm-profdata")];
        let later = (self.llvm..self.llvm + 4).map(|version| format!("llvm-profdata-{version}"));
        let names: Vec<_> = later.chain(["llvm-profdata".to_owned()]).collect();
        let folders: Vec<PathBuf> =
            path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
        for name in &names {
            candidates.extend(folders.iter().map(|folder| folder.join(name)));
        }
        candidates.retain(|candidate| candidate.is_file());
        candidates
    }
}

/// Profiles of one build.
#[derive(Debug)]
pub(super) struct Profiles {
    folder: PathBuf,
    tool: PathBuf,
}

impl Profiles {
    /// In an empty folder, which is made.
    pub(super) fn new(folder: PathBuf, tool: PathBuf) -> anyhow::Result<Self> {
        let made = match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => std::fs::create_dir_all(&folder),
        };
        made.with_context(|| format!("{} cannot be emptied", folder.display()))?;
        Ok(Self { folder, tool })
    }

    /// The variable for a build whose library writes profiles here when its process ends.
    pub(super) fn writing(&self) -> (OsString, OsString) {
        flags("-Cprofile-generate=", &self.folder)
    }

    /// The variable for a build that uses them.
    pub(super) fn using(&self) -> (OsString, OsString) {
        flags("-Cprofile-use=", &self.folder.join(MERGED))
    }

    /// Merges what was written.
    ///
    /// # Errors
    /// If nothing was written, or it cannot be read.
    pub(super) fn merge(&self) -> anyhow::Result<()> {
        let folder = self.folder.display();
        let entries = std::fs::read_dir(&self.folder)
            .with_context(|| format!("{folder} cannot be read"))?
            .flatten()
            .map(|entry| entry.path());
        let raw: Vec<PathBuf> =
            entries.filter(|path| path.extension() == Some(OsStr::new("profraw"))).collect();
        if raw.is_empty() {
            bail!("the training left no profile in {folder}: its process did not end by itself");
        }
        let output = Command::new(&self.tool)
            .args(["merge", "-o"])
            .arg(self.folder.join(MERGED))
            .args(&raw)
            .output()
            .with_context(|| format!("{} cannot be run", self.tool.display()))?;
        if !output.status.success() {
            bail!("{} cannot merge the profiles: {}", self.tool.display(), text(&output.stderr));
        }
        Ok(())
    }
}

/// RUSTFLAGS with one more flag, in the form in which a flag may contain blanks.
fn flags(flag: &str, path: &Path) -> (OsString, OsString) {
    let encoded = std::env::var_os("CARGO_ENCODED_RUSTFLAGS");
    let mut flags = encoded.unwrap_or_else(|| {
        let plain = std::env::var("RUSTFLAGS").unwrap_or_default();
        plain.split_whitespace().collect::<Vec<_>>().join("\x1f").into()
    });
    if !flags.is_empty() {
        flags.push("\x1f");
    }
    flags.push(flag);
    flags.push(path);
    ("CARGO_ENCODED_RUSTFLAGS".into(), flags)
}

/// The version of a tool that does not tell it: old ones do not.
const UNKNOWN: u32 = 0;

/// The major version of the LLVM that a tool is of; `None` if it does not run.
fn version_of(tool: &Path) -> Option<u32> {
    let output = Command::new(tool).arg("--version").output().ok()?;
    let said = text(&output.stdout);
    let version = said.split("LLVM version").nth(1).and_then(|version| major(version.trim()));
    Some(version.unwrap_or(UNKNOWN))
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const VERSION: &str = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\n\
                           host: x86_64-unknown-linux-gnu\nrelease: 1.95.0\nLLVM version: 22.1.2";

    fn tool(folder: &Path, name: &str, version: &str) -> PathBuf {
        let path = folder.join(name);
        let script =
            format!("#!/bin/sh\necho 'LLVM (http://llvm.org/):\n  LLVM version {version}'\n");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_tool_of_the_compiler_comes_first_and_old_ones_are_no_use() {
        let folder = tempfile::tempdir().unwrap();
        let compiler = Compiler::read(VERSION, folder.path()).unwrap();
        assert_eq!((&*compiler.host, compiler.llvm), ("x86_64-unknown-linux-gnu", 22));
        let bin = folder.path().join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let plain = tool(&bin, "llvm-profdata", "14.0.6");
        let later = tool(&bin, "llvm-profdata-23", "23.1.0");
        let candidates = compiler.candidates(Some(bin.as_os_str()));
        assert_eq!(candidates, [later.clone(), plain.clone()]);
        assert_eq!((version_of(&later), version_of(&plain)), (Some(23), Some(14)));
        std::fs::write(&plain, "#!/bin/sh\necho 'Unknown command!' >&2\n").unwrap();
        assert_eq!(version_of(&plain), Some(UNKNOWN), "as LLVM 14 answers");
        assert_eq!(version_of(Path::new("/nonexistent")), None);
        std::fs::create_dir_all(&compiler.tools).unwrap();
        let own = tool(&compiler.tools, "llvm-profdata", "22.1.2-rust-1.95.0-stable");
        assert_eq!(compiler.candidates(Some(bin.as_os_str()))[0], own);
        assert_eq!(version_of(&own), Some(22));
    }

    #[test]
    fn a_training_without_profiles_is_no_training() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = Profiles::new(folder.path().join("a b"), "/nonexistent".into()).unwrap();
        let error = profiles.merge().unwrap_err().to_string();
        assert!(error.contains("left no profile"), "{error}");
        let (name, flags) = profiles.writing();
        assert_eq!(name, "CARGO_ENCODED_RUSTFLAGS");
        let flags = flags.to_string_lossy();
        assert!(flags.ends_with(&format!("-Cprofile-generate={}/a b", folder.path().display())));
    }
}
