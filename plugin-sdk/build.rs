//! Tells the SDK which compiler and target it is built with, for the note of libraries.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RUSTC");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().map(|output| output.stdout);
    let version = String::from_utf8_lossy(&version.unwrap_or_default()).trim().to_owned();
    println!("cargo:rustc-env=NOVA_RUSTC={version}");
    println!("cargo:rustc-env=NOVA_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}
