//! Which files the compiler read, by the note that cargo leaves beside the library.
//!
//! A template that `include_str!` brings in is part of the app although its path does not say so.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The files below `root`, from there, that went into `library`; none if there is no note.
pub(crate) fn of(library: &Path, root: &Path) -> BTreeSet<PathBuf> {
    let note = fs::read_to_string(library.with_extension("d")).unwrap_or_default();
    let files = parse(&note).into_iter();
    files.filter_map(|file| Some(Path::new(&file).strip_prefix(root).ok()?.to_owned())).collect()
}

/// The prerequisites of a makefile's rules, in which a blank inside a name has a backslash.
fn parse(note: &str) -> Vec<String> {
    let mut files = Vec::new();
    for (_, list) in note.lines().filter_map(|line| line.split_once(": ")) {
        let mut file = String::new();
        let mut rest = list.chars();
        while let Some(character) = rest.next() {
            match character {
                '\\' => file.extend(rest.next()),
                ' ' => files.push(std::mem::take(&mut file)),
                _ => file.push(character),
            }
        }
        files.push(file);
    }
    files.retain(|file| !file.is_empty());
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_blanks() {
        let note = "/t/libapp.so: /app/lib.rs /app/mail\\ text.txt /app/pages/[id].rs\n";
        assert_eq!(parse(note), ["/app/lib.rs", "/app/mail text.txt", "/app/pages/[id].rs"]);
        assert_eq!(parse("/t/libapp.so:\n"), Vec::<String>::new());
        assert_eq!(parse(""), Vec::<String>::new());
    }

    #[test]
    fn only_files_of_the_app_count() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let library = folder.path().join("libapp.so");
        fs::write(folder.path().join("libapp.d"), "x: /app/mail.txt /registry/lib.rs\n")
            .expect("a file");
        let app = Path::new("/app");
        assert_eq!(of(&library, app), BTreeSet::from([PathBuf::from("mail.txt")]));
        assert_eq!(of(&folder.path().join("other.so"), app), BTreeSet::new());
    }
}
