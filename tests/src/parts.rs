//! Builds a parted app as the development engine does, by hand: an image, app libraries and page
//! libraries, each by one call of rustc.
//!
//! What rustc needs to know of the dependencies is what cargo would have told it: cargo builds
//! them, and a wrapper notes down the call for the app's own crate and ends there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use nova_host::library::loader::BuildId;
use nova_parts::{PageLibrary, PartedApp};
use tempfile::TempDir;

use crate::workspace::{apps, root};

/// What all parted apps of a test process share.
struct Image {
    rustc: PathBuf,
    /// The arguments for the dependencies.
    externs: Vec<String>,
    /// What cargo sets for the app's crate.
    env: BTreeMap<String, String>,
    std: PathBuf,
    image: PathBuf,
    _folder: TempDir,
}

/// A parted app in a folder of its own.
pub struct Workshop {
    image: &'static Image,
    folder: TempDir,
}

/// A page to be compiled.
pub struct Page<'a> {
    /// Its name: `users` is `pages/users.rs`.
    pub name: &'a str,
    /// Its route.
    pub pattern: &'a str,
    /// The constructor for its `get`: `sync_1`.
    pub form: &'a str,
    /// Its code.
    pub code: &'a str,
}

impl Workshop {
    /// A workshop; the first one of a process builds the image.
    ///
    /// # Panics
    /// If something does not build.
    #[must_use]
    pub fn new() -> Self {
        static IMAGE: OnceLock<Image> = OnceLock::new();
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { image: IMAGE.get_or_init(Image::build), folder }
    }

    /// A path in the workshop's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An app library; what makes it another build is that `from` is replaced by `to`.
    ///
    /// # Panics
    /// If it does not compile, or `from` is not in the fixture.
    #[must_use]
    pub fn app(&self, from: &str, to: &str) -> PartedApp {
        let code = fs::read_to_string(root().join("tests/fixtures/parts/app.rs")).expect("a text");
        assert!(code.contains(from), "{from:?} is not in the fixture");
        let code = code.replace(from, to);
        let id = unique();
        let code = format!("{code}extern crate nova_image as _;\n");
        let source = self.write(&format!("app-{id}.rs"), code);
        let library = self.path(&format!("libnova_app-{id}.so"));
        let mut rustc = self.rustc(&source, &library, "dylib");
        rustc.args(["--crate-name", "split", "-C", &format!("metadata={id}")]);
        run(&mut rustc);
        PartedApp {
            shared: vec![self.image.std.clone(), self.image.image.clone()],
            build: BuildId::of(&fs::read(&library).expect("a library")),
            app: library,
        }
    }

    /// A page library for an app library.
    ///
    /// # Panics
    /// If it does not compile.
    #[must_use]
    pub fn page(&self, app: &PartedApp, page: &Page<'_>) -> PageLibrary {
        let id = unique();
        let Page { name, pattern, form, code } = page;
        let file = format!("pages/{name}.rs");
        let prelude = "#[allow(unused_imports)] use nova::prelude::*;\n";
        let source = self.write(&file, format!("{prelude}{code}\n"));
        let symbol = format!("nova_page_{name}");
        let main = self.write(
            &format!("page-{id}.rs"),
            format!(
                "extern crate nova_image as _;\n\
                 pub use split::*;\n\
                 #[path = {source:?}] pub mod page;\n\
                 nova::export_page!({symbol}, declare);\n\
                 fn declare(pages: &mut nova::parts::Pages<'_>) {{\n\
                     use nova::handler::*;\n\
                     let mut app = pages.of(nova::parts::init_sync_1(app::init));\n\
                     app.page({pattern:?}, {file:?}).get({form}(page::get));\n\
                 }}\n"
            ),
        );
        let library = self.path(&format!("libnova_page-{id}.so"));
        let mut rustc = self.rustc(&main, &library, "cdylib");
        rustc.args(["--crate-name", &format!("page_{id}"), "--extern"]);
        rustc.arg(format!("split={}", app.app.display()));
        rustc.arg(format!("--remap-path-prefix={}/=", self.folder.path().display()));
        run(&mut rustc);
        PageLibrary { file, path: library, symbol }
    }

    fn rustc(&self, source: &Path, library: &Path, kind: &str) -> Command {
        let mut rustc = self.image.rustc(kind);
        rustc.arg(source).arg("-o").arg(library);
        rustc.arg("--extern").arg(format!("nova_image={}", self.image.image.display()));
        rustc
    }

    /// Writes a file into the workshop's folder.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, content).expect("written");
        path
    }

    /// The same with a library of `tests/fixtures/libraries`.
    ///
    /// # Panics
    /// If it does not build.
    #[must_use]
    pub fn write_library(&self, name: &str) -> PathBuf {
        self.write(&format!("{name}.so"), crate::fixtures::library(name))
    }

    /// A text without what differs on each run: the folder, and the numbers in file names.
    #[must_use]
    pub fn redacted(&self, text: &str) -> String {
        let text = text.replace(&self.folder.path().display().to_string(), "");
        let process = format!("-{}_", std::process::id());
        let mut parts = text.split(&process);
        let mut redacted = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            redacted += "-N";
            redacted += part.trim_start_matches(|c: char| c.is_ascii_digit());
        }
        redacted
    }
}

impl Default for Workshop {
    fn default() -> Self {
        Self::new()
    }
}

impl Image {
    fn build() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (args, env) = captured(folder.path());
        let mut externs = Vec::new();
        let mut rest = args.iter().skip(1);
        while let Some(arg) = rest.next() {
            if ["--extern", "-L"].contains(&arg.as_str()) {
                externs.push(arg.clone());
                externs.extend(rest.next().cloned());
            }
        }
        let rustc = PathBuf::from(&args[0]);
        let sysroot = run(Command::new(&rustc).args(["--print", "sysroot"]));
        let target = run(Command::new(&rustc).args(["--print", "host-tuple"]));
        let libraries = format!("{}/lib/rustlib/{}/lib", sysroot.trim(), target.trim());
        let std = fs::read_dir(libraries)
            .expect("rustc has libraries")
            .map(|entry| entry.expect("an entry").path())
            .find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                name.starts_with("libstd-") && name.ends_with(".so")
            })
            .expect("rustc has a shared std");
        let image = folder.path().join(format!("libnova_image-{}.so", unique()));
        let image = Self { rustc, externs, env, std, image, _folder: folder };
        let mut rustc = image.rustc("dylib");
        rustc.args(["--crate-name", "nova_image"]).arg("-o").arg(&image.image);
        rustc.arg(root().join("tests/fixtures/parts/image.rs"));
        run(&mut rustc);
        image
    }

    fn rustc(&self, kind: &str) -> Command {
        let mut rustc = Command::new(&self.rustc);
        rustc.args(["--edition", "2024", "--crate-type", kind, "-C", "prefer-dynamic"]);
        rustc.args(["-C", "debuginfo=0", "--cap-lints", "allow"]);
        rustc.args(&self.externs).envs(&self.env);
        rustc
    }
}

/// The call of rustc that cargo makes for the fixture's own crate, and the environment it sets.
fn captured(folder: &Path) -> (Vec<String>, BTreeMap<String, String>) {
    let (wrapper, note) = (folder.join("wrapper.sh"), folder.join("call"));
    let script = format!(
        "#!/bin/sh\n\
         case \" $* \" in\n\
         *' --crate-name split '*)\n\
             {{ printf '%s\\0' \"$@\"; printf '\\0'; env -0; }} > '{}'\n\
             exit 1;;\n\
         esac\n\
         exec \"$@\"\n",
        note.display()
    );
    fs::write(&wrapper, script).expect("written");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o700)).expect("a mode");
    // A package of its own: one that cargo had built before would not be compiled again.
    let package = folder.join("parts");
    let fixtures = root().join("tests/fixtures");
    crate::workspace::copy(&fixtures.join("parts"), &package);
    fs::copy(fixtures.join("Cargo.lock"), package.join("Cargo.lock")).expect("a copy");
    let manifest = format!(
        "[package]\nname = \"split\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [lib]\npath = \"app.rs\"\ncrate-type = [\"cdylib\"]\n\
         [dependencies]\nmaud = \"0.27\"\n\
         nova = {{ package = \"nova-plugin-sdk\", path = {:?} }}\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n\
         [workspace]\n",
        root().join("plugin-sdk")
    );
    fs::write(package.join("Cargo.toml"), manifest).expect("written");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // It fails: the wrapper does, once it has seen what it is there for.
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--target-dir"])
        .arg(apps())
        .current_dir(package)
        .env("RUSTC_WORKSPACE_WRAPPER", &wrapper)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let note = fs::read_to_string(&note).unwrap_or_else(|error| panic!("no call: {error}\n{said}"));
    let (args, env) = note.split_once("\0\0").expect("arguments, then the environment");
    let env = env.split('\0').filter_map(|line| line.split_once('='));
    let env = env.filter(|(name, _)| name.starts_with("CARGO_"));
    (
        args.split('\0').map(str::to_owned).collect(),
        env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    )
}

/// Runs a command, and shows what it said if it fails.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}");
    String::from_utf8(output.stdout).expect("a text")
}

/// A part of a file name that no other file has: the linker knows libraries by their names.
fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
