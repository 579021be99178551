//! Says what this crate embeds, so that a new file of a template makes it build anew.

fn main() {
    let starter =
        ["pages", "components", "styles", "public", "tests", "Cargo.toml", "lib.rs", "app.rs"];
    for part in starter {
        println!("cargo::rerun-if-changed=../examples/starter/{part}");
    }
    for folder in ["templates", "../plugin-sdk"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
