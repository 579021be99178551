//! What the compiler says about a wrong page: short, and naming the argument. And that the pages
//! which the documents show are right.
//!
//! Each file of `ui/` is a program of one package, which is built and not only checked: the rule about
//! readers of the body needs that. The package has the lock file of the starter and the target folder
//! of all apps that are built by tests, so that what they depend on is compiled once.
//!
//! After a change of the messages: `INSTA_UPDATE=always cargo test -p nova-plugin-sdk --test ui`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The documents that show pages.
const DOCUMENTS: [&str; 6] = [
    "README.md",
    "docs/pages.md",
    "docs/aot.md",
    "docs/guide/forms.md",
    "docs/guide/identity.md",
    "docs/guide/live.md",
];

/// The folder of the SDK.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn wrong_pages() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui");
    fs::create_dir_all(&folder).unwrap();
    let documents = folder.join("pass_documents.rs");
    fs::write(&documents, pages_of_documents()).unwrap();
    let cases = fs::read_dir(Path::new(HERE).join("tests/ui")).unwrap();
    let mut programs: Vec<PathBuf> = cases.map(|case| case.unwrap().path()).collect();
    programs.push(documents);
    programs.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".rs") && (name.starts_with("pass_") || name.starts_with("fail_"))
    });
    programs.sort();
    let said = build(&folder, &programs);
    assert!(programs.len() > 10, "the programs are found");
    let snapshots = insta::Settings::clone_current();
    for program in programs {
        let name = program.file_stem().unwrap().to_str().unwrap();
        let said = said.get(name).map_or("", String::as_str);
        if name.starts_with("pass_") {
            assert_eq!(said, "", "{name} does not compile");
        } else {
            let mut snapshots = snapshots.clone();
            snapshots.set_snapshot_path("ui");
            snapshots.set_prepend_module_to_snapshot(false);
            snapshots.set_omit_expression(true);
            snapshots.bind(|| insta::assert_snapshot!(name, said));
        }
    }
}

/// Builds the programs, and gives back the errors of each by its name.
fn build(folder: &Path, programs: &[PathBuf]) -> BTreeMap<String, String> {
    let mut manifest = format!(
        "[package]\nname = \"nova-ui\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nmaud = \"0.27\"\n\
         garde = {{ version = \"0.23\", features = [\"derive\"] }}\n\
         nova = {{ package = \"nova-plugin-sdk\", path = {HERE:?}, features = [\"full\"] }}\n\
         axum = {{ version = \"=0.8.9\", default-features = false }}\n\
         tower = {{ version = \"=0.5.3\", default-features = false }}\n\
         tower-http = {{ version = \"=0.7.1\", features = [\"cors\", \"timeout\"] }}\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n\
         tracing = {{ version = \"0.1\", default-features = false }}\n\
         tracing-subscriber = {{ version = \"0.3\", default-features = false, features = [\"fmt\", \"std\"] }}\n\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n\n[workspace]\n"
    );
    for path in programs {
        let name = path.file_stem().unwrap();
        write!(manifest, "\n[[bin]]\nname = {name:?}\npath = {path:?}\n").unwrap();
    }
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let lock = Path::new(HERE).join("../examples/starter/Cargo.lock");
    fs::copy(lock, folder.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["build", "--bins", "--keep-going", "--message-format", "json", "--target-dir"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("apps"))
        .current_dir(folder)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let lines = output.stdout.split(|&byte| byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut said = BTreeMap::<String, String>::new();
    let mut are_built = false;
    for message in messages {
        let text = message["message"]["rendered"].as_str().unwrap_or_default();
        are_built |= message["target"]["name"] == "nova";
        if message["message"]["level"] == "error" && !text.starts_with("error: aborting") {
            let name = message["target"]["name"].as_str().unwrap().to_owned();
            said.entry(name).or_default().push_str(&stable(text));
        }
    }
    assert!(are_built, "{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// A message without what changes when nothing of it does: where the repository is, and on which line
/// of the SDK something stands.
fn stable(message: &str) -> String {
    let root = Path::new(HERE).parent().unwrap().display().to_string();
    let message = message.replace(&format!("{root}/"), "");
    let mut in_sdk = false;
    let mut stable = String::new();
    for line in message.lines() {
        // The margin is as wide as the longest number of a line, which may be one of the SDK.
        let text = line.trim_start();
        let number =
            &text[..text.len() - text.trim_start_matches(|it: char| it.is_ascii_digit()).len()];
        let text = text[number.len()..].trim_start();
        if let Some(place) = text.strip_prefix("--> ").or(text.strip_prefix("::: ")) {
            let (file, _) = place.split_once(':').unwrap();
            in_sdk = file.starts_with("plugin-sdk/src/");
            let place = if in_sdk { file } else { place };
            writeln!(stable, "  --> {place}").unwrap();
        } else if text.starts_with(['|', '=']) {
            let number = if in_sdk { "" } else { number };
            writeln!(stable, "{number:>2} {text}").unwrap();
        } else {
            writeln!(stable, "{line}").unwrap();
        }
    }
    stable
}

/// Every Rust block of the documents as a module of one program.
fn pages_of_documents() -> String {
    let here = Path::new(HERE);
    let support = fs::read_to_string(here.join("tests/ui/docs_support.rs")).unwrap();
    let mut program = format!(
        "#![allow(dead_code, unused)]\nmod support {{\nuse nova::prelude::*;\n{support}\n}}\n\
         mod components {{ pub mod header {{ use nova::prelude::*; \
         pub fn header() -> Markup {{ html! {{}} }} }} }}\n"
    );
    let mut count = 0;
    for document in DOCUMENTS {
        let text = fs::read_to_string(here.join("..").join(document)).unwrap();
        for block in text.split("\n```rust\n").skip(1) {
            let (block, _) = block.split_once("\n```").unwrap();
            // A test would not be compiled as a part of a program.
            let block = block.replace("#[tokio::test]", "");
            let begins = block.lines().next().unwrap_or_default();
            let block = if begins.starts_with("loop") {
                format!(
                    "async fn fragment(leadership: &nova::leadership::Leadership) {{ {block} }}"
                )
            } else {
                block
            };
            count += 1;
            let prelude =
                if block.contains("use nova::prelude::*") { "" } else { "use nova::prelude::*;" };
            // The module is named for its place, which the compiler prints with what is wrong.
            let name = document.replace(['/', '.'], "_").to_lowercase();
            write!(
                program,
                "mod {name}_block_{count} {{\nuse crate::support::*;\n{prelude}\n{block}\n}}\n"
            )
            .unwrap();
        }
    }
    assert!(count > 15, "the blocks of the documents are found");
    program + "fn main() {}\n"
}
