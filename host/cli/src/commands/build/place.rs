//! The folder that a release goes to, before anything is written: a release has a `README.md` and a
//! `Dockerfile`, and must not take the place of the user's own.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, bail};
use nova_host::release::plan::PLAN;
use nova_route_template::LIBRARY;
use serde_json::Value;

/// What a build that did not come to its end may have left, and what keeps a folder in git.
const LEFT: [&str; 9] = [
    LIBRARY,
    PLAN,
    "precompile-report.json",
    "routes_generated.rs",
    "assets",
    "public",
    "prerendered",
    ".gitignore",
    ".gitkeep",
];

/// How many files are named.
const NAMED: usize = 3;

/// Checks that a release may be written to `out`, which need not be there.
///
/// # Errors
/// If it holds something that is not of a release.
pub(super) fn check(out: &Path) -> anyhow::Result<()> {
    let entries = match fs::read_dir(out) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("{} cannot be read", out.display()))?,
    };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    let help = "name a folder for the release alone, such as --out build";
    if names.iter().any(|name| name == "Cargo.toml") {
        bail!(
            "{}: a release cannot be written here: it is the folder of a crate, with a Cargo.toml\n  \
             help: {help}",
            out.display()
        );
    }
    names.retain(|name| !LEFT.contains(&name.as_str()));
    if names.is_empty() || has_release(out) {
        return Ok(());
    }
    names.sort();
    let more = names.len().saturating_sub(NAMED);
    let named = names[..names.len() - more].join(", ");
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    bail!(
        "{}: a release cannot be written here: no earlier one lies there, but {named}{more}, which \
         may be lost\n  help: {help}, or empty this one",
        out.display()
    )
}

/// Whether there is a release, of whichever version of Nova.
fn has_release(folder: &Path) -> bool {
    let manifest = fs::read(folder.join("manifest.json")).unwrap_or_default();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap_or_default();
    manifest["nova"].is_string() && manifest["build_id"].is_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_takes_no_place_of_what_is_not_its_own() {
        let release = "{\"nova\": \"0.0.1\", \"build_id\": \"0123\"}";
        for (files, expected) in [
            (&[][..], ""),
            (&[(".gitignore", "*\n")], ""),
            (&[("manifest.json", release), ("README.md", ""), ("notes.txt", "")], ""),
            (&[("public/logo.svg", ""), ("precompile.json", "{}")], ""),
            (&[("Dockerfile", "FROM x\n")], "but Dockerfile, which may be lost\n  help: name a"),
            (
                &[
                    ("README.md", ""),
                    ("Dockerfile", ""),
                    ("app.js", ""),
                    ("b.js", ""),
                    ("c.js", ""),
                ],
                "but Dockerfile, README.md, app.js and 2 more, which",
            ),
            (&[("manifest.json", "{\"name\": \"A web app\"}")], "but manifest.json, which"),
            (&[("manifest.json", release), ("Cargo.toml", "")], "it is the folder of a crate"),
        ] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            for (file, text) in files {
                let path = folder.path().join(file);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(path, text).expect("a file");
            }
            match check(folder.path()) {
                Ok(()) => assert_eq!(expected, "", "{files:?}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!expected.is_empty() && error.contains(expected), "{files:?}: {error}");
                }
            }
            check(&folder.path().join("none")).expect("it is not there");
        }
    }
}
