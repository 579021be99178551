//! The binaries under test and the apps they run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// The folder of the repository.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent")
}

/// Where everything is built that is no part of the workspace: the apps, the fixtures. One folder,
/// because what their locks and profiles agree on is compiled once there.
#[must_use]
pub fn apps() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), PathBuf::from)
        .join("apps")
}

/// The path of a binary of `nova-host`, up to date: cargo is asked once per test process.
///
/// # Panics
/// If it does not build.
pub async fn binary(name: &str) -> PathBuf {
    static BUILT: OnceCell<Vec<PathBuf>> = OnceCell::const_new();
    let built = BUILT.get_or_init(build).await;
    let found = built.iter().find(|path| path.file_name().is_some_and(|file| file == name));
    found.unwrap_or_else(|| panic!("nova-host has no binary {name}")).clone()
}

async fn build() -> Vec<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--bin", "nova", "--bin", "nova-host", "--message-format", "json"])
        .current_dir(root())
        .stderr(Stdio::inherit());
    // Of the packages that are built already: then the features agree, and nothing is compiled twice.
    if cfg!(debug_assertions) {
        // As `.ci/test` does; the test brings the features that only tests ask for.
        command.args(["--workspace", "--exclude", "nova-benches", "--exclude", "nova-bench-app"]);
        command.args(["--test", "e2e"]);
    } else {
        // As the benchmarks are.
        command.args(["--release", "-p", "nova-benches", "-p", "nova-cli", "-p", "nova-host"]);
    }
    let output = command.output().await.expect("cargo runs");
    assert!(output.status.success(), "nova-host does not build");
    output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect()
}

/// A copy of an app in a folder of its own; it goes away with the handle.
pub struct App {
    _folder: TempDir,
    /// Where the app is.
    pub path: PathBuf,
}

impl App {
    /// Copies `examples/<name>`, without what was built there, for one test. The package is named
    /// for the test, so that all of them can share a target folder.
    ///
    /// # Panics
    /// If there is no such example, or no room.
    #[must_use]
    pub fn example(name: &str, test: &str) -> Self {
        let app = Self::empty(name);
        copy(&root().join("examples").join(name), &app.path);
        let sdk = root().join("plugin-sdk").display().to_string();
        app.edit("Cargo.toml", "../../plugin-sdk", &sdk);
        app.edit("Cargo.toml", "name = \"nova-", &format!("name = \"{test}-"));
        app
    }

    /// An empty folder called `name`, to be written into.
    ///
    /// # Panics
    /// If there is no room.
    #[must_use]
    pub fn empty(name: &str) -> Self {
        let folder =
            tempfile::Builder::new().prefix("nova-test-").tempdir().expect("a temporary folder");
        let path = folder.path().canonicalize().expect("a path").join(name);
        fs::create_dir(&path).expect("a folder");
        Self { _folder: folder, path }
    }

    /// An app of this name with a manifest and a crate root, and nothing else in it.
    ///
    /// # Panics
    /// If there is no room.
    #[must_use]
    pub fn bare(name: &str) -> Self {
        let app = Self::empty(name);
        let sdk = root().join("plugin-sdk").display().to_string();
        app.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                 [lib]\npath = \"lib.rs\"\n\n[dependencies]\nmaud = \"0.27\"\n\
                 nova = {{ package = \"nova-plugin-sdk\", path = {sdk:?} }}\n\n\
                 [profile.dev]\ndebug = \"line-tables-only\"\n\n[workspace]\n"
            ),
        );
        app.lock();
        app.write("lib.rs", "//! An app.\n\n// nova:begin\n// nova:end\n");
        app
    }

    /// Copies the app, or the workspace of one, in `tests/fixtures/apps/<name>`, and locks it.
    ///
    /// # Panics
    /// If there is no such fixture, or no room.
    #[must_use]
    pub fn fixture(name: &str) -> Self {
        let app = Self::empty(name);
        copy(&root().join("tests/fixtures/apps").join(name), &app.path);
        let sdk = root().join("plugin-sdk").display().to_string();
        app.edit("Cargo.toml", "../../../../plugin-sdk", &sdk);
        app.lock();
        app
    }

    /// Gives the app the lock file of the starter, so that what it depends on is what the other
    /// apps depend on, and is compiled once.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn lock(&self) {
        fs::copy(root().join("examples/starter/Cargo.lock"), self.path.join("Cargo.lock"))
            .expect("a lock file");
    }

    /// A command that builds apps into the target folder that they all share.
    pub async fn command(&self, binary_name: &str) -> Command {
        let mut command = Command::new(binary(binary_name).await);
        command
            .current_dir(&self.path)
            .env("CARGO_TARGET_DIR", apps())
            .env("NOVA_CACHE_DIR", apps().with_file_name("images"));
        command
    }

    /// The content of a file of the app.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Writes a file of the app, and its folder where it is missing.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, file: &str, content: &str) {
        let path = self.path.join(file);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        fs::write(path, content).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// Replaces `from` by `to` in a file of the app.
    ///
    /// # Panics
    /// If `from` is not there exactly once.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let before = self.read(file);
        assert_eq!(before.matches(from).count(), 1, "{from:?} in {file}");
        self.write(file, &before.replace(from, to));
    }

    /// Adds text at the end of a file of the app.
    ///
    /// # Panics
    /// If it cannot be read and written.
    pub fn append(&self, file: &str, text: &str) {
        self.write(file, &(self.read(file) + text));
    }

    /// Deletes a file of the app.
    ///
    /// # Panics
    /// If it is not there.
    pub fn delete(&self, file: &str) {
        fs::remove_file(self.path.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

/// Copies a folder, without what was built there.
///
/// # Panics
/// If it cannot be read or written.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if name == "target" || name == "build" || name == ".nova" {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
