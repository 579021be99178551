//! The note that a compiler leaves beside what it made: which files and variables it read.
//!
//! It is a makefile (`libapp.so: /app/lib.rs /app/mail\\ text.txt`) with comments for the variables
//! (`# env-dep:GREETING=hello`); rustc and cargo write it alike, and of the signs of a makefile
//! they use no more than the backslash before a blank. A template that `include_str!` brings in is
//! part of the app although its path does not say so; only this note knows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::paths::plain;

/// What went into a compilation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DepInfo {
    /// The files, absolute and without `..`.
    pub files: Vec<PathBuf>,
    /// The variables of the environment, by name, whether they were set or not.
    pub variables: Vec<String>,
}

impl DepInfo {
    /// The note beside `output`, which is a library or its metadata; an empty one if there is
    /// none. Relative paths in it are from `dir`, where the compiler ran.
    pub fn beside(output: &Path, dir: &Path) -> Self {
        let note = fs::read_to_string(output.with_extension("d")).unwrap_or_default();
        Self::parse(&note, dir)
    }

    fn parse(note: &str, dir: &Path) -> Self {
        let mut info = Self::default();
        for line in note.lines() {
            if let Some(variable) = line.strip_prefix("# env-dep:") {
                info.variables.push(variable.split('=').next().unwrap_or_default().to_owned());
            } else if let Some((_, files)) = line.split_once(": ").filter(|_| info.files.is_empty())
            {
                // Each later rule is for another output and has the same files.
                info.files = words(files).iter().map(|file| plain(&dir.join(file))).collect();
            }
        }
        info
    }
}

/// Words between blanks; a blank inside a word has a backslash before it.
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
    fn a_note_names_files_and_variables() {
        let note = "/out/x.so: /app/pages/index.rs pages/../a\\ b.txt\n\n/out/x.d: /app/pages/index.rs\n\n\
                    /app/pages/index.rs:\n\n# env-dep:GREETING=hello\n# env-dep:NOT_SET\n";
        let info = DepInfo::parse(note, Path::new("/app"));
        assert_eq!(info.files, [Path::new("/app/pages/index.rs"), Path::new("/app/a b.txt")]);
        assert_eq!(info.variables, ["GREETING", "NOT_SET"]);
        for nothing in ["", "/t/libapp.so:\n"] {
            assert_eq!(DepInfo::parse(nothing, Path::new("/app")), DepInfo::default());
        }
    }

    #[test]
    fn the_note_lies_beside_the_library_and_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let app = Path::new("/app");
        let note = "x: /app/mail\\ text.txt /registry/lib.rs /app/pages/[id].rs\n";
        fs::write(folder.path().join("libapp.d"), note).unwrap();
        let info = DepInfo::beside(&folder.path().join("libapp.so"), app);
        let files = ["/app/mail text.txt", "/registry/lib.rs", "/app/pages/[id].rs"];
        assert_eq!(info.files, files.map(PathBuf::from));
        assert_eq!(DepInfo::beside(&folder.path().join("other.so"), app), DepInfo::default());
    }
}
