//! What of a library forbids two of its generations in one process, as far as its file tells.
//!
//! The manifest of a release says it better: `nova compile` has seen the names that are gone here,
//! and the packages. This is for a library that comes without one.

use memchr::memmem;
use nova_abi::SwapMode;

use super::dynamic;

/// Something in a library that asks for a mode of swapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hazard {
    /// The least mode that does no harm.
    pub(crate) mode: SwapMode,
    /// What was found, and why it matters.
    pub(crate) sentence: String,
}

/// What every file of SQLite begins with, and so every copy of its code has. A library that uses
/// the shared libsqlite3 has no reason to.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Functions of the C library by which code becomes the one holder of something.
const HOLDERS: [(&str, &str); 2] = [
    ("listen", "it listens on an address of its own: an address has one holder"),
    ("flock", "it locks files: a lock has one holder"),
];

/// Looks at the bytes of a library that is known to be whole.
pub(super) fn hazards(bytes: &[u8]) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    if let Ok(Some(size)) = dynamic::static_tls(bytes) {
        hazards.push(Hazard {
            mode: SwapMode::Process,
            sentence: format!(
                "it has {size} bytes of static TLS: a process has little room for that, and never \
                 gets it back"
            ),
        });
    }
    if memmem::find(bytes, SQLITE).is_some() {
        hazards.push(Hazard {
            mode: SwapMode::Process,
            sentence: "SQLite is linked in: two copies in one process undo each other's file locks"
                .into(),
        });
    }
    for (function, sentence) in HOLDERS {
        if dynamic::calls(bytes, function) == Ok(true) {
            hazards.push(Hazard { mode: SwapMode::Handover, sentence: sentence.into() });
        }
    }
    hazards
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What is found in what a C compiler makes of this text.
    fn found(code: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let (source, library) = (folder.path().join("app.c"), folder.path().join("app.so"));
        std::fs::write(&source, code).unwrap();
        let mut compiler = Command::new("cc");
        let status =
            compiler.args(["-shared", "-fPIC", "-s", "-o"]).args([&library, &source]).status();
        assert!(status.unwrap().success());
        let hazards = hazards(&std::fs::read(library).unwrap());
        hazards.into_iter().map(|it| format!("{} {}", it.mode, it.sentence)).collect()
    }

    #[test]
    fn what_a_process_may_have_once_is_found() {
        let fixed = "__attribute__((tls_model(\"initial-exec\"))) __thread char x[200];
                     char *at(int i) { return &x[i]; }";
        assert_eq!(
            found(fixed),
            ["process it has 200 bytes of static TLS: a process has little room for that, and \
              never gets it back"]
        );
        assert_eq!(
            found("const char *header(void) { return \"SQLite format 3\"; }"),
            ["process SQLite is linked in: two copies in one process undo each other's file locks"]
        );
        assert_eq!(
            found("int listen(int, int); int go(void) { return listen(3, 1); }"),
            ["handover it listens on an address of its own: an address has one holder"]
        );
        let neither = "__thread char x[200]; char *at(int i) { return &x[i]; }
                       int sqlite3_open(const char *, void **);
                       int go(void) { return sqlite3_open(\"SQLite\", 0); }";
        assert_eq!(found(neither), <[String; 0]>::default());
        assert_eq!(hazards(b"no library"), []);
    }
}
