use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

struct Site(TempDir);

impl Site {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        // Canonical, as /tmp itself may be a link.
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn release(&self, name: &str, content: &str) -> PathBuf {
        self.write(&format!("{name}/{LIBRARY}"), content);
        self.write(&format!("{name}/{MANIFEST}"), "{}");
        self.path(name)
    }
}

async fn assert_seen(watch: &mut ReleaseWatch, path: &Path) {
    let changed = timeout(Duration::from_secs(20), watch.changed()).await.expect("no event");
    assert_eq!(changed.unwrap(), [path.to_owned()]);
}

#[tokio::test]
async fn a_library_that_is_overwritten() {
    let site = Site::new();
    site.write("lib.so", "1");
    let library = site.path("lib.so");
    let mut watch = ReleaseWatch::new(std::slice::from_ref(&library)).unwrap();
    site.write("lib.so", "2");
    assert_seen(&mut watch, &library).await;
    // The same length and content: it was written all the same.
    site.write("lib.so", "2");
    assert_seen(&mut watch, &library).await;
}

#[tokio::test]
async fn a_library_that_is_renamed_over() {
    let site = Site::new();
    site.write("lib.so", "0");
    let library = site.path("lib.so");
    let mut watch = ReleaseWatch::new(std::slice::from_ref(&library)).unwrap();
    for round in ["1", "2", "3"] {
        site.write("new.so", round);
        fs::rename(site.path("new.so"), &library).unwrap();
        assert_seen(&mut watch, &library).await;
    }
}

#[tokio::test]
async fn a_library_that_is_deleted_and_comes_back() {
    let site = Site::new();
    site.write("lib.so", "1");
    let library = site.path("lib.so");
    let mut watch = ReleaseWatch::new(std::slice::from_ref(&library)).unwrap();
    fs::remove_file(&library).unwrap();
    site.write("lib.so", "2");
    assert_seen(&mut watch, &library).await;
}

#[tokio::test(start_paused = true)]
async fn a_file_is_waited_for_while_it_is_written() {
    let (events, received) = mpsc::unbounded_channel();
    let mut quiet = Settling { events: received, pending: None };
    let began = tokio::time::Instant::now();
    events.send(FileEvent::Written).unwrap();
    timeout(WRITING / 2, quiet.settled()).await.expect_err("it is still being written");
    events.send(FileEvent::Written).unwrap();
    timeout(WRITING / 2, quiet.settled()).await.expect_err("it is still being written");
    events.send(FileEvent::Changed).unwrap();
    quiet.settled().await;
    assert_eq!(began.elapsed(), WRITING / 2 * 2 + SETTLE);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_never_closes_its_file_is_not_waited_for_for_ever() {
    let (events, received) = mpsc::unbounded_channel();
    let mut quiet = Settling { events: received, pending: None };
    let began = tokio::time::Instant::now();
    events.send(FileEvent::Written).unwrap();
    quiet.settled().await;
    assert_eq!(began.elapsed(), WRITING);
}

#[test]
fn reading_changes_nothing() {
    use notify::event::{DataChange, MetadataKind, RenameMode};
    for (kind, expected) in [
        (EventKind::Access(AccessKind::Open(AccessMode::Any)), None),
        (EventKind::Access(AccessKind::Close(AccessMode::Read)), None),
        (EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)), None),
        (EventKind::Modify(ModifyKind::Data(DataChange::Any)), Some(FileEvent::Written)),
        (EventKind::Access(AccessKind::Close(AccessMode::Write)), Some(FileEvent::Changed)),
        (EventKind::Modify(ModifyKind::Name(RenameMode::To)), Some(FileEvent::Changed)),
        (EventKind::Other, Some(FileEvent::Changed)),
    ] {
        assert_eq!(happened(kind), expected, "{kind:?}");
    }
}

#[tokio::test]
async fn a_release_folder_that_is_written_to() {
    let site = Site::new();
    let build = site.release("build", "1");
    let mut watch = ReleaseWatch::new(std::slice::from_ref(&build)).unwrap();
    site.release("build", "2");
    assert_seen(&mut watch, &build).await;
}

#[tokio::test]
async fn a_release_folder_that_is_replaced() {
    let site = Site::new();
    let build = site.release("build", "1");
    let mut watch = ReleaseWatch::new(std::slice::from_ref(&build)).unwrap();
    for round in ["2", "3", "4"] {
        let next = site.release("build.next", round);
        fs::rename(&build, site.path(&format!("build.{round}"))).unwrap();
        fs::rename(next, &build).unwrap();
        assert_seen(&mut watch, &build).await;
    }
    // The one that is in place now is watched, not the first.
    site.release("build", "5");
    assert_seen(&mut watch, &build).await;
}

#[tokio::test]
async fn a_library_in_a_folder_that_is_replaced() {
    let site = Site::new();
    let library = site.release("build", "1").join(LIBRARY);
    let mut watch = ReleaseWatch::new(std::slice::from_ref(&library)).unwrap();
    let next = site.release("build.next", "2");
    fs::rename(site.path("build"), site.path("build.old")).unwrap();
    fs::rename(next, site.path("build")).unwrap();
    assert_seen(&mut watch, &library).await;
}

#[tokio::test]
async fn a_link_that_is_turned() {
    let site = Site::new();
    for release in ["releases/1", "releases/2", "releases/3"] {
        site.release(release, release);
    }
    let current = site.path("current");
    symlink("releases/1", &current).unwrap();
    let turn = |to: &str| {
        symlink(to, site.path("current.next")).unwrap();
        fs::rename(site.path("current.next"), &current).unwrap();
    };

    let mut whole = ReleaseWatch::new(std::slice::from_ref(&current)).unwrap();
    let library = current.join(LIBRARY);
    let mut single = ReleaseWatch::new(std::slice::from_ref(&library)).unwrap();
    for release in ["releases/2", "releases/3"] {
        turn(release);
        assert_seen(&mut whole, &current).await;
        assert_seen(&mut single, &library).await;
    }
    // And what it leads to now is watched as well.
    site.release("releases/3", "rewritten");
    assert_seen(&mut whole, &current).await;
    assert_seen(&mut single, &library).await;
}

#[tokio::test]
async fn only_the_release_that_changed_is_given() {
    let site = Site::new();
    let releases = [site.release("a", "1"), site.release("b", "1")];
    let mut watch = ReleaseWatch::new(&releases).unwrap();
    site.release("b", "2");
    assert_seen(&mut watch, &releases[1]).await;
}

#[tokio::test]
async fn reading_and_neighbours_are_no_change() {
    let site = Site::new();
    let releases = [site.release("a", "1"), site.release("b", "1")];
    let mut watch = ReleaseWatch::new(&releases).unwrap();
    fs::read(releases[0].join(LIBRARY)).unwrap();
    site.write("a/notes.txt", "x");
    site.write("other/libnova_routes.so", "x");
    site.release("b", "2");
    assert_seen(&mut watch, &releases[1]).await;
}

#[tokio::test]
async fn a_release_may_come_later() {
    let site = Site::new();
    let build = site.path("build");
    let mut watch = ReleaseWatch::new(std::slice::from_ref(&build)).unwrap();
    site.release("build", "1");
    assert_seen(&mut watch, &build).await;
}

#[tokio::test]
async fn folders_are_watched_all_the_way_down() {
    let site = Site::new();
    site.write("public/css/site.css", "p{}");
    let folders = [site.path("public"), site.path("nowhere")];
    let mut watch = FolderWatch::new(&folders).unwrap();
    site.write("public/css/site.css", "p{color:red}");
    timeout(Duration::from_secs(20), watch.changed()).await.expect("no event");
    site.write("public/new/file.txt", "x");
    timeout(Duration::from_secs(20), watch.changed()).await.expect("no event");
}
