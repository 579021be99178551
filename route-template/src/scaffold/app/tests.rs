use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

use super::*;
use crate::cargo::build::{LIBRARY_COMMAND, LIBRARY_FLAGS};

fn name(name: &str) -> AppName {
    AppName::parse(name).unwrap()
}

fn text(files: &Files, path: &str) -> String {
    let content =
        files.get(path).unwrap_or_else(|| panic!("{path} is not among {:?}", files.keys()));
    String::from_utf8(content.clone()).unwrap()
}

#[test]
fn a_new_app_has_everything_it_needs() {
    for template in Template::ALL {
        let files = render(template, &name("my-site"));
        for path in [
            ".github/workflows/ci.yml",
            ".github/workflows/release.yml",
            ".gitignore",
            "Cargo.toml",
            "README.md",
            "lib.rs",
            "nova.toml",
            "pages/index.rs",
            "vendor/nova/Cargo.toml",
            "vendor/nova/plugin-sdk/src/lib.rs",
            "vendor/nova/plugin-sdk/abi/src/lib.rs",
        ] {
            assert!(files.contains_key(path), "{template}: {path}");
        }
        for path in files.keys() {
            let is_stray = ["target/", "build/", ".nova/", "Cargo.lock"]
                .iter()
                .any(|stray| path.starts_with(stray));
            assert!(!is_stray, "{template}: {path}");
        }
    }
}

#[test]
fn the_app_has_its_own_name_everywhere() {
    for template in Template::ALL {
        let files = render(template, &name("my-site"));
        assert!(text(&files, "Cargo.toml").contains("name = \"my-site\"\n"), "{template}");
        assert!(text(&files, "lib.rs").starts_with("//! my-site\n"), "{template}");
        assert!(text(&files, "README.md").starts_with("# my-site\n"), "{template}");
        let own = files.iter().filter(|(path, _)| !path.starts_with("vendor/"));
        for (path, content) in own {
            let content = String::from_utf8_lossy(content);
            for package in [template.package().to_owned(), template.package().replace('-', "_")] {
                assert!(!content.contains(&package), "{template}: {path} says {package}");
            }
            for outside in ["../plugin-sdk", env!("CARGO_MANIFEST_DIR")] {
                assert!(!content.contains(outside), "{template}: {path} says {outside}");
            }
        }
        let tests = files.iter().find(|(path, _)| path.starts_with("tests/")).unwrap().1;
        assert!(String::from_utf8_lossy(tests).contains("my_site::routes()"), "{template}");
    }
}

#[test]
fn the_sdk_is_found_in_the_app() {
    let files = render(Template::Minimal, &name("x"));
    let manifest: toml::Table = toml::from_str(&text(&files, "Cargo.toml")).unwrap();
    assert_eq!(manifest["dependencies"]["nova"]["path"].as_str(), Some("vendor/nova/plugin-sdk"));
    assert_eq!(manifest["workspace"]["exclude"][0].as_str(), Some("vendor"));
    assert!(manifest["dependencies"]["serde"]["features"].to_string().contains("derive"));
}

#[test]
fn a_folder_that_holds_something_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let app = dir.path().join("site");
    std::fs::create_dir_all(app.join(".git")).unwrap();
    let created = create(&app, Template::Minimal, None).unwrap();
    assert_eq!((created.name.as_str(), created.outer_workspace), ("site", None));
    assert!(app.join("pages/index.rs").is_file());

    let again = create(&app, Template::Minimal, None).unwrap_err();
    assert!(matches!(again, CreateError::NotEmpty { .. }), "{again}");
}

#[test]
fn a_bad_name_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let app = dir.path().join("my site");
    assert!(matches!(create(&app, Template::Minimal, None), Err(CreateError::Name(_))));
    assert!(!app.exists());
    assert_eq!(create(&app, Template::Minimal, Some("my-site")).unwrap().name, "my-site");
}

#[test]
fn an_app_in_a_workspace_is_a_member_that_cargo_takes() {
    let members = |workspace: &str| {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("Cargo.toml");
        std::fs::write(&root, format!("[workspace]\nresolver = \"3\"\n{workspace}\n")).unwrap();
        let app = dir.path().join("apps/site");
        let created = create(&app, Template::Starter, None).unwrap();
        assert_eq!(created.outer_workspace, Some(root));
        let manifest = std::fs::read_to_string(app.join("Cargo.toml")).unwrap();
        assert_eq!(created.is_member, !manifest.contains("[workspace]"), "{manifest}");
        let mut cargo = Command::new("cargo");
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
        let output = cargo.current_dir(&app).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // What cargo says of profiles in a member, for one.
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{workspace}");
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        metadata["packages"].as_array().unwrap().len()
    };
    // The SDK is five packages, which are the workspace's where it names the app.
    assert_eq!(members("members = [\"apps/site\"]"), 6);
    assert_eq!(members(""), 6);
    assert_eq!(members("members = [\"apps/*\"]\nexclude = [\"apps/site/vendor\"]"), 1);
    assert_eq!(members("exclude = [\"apps\"]"), 1);
}

#[test]
fn an_app_leaves_that_beside_it_and_that_around_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let first = root.join("first");
    create(&first, Template::Minimal, None).unwrap();
    let manifest = || std::fs::read_to_string(first.join("Cargo.toml")).unwrap();
    let before = manifest();
    std::os::unix::fs::symlink(&first, root.join("link")).unwrap();
    for (named, place) in [
        ("first/../second", "second"),
        ("first/none/../../third", "third"),
        ("link/../fourth", "fourth"),
        ("first/inner", "first/inner"),
        ("link/other/deep", "first/other/deep"),
    ] {
        let created = create(&root.join(named), Template::Minimal, None).unwrap();
        assert_eq!(created.dir, root.join(place), "{named}");
        assert_eq!((created.outer_workspace, created.is_member), (None, false), "{named}");
        assert_eq!(manifest(), before, "{named}");
        for app in [&first, &created.dir] {
            let mut cargo = Command::new("cargo");
            cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
            let output = cargo.current_dir(app).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn a_workspace_gets_no_member_that_was_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("Cargo.toml");
    std::fs::write(&root, "[workspace]\n").unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path().join("site")).unwrap();
    let error = create(&dir.path().join("site"), Template::Minimal, None).unwrap_err();
    assert!(matches!(error, CreateError::Io { action: "written", .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&root).unwrap(), "[workspace]\n");
}

/// As GitHub reads them: each is YAML, each job says where it runs, each step what it does.
#[test]
fn the_workflows_are_whole() {
    for template in Template::ALL {
        let files = render(template, &name("my-site"));
        let names: Vec<_> = files.keys().filter(|file| file.starts_with(".github/")).collect();
        assert_eq!(names, [".github/workflows/ci.yml", ".github/workflows/release.yml"]);
        for name in names {
            let documents = YamlLoader::load_from_str(&text(&files, name)).unwrap();
            let [workflow] = &documents[..] else { panic!("{name}: one document") };
            assert!(workflow["name"].as_str().is_some(), "{name}");
            assert!(!workflow["on"].as_hash().unwrap().is_empty(), "{name}");
            let may = workflow["permissions"]["contents"].as_str();
            assert_eq!(may, Some(if name.contains("/ci") { "read" } else { "write" }), "{name}");
            let jobs = workflow["jobs"].as_hash().unwrap();
            assert_eq!(jobs.len(), 1, "{name}");
            for job in jobs.values() {
                assert!(job["runs-on"].as_str().unwrap().starts_with("ubuntu-"), "{name}");
                job["steps"].as_vec().unwrap().iter().for_each(|step| check_step(name, step));
            }
        }
    }
}

fn check_step(workflow: &str, step: &Yaml) {
    match (step["uses"].as_str(), step["run"].as_str()) {
        (Some(action), None) => {
            let (_, version) = action.split_once('@').unwrap();
            assert!(version.starts_with('v'), "{workflow}: {action}");
        }
        (None, Some(script)) => {
            // What comes from outside reaches a script as a variable, never as a part of it.
            assert!(!script.contains("${{"), "{workflow}: {script}");
            let shell = Command::new("bash").args(["-n", "-c", script]).output().unwrap();
            assert!(shell.status.success(), "{workflow}: {script}");
        }
        _ => panic!("{workflow}: a step either uses an action or runs something: {step:?}"),
    }
}

/// The library that a workflow makes without `nova` is made as `nova compile` makes it.
#[test]
fn the_workflows_compile_as_nova_does() {
    let files = render(Template::Minimal, &name("my-site"));
    let release = text(&files, ".github/workflows/release.yml");
    let [cargo, arguments @ ..] = LIBRARY_COMMAND;
    let call = format!("cargo {cargo} --release {}", arguments.join(" "));
    let whole = format!("{call} -- {}", LIBRARY_FLAGS.join(" "));
    assert!(release.contains(&whole), "{whole}: {release}");
    assert!(text(&files, ".github/workflows/ci.yml").contains(&call), "{call}");
    assert!(text(&files, ".gitignore").contains("*.key"), "private keys stay out of git");
}

#[test]
fn the_sdk_of_a_workspace_is_found_where_a_member_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let write =
        |file: &str, text: &str| write_atomically(&root.join(file), text.as_bytes()).unwrap();
    let member = |nova: &str| {
        write("a/Cargo.toml", &format!("[package]\nname = \"a\"\n[dependencies]\n{nova}\n"));
    };
    let workspace = "members = [\"a*\"]\ndependencies.nova-plugin-sdk.path = \"./lib/../sdk\"\n";
    write("Cargo.toml", &format!("[workspace]\n{workspace}"));
    write("sdk/Cargo.toml", "");
    write("a/vendor/nova/plugin-sdk/Cargo.toml", "");
    write("a/vendor/nova/Cargo.toml", "[workspace.package]\nversion = \"0.0.9\"\n");
    for (number, (nova, expected)) in [
        ("nova-plugin-sdk.workspace = true", Some(("../sdk", false, None))),
        (
            "nova = { package = \"nova-plugin-sdk\", path = \"vendor/nova/plugin-sdk\" }",
            Some(("../a/vendor/nova/plugin-sdk", true, Some("0.0.9"))),
        ),
        ("nova-plugin-sdk.path = \"../gone\"", None),
        ("nova-plugin-sdk = \"1\"", None),
        ("nova.path = \"../sdk\"", None),
    ]
    .into_iter()
    .enumerate()
    {
        member(nova);
        let app = root.join(format!("b{number}"));
        let shared = create(&app, Template::Minimal, None).unwrap().shared_sdk;
        let found = shared.as_ref().map(|it| (&*it.path, it.is_vendored, it.version.as_deref()));
        assert_eq!(found, expected, "{nova}");
        assert_eq!(app.join(VENDORED).exists(), expected.is_none(), "{nova}");
        if shared.is_some() {
            assert_eq!(AppSdk::of(&app), shared, "{nova}");
        }
        // The next one finds what `a` names, not what this one does.
        std::fs::remove_dir_all(app).unwrap();
    }
}
