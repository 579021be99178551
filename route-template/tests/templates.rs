//! The templates are apps that build where they stand, and an app made of one builds on a
//! machine that has Rust and nothing of Nova.
//!
//! The apps lie at fixed paths below cargo's folder for tests. They have the lock file of the
//! starter and the target folder of all apps that are built by tests, so that what they depend on
//! is compiled once.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use nova_route_template::prepare;
use nova_route_template::scaffold::{Template, create};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Running this brings the templates in step, so that it fails once at most.
#[test]
fn the_templates_are_in_step() {
    for dir in ["templates/minimal", "templates/api", "../examples/starter"] {
        let prepared = prepare(&Path::new(HERE).join(dir)).unwrap_or_else(|e| panic!("{dir}: {e}"));
        assert!(!prepared.crate_root.changed, "{dir}: lib.rs was written anew");
        assert_eq!(prepared.warnings, []);
    }
}

/// Two versions of maud would be two types of markup.
#[test]
fn the_templates_have_the_versions_of_the_sdk() {
    let read = |path: &str| -> toml::Table {
        toml::from_str(&std::fs::read_to_string(Path::new(HERE).join(path)).unwrap()).unwrap()
    };
    let root = read("../Cargo.toml");
    for dir in ["templates/minimal", "../examples/starter"] {
        let manifest = read(&format!("{dir}/Cargo.toml"));
        assert_eq!(
            manifest["dependencies"]["maud"], root["workspace"]["dependencies"]["maud"],
            "{dir}",
        );
    }
}

/// One after the other, and each in the place of the one before: what they have in `vendor/` is the
/// same, and is compiled once.
#[test]
fn a_clone_of_an_app_builds_and_passes_its_tests() {
    Template::ALL.into_iter().for_each(check_clone);
}

fn check_clone(template: Template) {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // rustfmt looks for its settings in the folders above, and would find those of this workspace.
    std::fs::write(tmp.join("rustfmt.toml"), "").unwrap();
    let original = tempfile::tempdir().unwrap();
    // In one target folder, cargo takes packages of one name for one package.
    let name = format!("clone-{template}");
    let app = original.path().join(&name);
    create(&app, template, None).unwrap();
    let lock = Path::new(HERE).join("../examples/starter/Cargo.lock");
    std::fs::copy(lock, app.join("Cargo.lock")).unwrap();
    let git = |args: &[&str]| run(Command::new("git").current_dir(&app).args(args));
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    let who = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
    git(&[&who[..], &["commit", "--quiet", "--message", "Begin"]].concat());

    let clone = tmp.join("clone");
    let _ = std::fs::remove_dir_all(&clone);
    run(Command::new("git").args(["clone", "--quiet"]).arg(&app).arg(&clone));
    drop(original);
    date_as_sdk(&clone.join("vendor"));

    let cargo = |args: &[&str]| {
        run(Command::new("cargo")
            .current_dir(&clone)
            .env("CARGO_TARGET_DIR", tmp.with_file_name("apps"))
            .env("PATH", path_without_nova())
            .args(args));
    };
    cargo(&["clippy", "--all-targets"]);
    cargo(&["test"]);
    // rustfmt follows the declarations in lib.rs to every page.
    cargo(&["fmt", "--check", "--package", &name]);
}

/// Gives a copy of the SDK the time of the SDK, by which cargo tells whether it has changed.
fn date_as_sdk(copy: &Path) {
    let files = |folder: &Path| {
        let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
        entries.filter(|entry| entry.file_type().is_file()).collect::<Vec<_>>()
    };
    let sdk = files(&Path::new(HERE).join("../plugin-sdk"));
    let changed = sdk.iter().map(|file| file.metadata().unwrap().modified().unwrap()).max();
    for file in files(copy) {
        File::open(file.path()).unwrap().set_modified(changed.unwrap()).unwrap();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        text(&output.stdout),
        text(&output.stderr),
    );
    assert!(!text(&output.stderr).contains("warning:"), "{}", text(&output.stderr));
}

fn path_without_nova() -> OsString {
    let path = std::env::var_os("PATH").unwrap();
    let folders = std::env::split_paths(&path);
    let without: Vec<PathBuf> = folders.filter(|folder| !folder.join("nova").exists()).collect();
    std::env::join_paths(without).unwrap()
}
