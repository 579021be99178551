use super::*;

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
fn a_workspace_around_the_app_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("Cargo.toml");
    std::fs::write(&root, "[workspace]\nmembers = [\"apps/*\"]\n").unwrap();
    let created = create(&dir.path().join("apps/site"), Template::Minimal, None).unwrap();
    assert_eq!(created.outer_workspace, Some(root));
}
