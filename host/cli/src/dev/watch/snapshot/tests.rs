use super::*;

struct App {
    folder: tempfile::TempDir,
    snapshot: Snapshot,
}

impl App {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, content) in files {
            write(folder.path(), path, content);
        }
        let snapshot = Snapshot::take(folder.path());
        Self { folder, snapshot }
    }

    fn write(&self, path: &str, content: &str) {
        write(self.folder.path(), path, content);
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// What is different, as `+added ~edited -removed`.
    fn update(&mut self, paths: &[&str]) -> String {
        let paths: Vec<_> = paths.iter().map(|path| self.path(path)).collect();
        let changes = self.snapshot.update(paths);
        let lines = changes.iter().map(|change| {
            let sign = match change.kind {
                ChangeKind::Added => '+',
                ChangeKind::Edited => '~',
                ChangeKind::Removed => '-',
            };
            format!("{sign}{}", change.path.display())
        });
        lines.collect::<Vec<_>>().join(" ")
    }
}

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, content).expect("a file");
}

#[test]
fn only_content_is_a_change() {
    let mut app = App::new(&[("pages/index.rs", "1"), ("pages/about.rs", "1")]);
    app.write("pages/index.rs", "1");
    assert_eq!(app.update(&["pages/index.rs"]), "");
    app.write("pages/index.rs", "2");
    assert_eq!(app.update(&["pages/index.rs", "pages/index.rs"]), "~pages/index.rs");
    app.write("pages/index.rs", "1");
    assert_eq!(app.update(&["pages/index.rs"]), "~pages/index.rs");
}

#[test]
fn atomic_saves_leave_one_change() {
    let mut app = App::new(&[("pages/index.rs", "1")]);
    app.write("pages/index.rs.tmp", "2");
    fs::rename(app.path("pages/index.rs.tmp"), app.path("pages/index.rs")).expect("renamed");
    assert_eq!(app.update(&["pages/index.rs.tmp", "pages/index.rs"]), "~pages/index.rs");
}

#[test]
fn folders_come_and_go_whole() {
    let mut app = App::new(&[("pages/index.rs", "1")]);
    app.write("pages/users/index.rs", "1");
    app.write("pages/users/[id].rs", "1");
    assert_eq!(app.update(&["pages/users"]), "+pages/users/[id].rs +pages/users/index.rs");
    fs::rename(app.path("pages/users"), app.path("pages/people")).expect("renamed");
    assert_eq!(
        app.update(&["pages/users", "pages/people"]),
        "+pages/people/[id].rs +pages/people/index.rs -pages/users/[id].rs -pages/users/index.rs"
    );
    fs::remove_dir_all(app.path("pages/people")).expect("removed");
    assert_eq!(app.update(&["pages"]), "-pages/people/[id].rs -pages/people/index.rs");
}

#[test]
fn caches_are_not_looked_at() {
    let mut app = App::new(&[("target/debug/a.rs", "1"), ("pages/index.rs", "1")]);
    app.write("target/debug/a.rs", "2");
    app.write(".nova/x.rs", "2");
    assert_eq!(app.update(&["target/debug/a.rs", ".nova/x.rs", ""]), "");
}

#[test]
fn the_block_that_nova_writes_is_no_change() {
    let text = |doc: &str, block: &str| {
        format!("//! {doc}\n// nova:begin\n{block}\n// nova:end\nmod model;\n")
    };
    let mut app = App::new(&[("lib.rs", &text("app", "pub mod pages {}"))]);
    app.write("lib.rs", &text("app", "pub mod pages { pub mod index; }"));
    assert_eq!(app.update(&["lib.rs"]), "");
    app.write("lib.rs", &text("my app", "pub mod pages { pub mod index; }"));
    assert_eq!(app.update(&["lib.rs"]), "~lib.rs");
}

#[test]
fn a_single_file_elsewhere_is_known_by_its_path() {
    let mut app = App::new(&[("pages/index.rs", "1"), ("node_modules/x/_y.scss", "1")]);
    let file = app.path("node_modules/x/_y.scss");
    app.write("node_modules/x/_y.scss", "2");
    assert_eq!(app.update(&["node_modules/x/_y.scss"]), "");
    app.snapshot.add_file(&file);
    app.write("node_modules/x/_y.scss", "3");
    assert_eq!(app.update(&["node_modules/x/_y.scss"]), format!("~{}", file.display()));
    app.write("node_modules/x/_y.scss", "3");
    assert_eq!(app.update(&["node_modules/x/_y.scss", "node_modules/x/_z.scss"]), "");
}

#[test]
fn what_is_read_with_its_folder_is_no_single_file() {
    let mut app = App::new(&[("pages/index.rs", "1"), ("crates/model/src/lib.rs", "1")]);
    app.snapshot.add_beside(Path::new("/src/beside"));
    app.snapshot.add_beside(&app.path("crates/model"));
    for (path, expected) in [
        (app.path("templates/mail.txt"), true),
        (app.path("crates/model/src/lib.rs"), true),
        (app.path("crates/model/node_modules/x/_a.scss"), false),
        (app.path("node_modules/x/_a.scss"), false),
        (app.path(".texts/word.txt"), false),
        (app.path("target/debug/build/out/x.rs"), true),
        ("/src/beside/theme/_a.scss".into(), true),
        ("/src/beside/node_modules/x/_a.scss".into(), false),
        ("/src/beside/target/debug/build/out/x.rs".into(), true),
        ("/src/elsewhere/_a.scss".into(), false),
    ] {
        assert_eq!(app.snapshot.covers(&path), expected, "{}", path.display());
    }
}

#[test]
fn links_are_named_once_and_read_through() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    write(elsewhere.path(), "page.rs", "1");
    let mut app = App::new(&[("pages/index.rs", "1")]);
    let link = app.path("pages/linked.rs");
    std::os::unix::fs::symlink(elsewhere.path().join("page.rs"), &link).expect("a link");
    assert_eq!(app.update(&["pages/linked.rs"]), "+pages/linked.rs");
    assert_eq!(app.snapshot.take_links(), BTreeSet::from([link]));
    assert_eq!(app.snapshot.take_links(), BTreeSet::new());
    write(elsewhere.path(), "page.rs", "2");
    assert_eq!(app.update(&["pages/linked.rs"]), "~pages/linked.rs");
}

#[test]
fn a_linked_folder_is_read_through() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    for file in ["blog/x.rs", "blog/build/y.rs", "news/x.rs", "model/a.rs", "model/target/b.rs"] {
        write(elsewhere.path(), file, file);
    }
    let mut app = App::new(&[("pages/index.rs", "1"), ("node_modules/x", "1")]);
    let link = |target: &Path, path: &str| {
        std::os::unix::fs::symlink(target, app.path(path)).expect("a link");
    };
    let root = app.folder.path().canonicalize().expect("a path");
    link(&elsewhere.path().join("blog"), "pages/blog");
    link(&elsewhere.path().join("model"), "model");
    // A circle, a folder around the app, and what leads nowhere.
    link(&root.join("pages"), "pages/again");
    link(root.parent().expect("a parent"), "around");
    link(&root.join("none"), "pages/none");
    assert_eq!(
        app.update(&["pages", "model", "around"]),
        "+model/a.rs +pages/blog/build/y.rs +pages/blog/x.rs"
    );
    let links = app.snapshot.take_links();
    assert_eq!(links, BTreeSet::from(["model", "pages/blog"].map(|link| app.path(link))));
    assert!(app.snapshot.is_own_folder(&app.path("pages/blog")));
    assert!(!app.snapshot.is_own_folder(&app.path("model")));

    fs::remove_file(elsewhere.path().join("blog/build/y.rs")).expect("removed");
    assert_eq!(app.update(&["pages/blog/build/y.rs"]), "-pages/blog/build/y.rs");
    fs::remove_file(app.path("pages/blog")).expect("removed");
    std::os::unix::fs::symlink(elsewhere.path().join("news"), app.path("pages/blog"))
        .expect("a link");
    assert_eq!(app.update(&["pages/blog"]), "~pages/blog/x.rs");
    assert_eq!(app.snapshot.take_links(), BTreeSet::from([app.path("pages/blog")]));
    fs::remove_file(app.path("pages/blog")).expect("removed");
    assert_eq!(app.update(&["pages/blog"]), "-pages/blog/x.rs");
}

#[test]
fn all_places_are_read_again_and_none_is_taken_for_another() {
    let beside = tempfile::tempdir().expect("a temporary folder");
    write(beside.path(), "crate/src/lib.rs", "1");
    write(beside.path(), "mail.txt", "1");
    let mut app = App::new(&[("pages/index.rs", "1")]);
    let [file, single] = ["crate/src/lib.rs", "mail.txt"].map(|it| beside.path().join(it));
    app.snapshot.add_beside(&beside.path().join("crate"));
    app.snapshot.add_file(&single);
    let places = app.snapshot.places();
    assert_eq!(places.len(), 3, "{places:?}");
    assert_eq!(app.snapshot.update(places.clone()), []);
    app.write("pages/index.rs", "2");
    for path in [&file, &single] {
        fs::write(path, "2").expect("a file");
    }
    let changed = app.snapshot.update(places);
    let changed: BTreeSet<_> = changed.into_iter().map(|it| (it.path, it.kind)).collect();
    let edited = |path: &Path| (path.to_owned(), ChangeKind::Edited);
    let expected = [Path::new("pages/index.rs"), &file, &single].map(edited);
    assert_eq!(changed, BTreeSet::from(expected));
}

#[test]
fn what_is_elsewhere_is_not_ours() {
    let mut app = App::new(&[("pages/index.rs", "1")]);
    assert_eq!(app.snapshot.update([PathBuf::from("/etc/hostname")]), []);
    assert_eq!(app.update(&["pages/never.rs"]), "");
}
