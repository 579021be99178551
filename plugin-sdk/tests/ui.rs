//! What the compiler says about a wrong page: short, and naming the argument. And that the pages
//! which the documents show are right.
//!
//! After a change of the messages: `TRYBUILD=overwrite cargo test --test ui`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The documents that show pages.
const DOCUMENTS: [&str; 3] = ["README.md", "docs/pages.md", "docs/aot.md"];

#[test]
fn wrong_pages() {
    let cases = trybuild::TestCases::new();
    // With a file that passes, everything is built and not only checked, which the rule about
    // readers of the body needs.
    cases.pass("tests/ui/pass_generated.rs");
    let documents = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pass_documents.rs");
    fs::write(&documents, pages_of_documents()).unwrap();
    cases.pass(documents);
    cases.compile_fail("tests/ui/fail_*.rs");
}

/// Every Rust block of the documents as a module of one program.
fn pages_of_documents() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
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
