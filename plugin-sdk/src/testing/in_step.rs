//! The check that a crate root names the pages there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Fails when the app's crate root and its `pages/` (or `src/pages/`) are out of step.
///
/// `nova` keeps them in step; this is for the edit that was made without it. Generated code calls
/// this in a test, with the app's folder and every file under `pages/` that it declares.
///
/// # Panics
/// When a page was added or removed; the message names each.
///
/// ```no_run
/// nova::testing::assert_in_step(env!("CARGO_MANIFEST_DIR"), &["pages/index.rs"]);
/// ```
pub fn assert_in_step(app: &str, declared: &[&str]) {
    let declared: BTreeSet<String> = declared.iter().map(|&file| file.to_owned()).collect();
    let found = pages(Path::new(app));
    let names = |what: &str, files: Vec<&String>| -> String {
        files.iter().map(|file| format!("\n  {what} {file}")).collect()
    };
    let added = names("not declared:", found.difference(&declared).collect());
    let gone = names("missing:", declared.difference(&found).collect());
    assert!(
        added.is_empty() && gone.is_empty(),
        "the crate root is out of step with the pages; `nova routes` rewrites it{added}{gone}"
    );
}

/// Every file that is a page or belongs to one: not what is private.
fn pages(app: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for root in ["pages", "src/pages"] {
        if app.join(root).is_dir() {
            walk(app, root, &mut found);
            break;
        }
    }
    found
}

fn walk(app: &Path, folder: &str, found: &mut BTreeSet<String>) {
    let entries = fs::read_dir(app.join(folder))
        .unwrap_or_else(|error| panic!("cannot read {folder}: {error}"));
    for entry in entries.filter_map(Result::ok) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{folder}/{name}");
        // Not the entry's own type: a page may be a symbolic link.
        let is_folder = app.join(&path).is_dir();
        if is_folder && (!name.starts_with(['_', '.']) || name == ".well-known") {
            walk(app, &path, found);
        } else if !is_folder && is_page(&name) {
            found.insert(path);
        }
    }
}

fn is_page(name: &str) -> bool {
    let special = ["_layout.rs", "_middleware.rs", "_error.rs"].contains(&name);
    special || (name.ends_with(".rs") && !name.starts_with(['_', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(files: &[&str]) -> tempfile::TempDir {
        let app = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = app.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "").expect("a file");
        }
        app
    }

    #[test]
    fn private_files_do_not_count() {
        let files = [
            "pages/index.rs",
            "pages/_layout.rs",
            "pages/_helper.rs",
            "pages/_parts/x.rs",
            "pages/.#index.rs",
            "pages/notes.md",
            "pages/.git/x.rs",
            "pages/.well-known/security.txt.rs",
            "pages/a/[id].rs",
            "components/header.rs",
        ];
        let app = app(&files);
        let path = app.path().to_str().expect("a path");
        let declared = [
            "pages/.well-known/security.txt.rs",
            "pages/_layout.rs",
            "pages/a/[id].rs",
            "pages/index.rs",
        ];
        assert_in_step(path, &declared);
    }

    #[test]
    #[should_panic(expected = "not declared: src/pages/new.rs\n  missing: src/pages/old.rs")]
    fn what_is_out_of_step_is_named() {
        let app = app(&["src/pages/new.rs"]);
        assert_in_step(app.path().to_str().expect("a path"), &["src/pages/old.rs"]);
    }

    #[test]
    fn an_app_without_pages_is_in_step() {
        let app = app(&[]);
        assert_in_step(app.path().to_str().expect("a path"), &[]);
    }
}
