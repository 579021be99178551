use std::path::Path;
use std::time::{Duration, SystemTime};

use nova_route_template::parts::Fingerprint;
use nova_route_template::{CargoError, DepInfo, SourceFile, Sources};

use super::*;
use crate::dev::wire::state::RouteState;

fn tree(files: &[&str]) -> RouteTree {
    let page = |path: &&str| SourceFile::new(*path, "pub fn get() {}");
    let sources = Sources {
        pages_root: Some("pages".into()),
        pages: files.iter().map(page).collect(),
        ..Sources::default()
    };
    RouteTree::build(&sources).unwrap_or_else(|problems| panic!("{problems}"))
}

fn pages(files: &[&str]) -> Pages {
    let mut pages = Pages::default();
    pages.scanned(&tree(files), &BTreeSet::new(), BTreeMap::new());
    pages
}

fn build(library: &str) -> PageBuild {
    let reads = DepInfo::default();
    PageBuild {
        library: library.into(),
        symbol: "page".into(),
        fingerprint: Fingerprint::of(&reads, SystemTime::UNIX_EPOCH, Path::new(""), |_| None),
        took: Duration::from_millis(1),
        size: 1,
    }
}

fn failure() -> Arc<BuildFailure> {
    Arc::new(BuildFailure::Cargo(CargoError::Stopped))
}

fn view(pages: &Pages) -> String {
    let word = |state| match state {
        RouteState::NotBuilt => "not built",
        RouteState::Building => "building",
        RouteState::Live => "live",
        RouteState::Failed => "failed",
        RouteState::InApp => "in app",
    };
    let view = pages.view(Some("pages/c.rs"));
    view.iter().map(|it| word(it.state)).collect::<Vec<_>>().join(", ")
}

fn served(pages: &Pages) -> Vec<&str> {
    pages.serving().map(|(_, build)| build.library.to_str().expect("UTF-8")).collect()
}

const ABC: [&str; 3] = ["pages/a.rs", "pages/b.rs", "pages/c.rs"];

#[test]
fn a_page_serves_its_older_version_until_the_new_one_compiles() {
    let mut pages = pages(&ABC);
    assert_eq!(view(&pages), "not built, not built, building");
    pages.built("pages/a.rs", build("a1"));
    pages.saved(vec!["pages/a.rs".into()]);
    assert_eq!((view(&pages).as_str(), served(&pages)), ("live, not built, building", vec!["a1"]));
    assert_eq!(pages.next_waiting().as_deref(), Some("pages/a.rs"));
    assert!(pages.is_to_come("pages/a.rs") && !pages.is_to_come("pages/b.rs"));
    pages.failed("pages/a.rs", failure(), true);
    assert!(!pages.is_to_come("pages/a.rs"));
    assert_eq!(
        (view(&pages).as_str(), served(&pages)),
        ("failed, not built, building", vec!["a1"])
    );
    assert!(pages.is_said("pages/a.rs") && pages.shown_failures().len() == 1);

    // Another file may have mended it: it is what it was, and waits again.
    pages.forget_failures();
    assert_eq!(pages.next_waiting(), None);
    pages.scanned(&tree(&ABC), &BTreeSet::new(), BTreeMap::new());
    assert_eq!(pages.next_waiting().as_deref(), Some("pages/a.rs"));
    pages.built("pages/a.rs", build("a2"));
    assert_eq!((view(&pages).as_str(), served(&pages)), ("live, not built, building", vec!["a2"]));
}

#[test]
fn a_failure_that_was_not_seen_is_shown_when_the_page_is_asked_for() {
    let mut pages = pages(&ABC);
    pages.failed("pages/b.rs", failure(), false);
    assert!(!pages.is_said("pages/b.rs") && pages.shown_failures().is_empty());
    assert!(pages.show_failure("pages/a.rs").is_none());
    assert!(pages.show_failure("pages/b.rs").is_some());
    assert!(pages.is_said("pages/b.rs"));
    assert_eq!(pages.next_unbuilt(&BTreeSet::new()).as_deref(), Some("pages/a.rs"));
    pages.forget_failures();
    assert_eq!(view(&pages), "not built, not built, building");
}

#[test]
fn the_page_on_screen_is_first_and_a_checkout_compiles_no_other() {
    let files: Vec<String> = (0..6).map(|number| format!("pages/{number}.rs")).collect();
    let mut pages = pages(&files.iter().map(String::as_str).collect::<Vec<_>>());
    for file in &files {
        pages.built(file, build(file));
    }
    pages.seen("pages/3.rs");
    pages.saved(files[..4].to_vec());
    let waiting: Vec<_> = std::iter::from_fn(|| pages.next_waiting()).collect();
    assert_eq!(waiting, ["pages/3.rs", "pages/0.rs", "pages/1.rs", "pages/2.rs"]);
    pages.saved(files.clone());
    let waiting: Vec<_> = std::iter::from_fn(|| pages.next_waiting()).collect();
    assert_eq!(waiting, ["pages/3.rs"]);
    assert_eq!(served(&pages), ["pages/3.rs"], "the others are compiled when they are asked for");
}

#[test]
fn files_that_cannot_be_read_are_not_compiled_until_they_can() {
    let mut pages = pages(&ABC);
    pages.put_first("pages/b.rs");
    pages.saved(vec!["pages/a.rs".into(), "pages/_layout.rs".into()]);
    pages.unreadable();
    assert_eq!(pages.next_waiting().as_deref(), Some("pages/b.rs"));
    assert_eq!(pages.next_waiting(), None);
    pages.scanned(&tree(&ABC), &BTreeSet::new(), BTreeMap::new());
    assert_eq!(pages.next_waiting().as_deref(), Some("pages/a.rs"));
    assert_eq!(pages.next_waiting(), None, "a layout is no page");
}

#[test]
fn pages_inside_the_app_library_are_not_compiled_alone() {
    let mut pages = pages(&ABC);
    pages.built("pages/a.rs", build("a"));
    pages.move_into_app("pages/b.rs", "it uses what is private");
    pages.put_first("pages/b.rs");
    assert_eq!(pages.next_waiting(), None);
    let named = BTreeSet::from(["pages/a.rs".to_owned(), "pages/b.rs".to_owned()]);
    pages.scanned(&tree(&ABC), &named, BTreeMap::new());
    assert_eq!((view(&pages).as_str(), pages.inside()), ("in app, in app, building", named));
    assert_eq!(pages.view(None)[1].note.as_deref(), Some("it uses what is private"));
    pages.scanned(&tree(&ABC), &BTreeSet::new(), BTreeMap::new());
    assert_eq!(view(&pages), "not built, in app, building", "nothing names it any more");
    assert_eq!(pages.hazards().len(), 1);
}

#[test]
fn another_app_library_takes_the_pages_with_it_and_gives_them_back() {
    let mut pages = pages(&ABC);
    pages.built("pages/a.rs", build("a"));
    pages.built("pages/b.rs", build("b"));
    pages.saved(vec!["pages/a.rs".into()]);
    let libraries = pages.take_libraries();
    assert_eq!(
        (view(&pages).as_str(), served(&pages).len()),
        ("not built, not built, building", 0)
    );
    pages.built("pages/b.rs", build("b2"));
    pages.put_libraries_back(libraries);
    assert_eq!((view(&pages).as_str(), served(&pages)), ("live, live, building", vec!["a", "b"]));
}

#[test]
fn what_an_earlier_session_built_serves_when_it_is_asked_for() {
    let mut pages = pages(&ABC);
    let builds = [("pages/a.rs".to_owned(), build("a")), ("pages/b.rs".to_owned(), build("b"))];
    let hazards = [("pages/c.rs".to_owned(), "a macro".to_owned())];
    pages.restore(builds.into(), &hazards.into(), vec!["pages/b.rs".into()]);
    assert_eq!((view(&pages).as_str(), served(&pages)), ("live, live, in app", vec!["b"]));
    assert!(pages.serve("pages/a.rs") && !pages.serve("pages/c.rs"));
    assert_eq!(served(&pages), ["a", "b"]);
    assert_eq!(pages.builds().len(), 2);
    pages.retain(|build| build.library.as_os_str() != "a");
    assert_eq!(served(&pages), ["b"]);
}

#[test]
fn a_page_with_a_mistake_serves_its_older_version_and_is_not_compiled() {
    let mut pages = pages(&ABC);
    pages.built("pages/a.rs", build("a1"));
    pages.saved(vec!["pages/a.rs".into()]);
    let mistakes = |files: &[&str]| files.iter().map(|it| ((*it).to_owned(), failure())).collect();
    pages.scanned(&tree(&ABC), &BTreeSet::new(), mistakes(&["pages/a.rs"]));
    assert_eq!(pages.next_waiting(), None);
    assert_eq!(
        (view(&pages).as_str(), served(&pages)),
        ("failed, not built, building", vec!["a1"])
    );
    assert!(pages.show_failure("pages/a.rs").is_some(), "who asks is told");
    assert_eq!(pages.sound().len(), 2);

    pages.scanned(&tree(&ABC), &BTreeSet::new(), mistakes(&[]));
    assert_eq!(pages.next_waiting().as_deref(), Some("pages/a.rs"));
}

#[test]
fn a_library_that_is_refused_gives_way_to_the_one_before() {
    let mut pages = pages(&ABC);
    pages.built("pages/a.rs", build("a1"));
    pages.built("pages/a.rs", build("a2"));
    assert!(!pages.refused("pages/a.rs", Path::new("a1"), failure()), "there is a newer one");
    assert!(pages.refused("pages/a.rs", Path::new("a2"), failure()));
    assert_eq!(
        (view(&pages).as_str(), served(&pages)),
        ("failed, not built, building", vec!["a1"])
    );
    assert!(pages.is_said("pages/a.rs"));
    pages.built("pages/b.rs", build("b"));
    assert!(pages.refused("pages/b.rs", Path::new("b"), failure()));
    assert_eq!(served(&pages), ["a1"]);
}

#[test]
fn what_was_saved_with_a_refused_app_library_is_compiled_again() {
    let mut pages = pages(&ABC);
    pages.built("pages/a.rs", build("a"));
    pages.built("pages/b.rs", build("b"));
    let libraries = pages.take_libraries();
    pages.put_libraries_back(libraries);
    pages.outdate_unless(|build| build.library.as_os_str() != "a");
    assert_eq!(pages.next_waiting().as_deref(), Some("pages/a.rs"));
    assert_eq!((pages.next_waiting(), served(&pages)), (None, vec!["a", "b"]));
}

#[test]
fn what_was_refused_with_others_serves_when_it_is_asked_for() {
    let mut pages = pages(&ABC);
    pages.built("pages/a.rs", build("a"));
    pages.built("pages/b.rs", build("b"));
    let library = |file: &str, path: &str| nova_parts::PageLibrary {
        file: file.into(),
        path: path.into(),
        symbol: "page".into(),
    };
    let refused = [library("pages/a.rs", "a"), library("pages/b.rs", "b0")];
    pages.withdraw(refused.iter());
    assert_eq!(served(&pages), ["b"], "the other one has a newer library");
    assert!(!pages.serves("pages/a.rs") && pages.serve("pages/a.rs") && pages.serves("pages/a.rs"));
}
