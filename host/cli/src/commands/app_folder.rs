//! The app's folder as an argument: from any folder below it, it need not be named.

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};

/// What stands for the app around the current folder.
pub(super) const HERE: &str = ".";

/// Reads the argument.
pub(super) fn parser() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(|dir| {
        let dir = PathBuf::from(dir);
        if dir == Path::new(HERE) { around(dir) } else { dir }
    })
}

/// The nearest app that the folder is in; itself where there is none.
pub(super) fn around(dir: PathBuf) -> PathBuf {
    let Ok(absolute) = dir.canonicalize() else { return dir };
    match absolute.ancestors().find(|folder| is_app(folder)) {
        // As it was named: what is printed stays short.
        Some(app) if app == absolute => dir,
        Some(app) => app.to_owned(),
        None => dir,
    }
}

/// Folders of crates that an app has beside its pages are not apps.
fn is_app(folder: &Path) -> bool {
    let has_pages = || ["pages", "src/pages"].iter().any(|pages| folder.join(pages).is_dir());
    folder.join("Cargo.toml").is_file() && has_pages()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_app_is_found() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let root = root.path().canonicalize().expect("a folder");
        for folder in ["shop/pages/users", "shop/model/src", "site/src/pages", "other"] {
            std::fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        for manifest in
            ["Cargo.toml", "shop/Cargo.toml", "shop/model/Cargo.toml", "site/Cargo.toml"]
        {
            std::fs::write(root.join(manifest), "").expect("a file");
        }
        for (from, expected) in [
            ("shop", "shop"),
            ("shop/pages/users", "shop"),
            ("shop/model/src", "shop"),
            ("site/src/pages", "site"),
            ("other", "other"),
            ("missing", "missing"),
        ] {
            assert_eq!(around(root.join(from)), root.join(expected), "{from}");
        }
    }
}
