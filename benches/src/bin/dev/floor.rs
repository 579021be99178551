//! The floor: rustc alone on the page that was edited, with the flags that the dev engine uses.
//!
//! The engine writes each page's command into `.nova/parts/commands.jsonl`, one object a line:
//! `{"file": "pages/about.rs", "argv": ["rustc", …], "env": {…}, "cwd": "…"}`. Run again with an
//! output folder and an incremental cache of its own, it compiles the same change that the engine
//! has just compiled, and what the engine takes beyond it is the engine's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use nova_tests::client::Failure;
use nova_tests::workspace::App;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::Command;

/// Where the engine tells how it compiles pages.
const COMMANDS: &str = ".nova/parts/commands.jsonl";

#[derive(Deserialize)]
struct Line {
    file: String,
    argv: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    cwd: Option<PathBuf>,
}

/// How one page is compiled.
pub(crate) struct Floor {
    line: Line,
    folder: TempDir,
    argv: Vec<String>,
}

impl Floor {
    /// The command for the page `file`, as it was last run; `None` where the engine has none.
    ///
    /// # Errors
    /// If what the engine wrote cannot be read.
    pub(crate) fn of(app: &App, file: &str) -> Result<Option<Self>, Failure> {
        let Ok(text) = fs::read_to_string(app.path.join(COMMANDS)) else { return Ok(None) };
        let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Line>, _>>()?;
        let Some(mut line) = lines.into_iter().rfind(|line| line.file == file) else {
            return Ok(None);
        };
        line.cwd.get_or_insert_with(|| app.path.clone());
        let folder = tempfile::tempdir()?;
        let argv = elsewhere(&line.argv, folder.path());
        Ok(Some(Self { line, folder, argv }))
    }

    /// Compiles the page as it is now, and says how many milliseconds that took.
    ///
    /// # Errors
    /// If it does not compile.
    pub(crate) async fn compile(&self) -> Result<f64, Failure> {
        let (program, arguments) = self.argv.split_first().ok_or("a command has a program")?;
        let mut command = Command::new(program);
        command.args(arguments).envs(&self.line.env).stdin(Stdio::null());
        command.current_dir(self.line.cwd.as_deref().unwrap_or(self.folder.path()));
        let began = Instant::now();
        let output = command.output().await?;
        let took = began.elapsed();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("rustc alone fails on {}:\n{said}", self.line.file).into());
        }
        Ok(took.as_secs_f64() * 1000.0)
    }
}

/// A rustc command that writes all that it writes into `folder`.
fn elsewhere(argv: &[String], folder: &Path) -> Vec<String> {
    let output = folder.display();
    let mut before = "";
    let mut moved = Vec::new();
    for argument in argv {
        moved.push(match (before, argument.as_str()) {
            ("--out-dir", _) => output.to_string(),
            ("-o", path) => inside(path, folder),
            ("-C", value) if value.starts_with("incremental=") => {
                format!("incremental={output}/incremental")
            }
            ("--emit", kinds) => emit(kinds, folder),
            (_, value) if value.starts_with("-Cincremental=") => {
                format!("-Cincremental={output}/incremental")
            }
            (_, value) => match value.split_once('=') {
                Some(("--out-dir", _)) => format!("--out-dir={output}"),
                Some(("--emit", kinds)) => format!("--emit={}", emit(kinds, folder)),
                _ => value.to_owned(),
            },
        });
        before = argument;
    }
    moved
}

/// The kinds of output, each with its path, if it has one, in `folder`.
fn emit(kinds: &str, folder: &Path) -> String {
    let moved = kinds.split(',').map(|kind| match kind.split_once('=') {
        Some((kind, path)) => format!("{kind}={}", inside(path, folder)),
        None => kind.to_owned(),
    });
    moved.collect::<Vec<_>>().join(",")
}

fn inside(path: &str, folder: &Path) -> String {
    let name = Path::new(path).file_name().unwrap_or_default();
    folder.join(name).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_output_moves_and_nothing_else() {
        let argv = "rustc --crate-name page page.rs --emit=dep-info=/a/p.d,link -C incremental=/a/i \
                    -Cincremental=/a/i -o /a/libpage.so --out-dir /a --out-dir=/a -L /a --extern x=/a/x";
        let argv: Vec<String> = argv.split_whitespace().map(str::to_owned).collect();
        assert_eq!(
            elsewhere(&argv, Path::new("/t")).join(" "),
            "rustc --crate-name page page.rs --emit=dep-info=/t/p.d,link -C incremental=/t/incremental \
             -Cincremental=/t/incremental -o /t/libpage.so --out-dir /t --out-dir=/t -L /a --extern x=/a/x"
        );
    }
}
