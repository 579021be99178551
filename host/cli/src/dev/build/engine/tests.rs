use nova_route_template::CargoError;
use nova_route_template::parts::PartsError;
use tempfile::TempDir;

use super::*;
use crate::dev::watch::change::ChangeKind;

/// An engine that has nothing to do, for an app in `apps/site` of a workspace.
fn engine() -> (TempDir, Engine) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("apps/site");
    std::fs::create_dir_all(&dir).expect("a folder");
    let manifests = [
        (folder.path(), "[workspace]\nmembers = [\"apps/site\"]\n"),
        (dir.as_path(), "[package]\nname = \"site\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    ];
    for (folder, text) in manifests {
        std::fs::write(folder.join("Cargo.toml"), text).expect("a manifest");
    }
    let mut engine = Engine::new(&dir, Path::new("nova"), Environment::new());
    engine.stale = Stale::default();
    (folder, engine)
}

fn refused() -> CargoError {
    CargoError::Failed { diagnostics: Vec::new(), output: "error: no".to_owned() }
}

fn edited(path: impl Into<PathBuf>) -> Change {
    Change { path: path.into(), kind: ChangeKind::Edited }
}

fn change(engine: &mut Engine, path: impl Into<PathBuf>) {
    engine.changed(vec![edited(path)], Duration::ZERO, Instant::now());
}

fn has_told_of_a_failure(engine: &Engine) -> bool {
    engine.events.iter().any(|event| matches!(event, EngineEvent::Failed { .. }))
}

#[test]
fn what_may_mend_an_app_library_asks_for_another_attempt() {
    let elsewhere = "/elsewhere/module.rs";
    for (failed, path, expected) in [
        (true, "db.rs", true),
        (true, "pages/_layout.rs", true),
        (true, elsewhere, true),
        (true, "pages/index.rs", false),
        (false, "db.rs", false),
        (false, "pages/_layout.rs", false),
    ] {
        let (_folder, mut engine) = engine();
        if failed {
            engine.app_failure = Some(Arc::new(refused().into()));
            engine.app.failed([PathBuf::from(elsewhere)]);
            assert!(engine.reads(Path::new(elsewhere)));
        }
        change(&mut engine, path);
        assert_eq!(engine.stale.app, expected, "{path} {failed}");
    }
}

#[test]
fn a_page_that_nobody_asked_for_fails_in_silence() {
    for waited_for in [false, true] {
        let (_folder, mut engine) = engine();
        let file = Some("pages/index.rs".to_owned());
        engine.conclude_trial(file, "a reason", waited_for, Err(refused()));
        assert_eq!(has_told_of_a_failure(&engine), waited_for);
        assert_eq!(engine.failures().len(), usize::from(waited_for));
    }
}

#[test]
fn what_cargo_refuses_is_no_failure_of_the_app_library() {
    let (_folder, mut engine) = engine();
    engine.conclude_image(Err(PartsError::Cargo(refused())));
    assert!(has_told_of_a_failure(&engine) && engine.failures().len() == 1);
    change(&mut engine, "db.rs");
    assert!(!engine.stale.app && engine.stale.image);
}

#[test]
fn a_manifest_above_the_app_is_read_and_decides_about_the_image() {
    let (folder, mut engine) = engine();
    let manifest = folder.path().join("Cargo.toml");
    assert!(!engine.reads(&manifest));
    engine.conclude_image(Err(PartsError::Cargo(refused())));
    assert!(engine.reads(&manifest) && engine.is_key_file(&manifest));
    let is_announced = |event: &EngineEvent| match event {
        EngineEvent::Inputs(files) => files.contains(&manifest),
        _ => false,
    };
    assert!(engine.events.iter().any(is_announced), "{:?}", engine.events);
    change(&mut engine, &manifest);
    assert!(engine.stale.image && engine.stale.files);
}

#[test]
fn a_lock_file_that_changes_meanwhile_is_looked_at_afterwards() {
    let (_folder, mut engine) = engine();
    assert!(engine.is_lock(Path::new("Cargo.lock")) && !engine.is_lock(Path::new("a/Cargo.lock")));
    engine.lock_changed(vec![edited("Cargo.lock")]);
    assert!(!engine.stale.image && !engine.draft.is_due());
    engine.check_locks();
    assert!(engine.stale.image && engine.draft.is_due());

    // cargo may have failed over the one before.
    engine.stale = Stale::default();
    engine.lock_changed(vec![edited("Cargo.lock")]);
    engine.conclude_image(Err(PartsError::Cargo(refused())));
    assert!(engine.stale.image && !has_told_of_a_failure(&engine));
    engine.stale = Stale::default();
    engine.conclude_image(Err(PartsError::Cargo(refused())));
    assert!(!engine.stale.image && has_told_of_a_failure(&engine), "once");
}

#[test]
fn an_engine_is_at_work_from_the_wish_for_parts_until_it_gives_them_up() {
    let (_folder, mut engine) = engine();
    assert!(!engine.is_at_work());
    engine.rebuild();
    assert!(engine.is_at_work() && engine.is_retired(), "it does not know yet");
    engine.retire();
    assert!(!engine.is_at_work());
    change(&mut engine, "Cargo.toml");
    assert!(engine.is_at_work());
}
