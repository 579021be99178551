//! Whether a library has an allocator of its own.
//!
//! Libraries that share Rust's standard library share its allocator, too: one that an app chooses
//! with `#[global_allocator]` would give out memory that others give back to another.

use std::fs::File;
use std::path::Path;

use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSymbol as _, ReadCache};

/// What rustc calls the function that allocates, behind what stands in for the name of a crate.
const ALLOCATE: &str = "___rustc12___rust_alloc";

/// Whether a shared library defines how memory is allocated.
pub fn chooses_allocator(library: &Path) -> bool {
    let Ok(file) = File::open(library) else { return false };
    let cache = ReadCache::new(file);
    let Ok(elf) = ElfFile64::<Endianness, _>::parse(&cache) else { return false };
    elf.dynamic_symbols().any(|symbol| {
        symbol.is_definition() && symbol.name().is_ok_and(|name| name.ends_with(ALLOCATE))
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn an_allocator_is_seen_in_the_library_that_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let chooses = |attribute: &str| {
            let source = format!(
                "use std::alloc::{{GlobalAlloc, Layout, System}};\npub struct Own;\n\
                 unsafe impl GlobalAlloc for Own {{\n\
                 unsafe fn alloc(&self, l: Layout) -> *mut u8 {{ unsafe {{ System.alloc(l) }} }}\n\
                 unsafe fn dealloc(&self, p: *mut u8, l: Layout) {{ unsafe {{ System.dealloc(p, l) }} }}\n\
                 }}\n{attribute}\npub static OWN: Own = Own;\n\
                 pub fn text(n: u8) -> String {{ n.to_string() }}\n"
            );
            std::fs::write(folder.path().join("app.rs"), source).unwrap();
            let mut rustc = Command::new("rustc");
            rustc.args(["--edition", "2024", "--crate-type", "dylib", "-C", "prefer-dynamic"]);
            let status = rustc.arg("app.rs").current_dir(folder.path()).status().unwrap();
            assert!(status.success());
            chooses_allocator(&folder.path().join("libapp.so"))
        };
        assert!(chooses("#[global_allocator]"));
        assert!(!chooses(""));
        assert!(!chooses_allocator(&folder.path().join("gone.so")));
    }
}
