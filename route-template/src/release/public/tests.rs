use std::io::Read as _;

use super::*;
use crate::release::manifest::{App, ReleaseFile};

/// A folder of public files, and a release beside it.
struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn source(&self) -> PathBuf {
        self.0.path().join("public")
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("build")
    }

    fn write(&self, path: &str, content: &str) {
        write_atomically(&self.source().join(path), content.as_bytes()).unwrap();
    }

    /// Publishes what there is over what was published before.
    fn publish(&self, earlier: &PublicFiles) -> PublicFiles {
        let manifest = manifest(earlier);
        write_public(&self.out(), &[self.source()], Some(&manifest)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let root = self.out().join("public");
        let files = WalkDir::new(&root).sort_by_file_name().into_iter().map(Result::unwrap);
        let files = files.filter(|entry| entry.file_type().is_file());
        let path = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
        files.map(|entry| path(entry.path())).collect()
    }

    fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.out().join("public").join(path)).unwrap()
    }
}

fn manifest(public: &PublicFiles) -> Manifest {
    let file = |name: &str| ReleaseFile::new(name, b"");
    Manifest {
        nova: String::new(),
        abi: 1,
        sdk: String::new(),
        app: App { name: String::new(), version: String::new() },
        build_id: String::new(),
        library: file("lib.so"),
        rustc: String::new(),
        target: String::new(),
        profile: String::new(),
        glibc: None,
        needs: Vec::new(),
        swap: Default::default(),
        routes: Vec::new(),
        stylesheet: None,
        favicon: None,
        public: public.files.clone(),
        former_public: public.former.clone(),
        prerendered: Vec::new(),
        shared_sha256: String::new(),
        files: Vec::new(),
        built_at: 0,
    }
}

/// A text that compresses.
fn text() -> String {
    "all work and no play ".repeat(100)
}

#[test]
fn every_file_has_a_copy_by_its_hash_and_text_has_compressed_variants() {
    let fixture = Fixture::new();
    fixture.write("img/a.min.svg", &text());
    fixture.write("photo.jpg", &text());
    fixture.write("tiny.txt", "x");
    fixture.write("index.html", &text());
    fixture.write("with space.txt", &text());
    fixture.write(".hidden", "x");
    fixture.write(".well-known/security.txt", "x");
    let written = fixture.publish(&PublicFiles::default());

    let hash = &sha256(text().as_bytes())[..16];
    let file = |url: &str| written.files.iter().find(|file| file.url == url).unwrap().clone();
    let svg = format!("/img/a.min-{hash}.svg");
    assert_eq!(file("/img/a.min.svg").hashed, Some(svg.clone()));
    assert_eq!(file("/index.html").hashed, None);
    assert_eq!(file("/with space.txt").hashed, None);
    assert_eq!(file("/.well-known/security.txt").hashed, None);
    let tiny = file("/tiny.txt").hashed.unwrap();
    let mut expected = vec![
        ".well-known/security.txt".to_owned(),
        format!("photo-{hash}.jpg"),
        "photo.jpg".to_owned(),
        tiny[1..].to_owned(),
        "tiny.txt".to_owned(),
    ];
    for name in ["img/a.min.svg", &svg[1..], "index.html", "with space.txt"] {
        expected.extend(with_variants(name));
    }
    expected.sort_unstable();
    let mut found = fixture.names();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(written.compressed.0, 3 * text().len() as u64);
    assert!(written.compressed.1 < written.compressed.0 / 10, "{written:?}");
}

#[test]
fn the_variants_are_the_file() {
    let fixture = Fixture::new();
    fixture.write("a.txt", &text());
    fixture.publish(&PublicFiles::default());
    let mut plain = String::new();
    let gz = fixture.read("a.txt.gz");
    flate2::read::GzDecoder::new(&*gz).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, text());
    let br = fixture.read("a.txt.br");
    plain.clear();
    brotli::Decompressor::new(&*br, 4096).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, text());
    let zst = fixture.read("a.txt.zst");
    assert_eq!(zstd::decode_all(&*zst).unwrap(), text().as_bytes());
}

#[test]
fn copies_of_the_release_before_stay_and_older_ones_go() {
    let fixture = Fixture::new();
    fixture.write("a.txt", "one");
    fixture.write("gone.txt", &text());
    let first = fixture.publish(&PublicFiles::default());
    // Not of a build: a build removes only what builds have made.
    write_atomically(&fixture.out().join("public/own.txt"), b"own").unwrap();
    fixture.write("a.txt", "two");
    std::fs::remove_file(fixture.source().join("gone.txt")).unwrap();
    let second = fixture.publish(&first);
    let copy = |files: &PublicFiles| files.files[0].hashed.as_ref().unwrap()[1..].to_owned();
    let names = fixture.names();
    assert!(names.contains(&copy(&first)) && names.contains(&copy(&second)), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("gone.")), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("gone-")), "{names:?}");
    assert_eq!(fixture.read(&copy(&first)), b"one");

    fixture.write("a.txt", "three");
    let third = fixture.publish(&second);
    let names = fixture.names();
    assert!(!names.contains(&copy(&first)), "{names:?}");
    assert!(names.contains(&copy(&second)) && names.contains(&copy(&third)), "{names:?}");
    assert!(names.contains(&"own.txt".to_owned()));
    assert!(!names.iter().any(|name| name.starts_with("gone")), "{names:?}");
    // Nothing changes: nothing is written.
    let before = std::fs::metadata(fixture.out().join("public/a.txt")).unwrap();
    assert_eq!(fixture.publish(&third).files, third.files);
    let after = std::fs::metadata(fixture.out().join("public/a.txt")).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[test]
fn variants_of_the_user_count_more() {
    let fixture = Fixture::new();
    fixture.write("a.txt", &text());
    fixture.write("a.txt.br", "made by hand");
    let written = fixture.publish(&PublicFiles::default());
    assert_eq!(fixture.read("a.txt.br"), b"made by hand");
    let copy = &written.files[0].hashed.as_ref().unwrap()[1..];
    assert_eq!(fixture.read(&format!("{copy}.br")), b"made by hand");
    assert!(fixture.read(&format!("{copy}.gz")).len() < text().len());
}

#[test]
fn a_variant_of_the_user_that_is_older_than_its_original_is_left_aside() {
    let fixture = Fixture::new();
    fixture.write("a.txt", &text());
    fixture.write("a.txt.gz", "of an older text");
    fixture.write("a.txt.br", "made by hand");
    fixture.write("b.txt.gz", "nobody's variant");
    let age = |name: &str, seconds| {
        let file = std::fs::File::options().append(true).open(fixture.source().join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    };
    let first = fixture.publish(&PublicFiles::default());
    assert_eq!(fixture.read("a.txt.gz"), b"of an older text", "as old as its original");
    assert_eq!(first.stale, [""; 0]);

    age("a.txt.gz", 100);
    age("b.txt.gz", 100);
    let second = fixture.publish(&first);
    assert_eq!(second.stale, ["/a.txt.gz"]);
    let copy = second.files[0].hashed.as_ref().unwrap()[1..].to_owned();
    for name in ["a.txt.gz".to_owned(), format!("{copy}.gz")] {
        let mut plain = String::new();
        let gz = fixture.read(&name);
        flate2::read::GzDecoder::new(&*gz).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, text(), "{name}");
    }
    assert_eq!(fixture.read("a.txt.br"), b"made by hand");
    assert_eq!(fixture.read("b.txt.gz"), b"nobody's variant");
}

#[test]
fn a_folder_is_not_published_into_itself() {
    let fixture = Fixture::new();
    fixture.write("a.txt", "x");
    let error = write_public(fixture.0.path(), &[fixture.source()], None).unwrap_err().to_string();
    assert!(error.contains("--out"), "{error}");
    assert_eq!(std::fs::read_dir(fixture.source()).unwrap().count(), 1);
}
