//! What cargo tells the compiler about a package, for an app that takes an image which another app
//! let cargo build.
//!
//! What turns this off: the same as the sharing of images (`cache_keys`), and a value in the
//! manifest that is not plain text. cargo is then asked, and what it does is remembered.

use std::path::PathBuf;

use toml::{Table, Value};

use crate::parts::capture::RustcCall;
use crate::project::Project;

/// The name of the crate that a package's library is.
pub(super) fn crate_name(manifest: &Table, package: &str) -> String {
    let lib = manifest.get("lib").and_then(|lib| lib.get("name")).and_then(Value::as_str);
    lib.unwrap_or(package).replace('-', "_")
}

/// The call for this app, after the one for another of the same image; none if its manifest holds
/// what only cargo can work out.
pub(super) fn call(other: &RustcCall, project: &Project, manifest: &Table) -> Option<RustcCall> {
    let package = manifest.get("package")?.as_table()?;
    let text = |key: &str| match package.get(key) {
        None => Some(String::new()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => None,
    };
    let mut call = other.clone();
    call.dir = project.dir().to_owned();
    let version = match package.get("version") {
        None => "0.0.0".to_owned(),
        Some(version) => version.as_str()?.to_owned(),
    };
    let (numbers, rest) = match version.find(['-', '+']) {
        Some(at) => version.split_at(at),
        None => (version.as_str(), ""),
    };
    let pre = rest.strip_prefix('-').unwrap_or_default().split('+').next().unwrap_or_default();
    let mut numbers = numbers.split('.');
    let mut number = || numbers.next().unwrap_or("0").to_owned();
    let authors = match package.get("authors") {
        None => String::new(),
        Some(authors) => {
            let names = authors.as_array()?.iter().filter_map(Value::as_str);
            names.collect::<Vec<_>>().join(":")
        }
    };
    let readme = match package.get("readme") {
        None => ["README.md", "README.txt", "README"]
            .into_iter()
            .find(|name| project.dir().join(name).is_file())
            .unwrap_or_default()
            .to_owned(),
        Some(Value::String(name)) => name.clone(),
        Some(_) => return None,
    };
    let manifest_path: PathBuf = project.dir().join("Cargo.toml");
    let variables = [
        ("CARGO_PKG_NAME", project.name().to_owned()),
        ("CARGO_PKG_VERSION_MAJOR", number()),
        ("CARGO_PKG_VERSION_MINOR", number()),
        ("CARGO_PKG_VERSION_PATCH", number()),
        ("CARGO_PKG_VERSION_PRE", pre.to_owned()),
        ("CARGO_PKG_VERSION", version.clone()),
        ("CARGO_PKG_AUTHORS", authors),
        ("CARGO_PKG_DESCRIPTION", text("description")?),
        ("CARGO_PKG_HOMEPAGE", text("homepage")?),
        ("CARGO_PKG_REPOSITORY", text("repository")?),
        ("CARGO_PKG_LICENSE", text("license")?),
        ("CARGO_PKG_LICENSE_FILE", text("license-file")?),
        ("CARGO_PKG_RUST_VERSION", text("rust-version")?),
        ("CARGO_PKG_README", readme),
        ("CARGO_CRATE_NAME", crate_name(manifest, project.name())),
        ("CARGO_MANIFEST_DIR", project.dir().to_str()?.to_owned()),
        ("CARGO_MANIFEST_PATH", manifest_path.to_str()?.to_owned()),
    ];
    call.env.extend(variables.map(|(name, value)| (name.to_owned(), value)));
    Some(call)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_variables_are_the_ones_of_this_app() {
        let dir = tempfile::tempdir().unwrap();
        let manifest =
            "[package]\nname = \"my-app\"\nversion = \"1.2.3-rc.1+x\"\nauthors = [\"A\", \"B\"]\n";
        std::fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
        let project = Project::open(dir.path()).unwrap();
        let other = RustcCall {
            argv: vec!["rustc".into()],
            env: [("CARGO_PKG_NAME", "other"), ("CARGO_PRIMARY_PACKAGE", "1")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            dir: Path::new("/other").into(),
        };
        let call = call(&other, &project, &toml::from_str(manifest).unwrap()).unwrap();
        let env = |name: &str| call.env[name].as_str();
        assert_eq!(call.dir, project.dir());
        assert_eq!(env("CARGO_PKG_NAME"), "my-app");
        assert_eq!(env("CARGO_CRATE_NAME"), "my_app");
        assert_eq!(env("CARGO_PKG_VERSION"), "1.2.3-rc.1+x");
        assert_eq!((env("CARGO_PKG_VERSION_PATCH"), env("CARGO_PKG_VERSION_PRE")), ("3", "rc.1"));
        assert_eq!(env("CARGO_PKG_AUTHORS"), "A:B");
        assert_eq!(env("CARGO_PRIMARY_PACKAGE"), "1");
    }
}
