use std::fs;
use std::os::unix::fs::MetadataExt as _;

use tempfile::TempDir;

use super::*;

struct Fixture {
    folder: TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("state/libraries")).unwrap();
        Self { folder, store }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.state()).unwrap()
    }

    /// A release folder, as far as a copy of it goes: its library is no library.
    fn facts(&self, name: &str, files: &[(&str, &str)]) -> (BuildId, ReleaseFacts) {
        let source = self.folder.path().join(name);
        let _ = fs::remove_dir_all(&source);
        fs::create_dir_all(source.join("public")).unwrap();
        for (file, text) in files {
            fs::write(source.join("public").join(file), text).unwrap();
        }
        let build_id = BuildId::of(name.as_bytes());
        fs::write(self.store.path(&build_id).expect("a folder"), name).unwrap();
        let facts = ReleaseFacts::new(build_id.clone(), source);
        (build_id, facts)
    }
}

#[test]
fn what_is_written_is_read_again() {
    let fixture = Fixture::new();
    let (build_id, facts) = fixture.facts("one", &[]);
    let ledger = fixture.open();
    ledger.serves(0, facts);
    ledger.keep(&fixture.store);
    ledger.change(|log| {
        log.refuse(RefusedBuild {
            build_id: BuildId::of(b"bad"),
            source: "/srv/build".into(),
            reason: "it panicked".into(),
            at: 1,
        });
    });
    let again = fixture.open();
    assert_eq!(again.log(), ledger.log());
    assert_eq!(again.log().serving(0).unwrap().build_id, build_id);
    assert_eq!(again.refusal(&BuildId::of(b"bad")).unwrap().reason, "it panicked");
    let left: Vec<_> = fs::read_dir(fixture.state()).unwrap().flatten().collect();
    assert_eq!(left.len(), 3, "nothing temporary is left: {left:?}");
}

#[test]
fn a_damaged_file_is_put_aside() {
    let fixture = Fixture::new();
    for text in ["", "{", "[]", "{\"version\": 1}", "{\"version\": 2, \"releases\": []}"] {
        let state = fixture.state();
        fs::write(state.join(FILE), text).unwrap();
        let ledger = fixture.open();
        assert_eq!(ledger.log(), ReleaseLog::default(), "{text:?}");
        assert!(!state.join(FILE).exists());
        let aside = fs::read_dir(&state)
            .unwrap()
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("releases.json.bad-"));
        let aside = aside.expect("it is kept").path();
        assert_eq!(fs::read_to_string(&aside).unwrap(), text);
        fs::remove_file(aside).unwrap();
    }
}

#[test]
fn a_copy_outlives_its_source() {
    let fixture = Fixture::new();
    let (build_id, facts) = fixture.facts("one", &[("a.txt", "a"), (".hidden", "no")]);
    let ledger = fixture.open();
    ledger.serves(0, facts);
    assert_eq!(ledger.public_of(&build_id), None);
    ledger.keep(&fixture.store);
    fs::remove_dir_all(fixture.folder.path().join("one")).unwrap();
    let public = ledger.public_of(&build_id).unwrap();
    assert_eq!(fs::read_to_string(public.join("a.txt")).unwrap(), "a");
    assert!(!public.join(".hidden").exists(), "what is not served is not kept");
    let library = public.parent().unwrap().join(LIBRARY);
    assert_eq!(fs::read_to_string(&library).unwrap(), "one");
}

#[test]
fn a_file_that_did_not_change_is_stored_once() {
    let fixture = Fixture::new();
    let ledger = fixture.open();
    let (one, facts) = fixture.facts("one", &[("a.txt", "a"), ("b.txt", "b")]);
    ledger.serves(0, facts);
    ledger.keep(&fixture.store);
    let (two, facts) = fixture.facts("two", &[("a.txt", "a"), ("b.txt", "c")]);
    for file in ["a.txt", "b.txt"] {
        let path = |name: &str| fixture.folder.path().join(name).join("public").join(file);
        let time = fs::metadata(ledger.public_of(&one).unwrap().join(file)).unwrap();
        let file = fs::File::options().write(true).open(path("two")).unwrap();
        file.set_modified(time.modified().unwrap()).unwrap();
    }
    ledger.serves(0, facts);
    ledger.keep(&fixture.store);
    let inode = |build_id, file| {
        fs::metadata(ledger.public_of(build_id).unwrap().join(file)).unwrap().ino()
    };
    assert_eq!(inode(&one, "a.txt"), inode(&two, "a.txt"));
    assert_ne!(inode(&one, "b.txt"), inode(&two, "b.txt"));
    assert_eq!(ledger.publics().len(), 2);
}

#[test]
fn copies_of_releases_that_are_let_go_are_removed() {
    let fixture = Fixture::new();
    let ledger = fixture.open();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        ledger.serves(0, fixture.facts(name, &[("a.txt", name)]).1);
        ledger.keep(&fixture.store);
    }
    let copies = || fs::read_dir(fixture.state().join(RELEASES)).unwrap().count();
    assert_eq!(copies(), KEPT + 1);
    fs::create_dir(fixture.state().join(RELEASES).join(".new-left-by-a-crash")).unwrap();
    drop(fixture.open());
    assert_eq!(copies(), KEPT + 1);
}

#[test]
fn an_entry_does_not_lead_out_of_the_folder() {
    let fixture = Fixture::new();
    let (build_id, facts) = fixture.facts("one", &[]);
    let ledger = fixture.open();
    ledger.serves(0, facts);
    for name in ["../..", "..", ".", "/", "a/b", ""] {
        ledger.change(|log| log.releases[0].folder = Some(name.to_owned()));
        assert_eq!(ledger.public_of(&build_id), None, "{name:?}");
    }
}

#[test]
fn a_damaged_copy_is_mended_when_its_release_is_there() {
    let fixture = Fixture::new();
    let ledger = fixture.open();
    let (build_id, mut facts) = fixture.facts("one", &[]);
    facts.add_part("style.css", "p{}");
    ledger.serves(0, facts.clone());
    ledger.keep(&fixture.store);
    let copy = ledger.public_of(&build_id).unwrap().parent().unwrap().to_owned();
    for damage in ["eno", "", "one and more"] {
        // It is another name of the store's copy.
        for file in [copy.join("style.css"), copy.join(LIBRARY)] {
            fs::write(file, damage).unwrap();
        }
        fs::remove_file(fixture.store.path(&build_id).unwrap()).unwrap();
        fs::write(fixture.store.path(&build_id).unwrap(), "one").unwrap();
        ledger.serves(0, facts.clone());
        ledger.keep(&fixture.store);
        assert_eq!(fs::read_to_string(copy.join(LIBRARY)).unwrap(), "one", "{damage:?}");
        assert_eq!(fs::read_to_string(copy.join("style.css")).unwrap(), "p{}", "{damage:?}");
    }
}

#[test]
fn without_a_state_folder_copies_go_with_the_host() {
    let fixture = Fixture::new();
    let ledger = Ledger::temporary();
    let (build_id, facts) = fixture.facts("one", &[("a.txt", "a")]);
    ledger.serves(0, facts);
    ledger.keep(&fixture.store);
    fs::remove_dir_all(fixture.folder.path().join("one")).unwrap();
    let public = ledger.public_of(&build_id).unwrap();
    assert_eq!(fs::read_to_string(public.join("a.txt")).unwrap(), "a");
    let folder = ledger.temporary_folder().unwrap();
    assert!(!folder.join(FILE).exists());

    let next = Ledger::default();
    next.inherit(&ledger.log(), Some(&folder));
    ledger.close();
    assert_eq!(next.public_of(&build_id), Some(public.clone()), "the next process has it");
    drop(ledger);
    next.close();
    assert!(!public.exists());
}

#[test]
fn a_restart_serves_what_was_swapped_in_until_there_is_another_deployment() {
    let fixture = Fixture::new();
    let path = |name: &str| fixture.folder.path().join(name);
    let deploy = |build: &str| fs::write(path("app.so"), build).unwrap();
    let open = || fixture.open().deployed_at(vec![path("app.so")]);
    let found = || Deployment::at(&path("app.so")).unwrap();
    // As a host does it: what lies there is read, what is served is noted and written down.
    let serve = |ledger: &Ledger, name: &str| {
        let (build_id, mut facts) = fixture.facts(name, &[]);
        if found().release == build_id.as_str() {
            facts.read_at(path("app.so"));
        }
        ledger.serves(0, facts);
        ledger.keep(&fixture.store);
    };
    let goes_on = |ledger: &Ledger| {
        let kept = ledger.log().swapped_in_over(0, &found()).cloned();
        kept.map(|kept| kept.build_id)
    };
    let id = |name: &str| BuildId::of(name.as_bytes());

    deploy("a");
    let ledger = open();
    assert_eq!(goes_on(&ledger), None, "nothing is remembered");
    ledger.found(0, found());
    serve(&ledger, "a");
    assert_eq!((goes_on(&open()), ledger.after_restart(0)), (None, None));

    // B comes from elsewhere.
    serve(&ledger, "b");
    assert_eq!(ledger.after_restart(0), Some(AfterRestart::ServesOn(path("app.so"))));
    assert_eq!(goes_on(&open()), Some(id("b")));
    // Another deployment counts…
    deploy("c");
    assert_eq!(goes_on(&open()), None);
    // …also one of B itself, and one that the host has not seen.
    deploy("b");
    assert_eq!(goes_on(&open()), None);
    deploy("a");
    assert_eq!(goes_on(&open()), Some(id("b")));

    // A swap is the later word, whatever was deployed before it.
    deploy("c");
    serve(&ledger, "d");
    assert_eq!(goes_on(&open()), Some(id("d")));
    // Back to B, as `nova rollback` notes it: what lies there counts as it is then.
    deploy("e");
    let b = ledger.log().named(id("b").as_str()).unwrap().clone();
    ledger.change(|log| log.serves_again(b));
    assert_eq!(goes_on(&open()), Some(id("b")));
    // What is deployed is swapped in.
    serve(&ledger, "e");
    assert_eq!((goes_on(&open()), ledger.after_restart(0)), (None, None));

    // At another path nothing is known of it; where that cannot be read, what served last is.
    serve(&ledger, "b");
    fs::rename(path("app.so"), path("moved.so")).unwrap();
    let moved = Deployment::at(&path("moved.so")).unwrap();
    assert_eq!(open().log().swapped_in_over(0, &moved), None);
    assert_eq!(Deployment::at(&path("app.so")), None);
    assert_eq!(open().log().served_at(0, &path("app.so")).unwrap().build_id, id("b"));
    assert_eq!(open().log().served_at(0, &path("other.so")), None);
}

#[test]
fn a_release_is_another_one_with_other_assets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let manifest = |text: &str| fs::write(path.join(MANIFEST), text).unwrap();
    fs::write(path.join(LIBRARY), "library").unwrap();
    let build_id = BuildId::of(b"library");
    assert_eq!(Deployment::at(path), None, "a folder without a manifest is none");
    let library = path.join(LIBRARY);
    assert_eq!(Deployment::at(&library).unwrap().release, build_id.as_str());
    manifest("{\"build_id\": \"00000000000000000000000000000000\"}");
    assert_eq!(Deployment::at(&library).unwrap().release, build_id.as_str(), "of another one");
    manifest(&format!("{{\"build_id\": \"{}\"}}", build_id.as_str()));
    let first = Deployment::at(&library).unwrap().release;
    assert_eq!(Deployment::at(path).unwrap().release, first);
    manifest(&format!("{{\"build_id\": \"{}\" }}", build_id.as_str()));
    assert_ne!(Deployment::at(path).unwrap().release, first);
}

#[test]
fn without_a_folder_nothing_is_written() {
    let fixture = Fixture::new();
    let ledger = Ledger::default();
    let (build_id, facts) = fixture.facts("one", &[("a.txt", "a")]);
    ledger.serves(0, facts);
    ledger.keep(&fixture.store);
    assert_eq!(ledger.log().serving(0).unwrap().build_id, build_id);
    assert_eq!(ledger.publics(), Vec::<PathBuf>::new());
}
