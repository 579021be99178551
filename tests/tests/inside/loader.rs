//! The door: every file that must not be loaded is refused with a text that says why, and what
//! may be loaded is.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use nova_abi::{Purpose, Rooms};
use nova_host::library::loader::{LoadError, Loader, Store};
use nova_host::library::start::{StartInfo, start};
use nova_host::rooms::SharedRooms;
use nova_tests::fixtures::{aborting, against_changed_sdk, edit, library, replaced, stamped};
use tempfile::TempDir;

fn rooms() -> Rooms {
    SharedRooms::default().for_library()
}

struct Door {
    folder: TempDir,
    loader: Loader,
}

impl Door {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loader = Loader::new(Store::open(folder.path().join("store")).unwrap());
        Self { folder, loader }
    }

    fn load(&self, name: &str, bytes: &[u8]) -> Result<usize, LoadError> {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        self.loader.load(&path).map(|library| library.routes.len())
    }

    /// What the door says, without the place that differs on each run.
    fn says(&self, result: Result<usize, LoadError>) -> String {
        match result {
            Ok(routes) => format!("loaded, {routes} routes"),
            Err(error) => error.to_string().replace(&self.folder.path().display().to_string(), ""),
        }
    }
}

#[test]
fn files_that_are_no_library_of_this_host() {
    let good = library("good");
    let door = Door::new();
    let mut said = String::new();
    let mut say = |case: &str, result| writeln!(said, "{case}\n    {}", door.says(result)).unwrap();

    say("missing", door.loader.load(Path::new("/nowhere/libnova_routes.so")).map(|_| 0));
    say("a folder", door.loader.load(door.folder.path()).map(|_| 0));
    say("empty", door.load("empty.so", b""));
    say("a text", door.load("text.so", b"#!/bin/sh\necho no library\n"));
    say("another architecture", {
        let mut bytes = good.clone();
        bytes[18] = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
        door.load("other.so", &bytes)
    });
    say("32 bits", {
        let mut bytes = good.clone();
        bytes[4] = 1;
        door.load("narrow.so", &bytes)
    });
    say("an object file", {
        let mut bytes = good.clone();
        bytes[16] = 1;
        door.load("object.so", &bytes)
    });
    say("another shared library", door.load("plain.so", &library("plain")));
    say("a newer ABI", door.load("newer.so", &replaced(&good, b"\nabi=1\n", b"\nabi=2\n")));
    say("an older ABI", door.load("older.so", &replaced(&good, b"\nabi=1\n", b"\nabi=0\n")));
    say("panic = \"abort\"", door.load("aborting.so", &aborting()));
    say(
        "musl",
        door.load("musl.so", &replaced(&good, b"-unknown-linux-gnu\n", b"-unknow-linux-musl\n")),
    );
    say("a damaged note", door.load("note.so", &replaced(&good, b"\nabi=1\n", b"\nabi=x\n")));
    say("no root module", {
        let name = b"_1as_0lib_1header_0root_bmodule_bloader";
        let mut other = *name;
        other[0] = b'X';
        door.load("rootless.so", &replaced(&good, name, &other))
    });
    say("writable by everybody", {
        let path = door.folder.path().join("open.so");
        fs::write(&path, &good).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        door.loader.load(&path).map(|_| 0)
    });
    insta::assert_snapshot!(said);
}

#[test]
fn a_library_cut_short_anywhere_is_refused_before_it_is_mapped() {
    let good = library("good");
    let door = Door::new();
    let cuts = (1..20).map(|part| good.len() * part / 20);
    for length in [1, 4, 16, 63, 64, 200, 4096].into_iter().chain(cuts).chain([good.len() - 1]) {
        let refused = door.load("cut.so", &good[..length]).expect_err("a library cut short");
        assert!(matches!(refused, LoadError::Elf { .. }), "{length}: {refused}");
    }
    assert_eq!(door.loader.loads(), 0);
    assert!(door.load("whole.so", &good).is_ok());
}

/// The ABI number and the layouts decide; a version string does not.
#[test]
fn versions_are_no_reason_to_refuse_but_layouts_are() {
    let door = Door::new();
    let good = library("good");

    let other_rustc = replaced(&good, b"rustc=rustc 1.", b"rustc=rustc 0.");
    assert!(door.load("rustc.so", &other_rustc).is_ok());

    let other_sdk = against_changed_sdk(|copy| {
        edit(&copy.join("Cargo.toml"), "\nversion = \"0.1.0\"", "\nversion = \"0.9.7\"");
        for member in ["plugin-sdk", "plugin-sdk/rooms", "plugin-sdk/routing"] {
            let path = format!("path = {member:?}");
            edit(&copy.join("Cargo.toml"), &format!("{path}, version = \"0.1.0\""), &path);
        }
    });
    assert!(other_sdk.windows(9).any(|window| window == b"sdk=0.9.7"), "the note says 0.9.7");
    assert_eq!(door.says(door.load("sdk.so", &other_sdk)), "loaded, 12 routes");

    let other_layout = against_changed_sdk(|copy| {
        let exchange = copy.join("plugin-sdk/abi/src/exchange.rs");
        let field = "    pub version: u8,\n    /// The pattern";
        edit(&exchange, field, &field.replace("u8", "u64"));
        edit(&exchange, "version: line.version,", "version: u64::from(line.version),");
    });
    let refused = door.load("layout.so", &other_layout).expect_err("another layout");
    let LoadError::Layout { details, .. } = &refused else { panic!("{refused}") };
    assert!(details.contains("version"), "{details}");
    insta::assert_snapshot!(door.says(Err(refused)));
}

#[test]
fn other_bytes_are_loaded_beside_those_that_are_there() {
    let door = Door::new();
    let good = library("good");
    assert!(door.load("good.so", &good).is_ok());
    assert!(door.load("good.so", &stamped(&good, "two")).is_ok());
    assert_eq!(door.loader.loads(), 2);
}

/// How many mappings of this process belong to which file.
fn mapped_from(path: &Path) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.ends_with(&*path.to_string_lossy())).count()
}

/// How many descriptors of this process are copies of libraries.
fn open_copies() -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let links = links.filter_map(|entry| fs::read_link(entry.path()).ok());
    links.filter(|link| link.to_string_lossy().contains("libnova_routes")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_comes_back_is_mapped_anew_and_its_statics_begin_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copies) = (folder.path().join("once.so"), folder.path().join("store"));
    fs::write(&path, library("once")).unwrap();
    for store in [Store::open(&copies).unwrap(), Store::in_memory()] {
        let in_memory = store.folder().is_none();
        let (loader, limit, before) = (Loader::new(store), nova_tests::PATIENCE, open_copies());
        for _ in 0..51 {
            let library = loader.load(&path).unwrap();
            let started =
                start(&library, Purpose::Serve, StartInfo::default(), rooms(), None, limit).await;
            let app = started.expect("its logger is installed once in each mapping");
            app.shutdown().await;
        }
        assert_eq!(loader.loads(), 51);
        // The same for an app that is started again without a release to read.
        let library = loader.load(&path).unwrap();
        assert!(Arc::ptr_eq(&loader.unused(&library).unwrap(), &library), "nothing of it has run");
        start(&library, Purpose::Serve, StartInfo::default(), rooms(), None, limit).await.unwrap();
        let again = loader.unused(&library).unwrap();
        start(&again, Purpose::Serve, StartInfo::default(), rooms(), None, limit).await.unwrap();
        assert_eq!(loader.loads(), 53);
        assert_eq!(open_copies() - before, usize::from(in_memory));
        if !in_memory {
            let files: Vec<_> = fs::read_dir(&copies).unwrap().flatten().collect();
            assert_eq!(files.len(), 1, "nothing is left in the folder: {files:?}");
            let shared = mapped_from(&files[0].path());
            assert!(shared >= 2 * 53, "{shared}: code and constants are those of the copy");
        }
    }
}
