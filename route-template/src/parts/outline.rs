//! The outline of the sys image: a shared library with its name and its metadata, and nothing else.
//!
//! The compiler wants the metadata of the image, which is a few kilobytes, and the linker its name:
//! what a library needs of the image is found when both are loaded. Given the image itself, the
//! linker would read all of its symbols, some tens of thousands, at every save: a quarter of the
//! linker's time.
//!
//! What turns this off: an app that says anything about its linker, another system than Linux, or
//! an assembler that does not take the text. Compiler and linker are then given the image itself.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use object::{Object as _, ObjectSection as _};

use crate::parts::toolchain::LINKER;

/// The section in which rustc looks for metadata.
const METADATA: &str = ".rustc";

/// Writes the outline of `library` as `outline`, which has to have the same file name.
///
/// # Errors
/// If the library has no metadata, or the linker does not make a library of it.
pub(super) fn draw(library: &Path, outline: &Path) -> io::Result<()> {
    let bytes = std::fs::read(library)?;
    let metadata = object::File::parse(&*bytes)
        .ok()
        .and_then(|file| file.section_by_name(METADATA)?.data().ok())
        .ok_or_else(|| io::Error::other(format!("{}: no metadata", library.display())))?;
    let folder = outline.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let temporary = tempfile::tempdir()?;
    std::fs::write(temporary.path().join("metadata"), metadata)?;
    let text = format!(
        ".section {METADATA},\"\",@progbits\n.incbin \"metadata\"\n\
         .section .note.GNU-stack,\"\",@progbits\n"
    );
    std::fs::write(temporary.path().join("outline.s"), text)?;
    let name = library.file_name().unwrap_or_default().display();
    let mut linker = Command::new(LINKER);
    linker.args(["-shared", "-nostdlib", "outline.s", "-o"]).arg(std::path::absolute(outline)?);
    linker.arg(format!("-Wl,-soname,{name}"));
    let output = linker.current_dir(&temporary).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_outline_has_the_name_and_the_metadata_but_no_symbol() {
        let folder = tempfile::tempdir().unwrap();
        let [source, library, outline] =
            ["image.s", "libimage.so", "outline/libimage.so"].map(|name| folder.path().join(name));
        let assemble = |text: &str| {
            std::fs::write(&source, text).unwrap();
            let mut linker = Command::new(LINKER);
            linker.args(["-shared", "-nostdlib", "-o"]).arg(&library).arg(&source);
            assert!(linker.status().unwrap().success());
        };
        let symbol = ".globl of_the_image\n.data\nof_the_image: .long 1\n";
        assemble(symbol);
        let error = draw(&library, &outline).unwrap_err().to_string();
        assert!(error.ends_with("libimage.so: no metadata"), "{error}");

        assemble(&format!("{symbol}.section .rustc,\"\",@progbits\n.ascii \"metadata\"\n"));
        draw(&library, &outline).unwrap();
        let bytes = std::fs::read(&outline).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        assert_eq!(file.section_by_name(METADATA).unwrap().data().unwrap(), b"metadata");
        assert!(!bytes.windows(12).any(|part| part == b"of_the_image"));
        // The name is what the libraries that are linked to it will ask for.
        let dynamic = file.section_by_name(".dynstr").unwrap().data().unwrap().to_vec();
        assert!(String::from_utf8(dynamic).unwrap().contains("libimage.so\0"));
        assert_eq!(std::fs::read_dir(outline.parent().unwrap()).unwrap().count(), 1);
    }
}
