use std::path::Path;
use std::process::Command;

use super::*;

/// What a C compiler makes of this text, with the note of a library of this app.
struct Linked(Vec<u8>);

impl Linked {
    fn new(code: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (source, library) = (folder.path().join("app.c"), folder.path().join("app.so"));
        std::fs::write(&source, code).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).args(flags);
        let output = compiler.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(std::fs::read(library).unwrap())
    }

    fn found(&self, packages: &[Package]) -> Vec<String> {
        let library = LinkedLibrary::read(&self.0).unwrap();
        look(&library, packages)
            .into_iter()
            .map(|it| format!("{} {}", it.mode, it.sentence))
            .collect()
    }
}

fn package(name: &str, features: &[&str]) -> Package {
    let features = features.iter().map(|&feature| feature.to_owned()).collect();
    Package { name: name.into(), version: "1.2.3".into(), features }
}

const SQLITE: &str =
    "__attribute__((visibility(\"hidden\"))) int sqlite3_initialize(void) { return 0; }
    const char *header(void) { sqlite3_initialize(); return \"SQLite format 3\"; }";

#[test]
fn sqlite_counts_where_it_is_linked_in() {
    let packages = [package("serde", &[]), package("libsqlite3-sys", &["bundled", "cc"])];
    let linked = "process SQLite is linked in (libsqlite3-sys 1.2.3, bundled): two copies in one \
                  process undo each other's file locks";
    assert_eq!(Linked::new(SQLITE, &[]).found(&packages), [linked]);
    assert_eq!(Linked::new(SQLITE, &["-s"]).found(&packages), [linked], "stripped");

    // The shared one: the function is used and not defined.
    let user = "int sqlite3_initialize(void); int go(void) { return sqlite3_initialize(); }";
    let none: [String; 0] = [];
    assert_eq!(Linked::new(user, &[]).found(&packages), none);
    assert_eq!(Linked::new(user, &["-s"]).found(&packages), none);
}

#[test]
fn variables_at_a_fixed_place_ask_for_a_process() {
    let code = "__attribute__((tls_model(\"initial-exec\"))) __thread char x[200];
                char *at(int i) { return &x[i]; }";
    let found = Linked::new(code, &[]).found(&[package("libmimalloc-sys", &[])]);
    assert_eq!(
        found,
        ["process it has 200 bytes of static TLS (libmimalloc-sys 1.2.3): a process has little \
          room for that, and never gets it back"]
    );
    let dynamic = code.replace("initial-exec", "global-dynamic");
    assert_eq!(Linked::new(&dynamic, &[]).found(&[]), <[String; 0]>::default());
}

/// A package counts when its code is in the library, whatever else it was compiled for.
#[test]
fn packages_count_by_their_names_in_the_library() {
    let code = |symbol: &str| format!("__asm__(\".globl {symbol}\\n{symbol}: .quad 0\\n\");");
    let packages = [package("signal-hook", &[]), package("redb", &[]), package("jni", &[])];
    let legacy = code("_ZN4redb2db8Database4open17h0123456789abcdefE");
    let redb = "handover redb 1.2.3 is linked in: what it has opened has one holder";
    assert_eq!(Linked::new(&legacy, &[]).found(&packages), [redb]);
    assert_eq!(Linked::new(&code("_RNvNtCs1234_4redb2db4open"), &[]).found(&packages), [redb]);
    assert_eq!(Linked::new(&legacy, &[]).found(&[]), <[String; 0]>::default());
    // `tokio` has it, and hands signals on.
    let other = code("_ZN20signal_hook_registry8register17h0123456789abcdefE");
    assert_eq!(Linked::new(&other, &[]).found(&packages), <[String; 0]>::default());
    let longer = code("_ZN14redb2db4open17h0123456789abcdefE");
    assert_eq!(Linked::new(&longer, &[]).found(&packages), <[String; 0]>::default());
    // Without names, that it was compiled is all that is known.
    let stripped = Linked::new("int nothing;", &["-s"]);
    assert_eq!(stripped.found(&packages).len(), 2);
    assert_eq!(stripped.found(&[package("jni", &["invocation"])]).len(), 1);
}

#[test]
fn what_code_asks_of_the_system_counts_whatever_the_language() {
    let code = "int listen(int, int); int flock(int, int);
                int go(void) { return listen(3, 1) + flock(4, 2); }";
    let listens = "handover it listens on an address of its own: an address has one holder";
    for flags in [&[][..], &["-s"]] {
        assert_eq!(Linked::new(code, flags).found(&[]), [listens], "one reason is enough");
    }
    let code = "int sigaction(int, void *, void *); int go(void) { return sigaction(15, 0, 0); }";
    let handlers = "process it sets handlers of signals: a process has one handler for each signal, \
                    and the next copy takes it";
    let registry = "__asm__(\".globl _ZN20signal_hook_registry1x17hE\\n_ZN20signal_hook_registry1x17hE: \
                    .quad 0\\n\");";
    let packages = [package("signal-hook-registry", &[])];
    assert_eq!(Linked::new(code, &[]).found(&packages), [handlers]);
    let excused = Linked::new(&format!("{code}{registry}"), &[]);
    assert_eq!(excused.found(&packages), <[String; 0]>::default());
}

#[test]
fn every_row_asks_for_something_and_says_why() {
    for row in ROWS {
        assert_ne!(row.mode, SwapMode::Overlap, "{}", row.name);
        let is_clause = |text: &str| !text.is_empty() && !text.ends_with('.');
        assert!(is_clause(row.name) && is_clause(row.reason), "{}", row.name);
        let symbols: &[&str] = match row.sign {
            Sign::Defines(symbols, text) | Sign::Uses(symbols, text) => {
                assert!(text.len() > 8, "{}: others hold such a text, too", row.name);
                symbols
            }
            Sign::Calls(..) | Sign::Package(_) => continue,
        };
        assert!(!symbols.is_empty() && !row.packages.is_empty(), "{}", row.name);
    }
}

#[test]
fn what_an_app_declares_comes_first() {
    use SwapMode::{Handover, Overlap, Process, ProcessHandover};
    let finding = |mode, sentence: &str| Finding { mode, sentence: sentence.into() };
    let findings = || vec![finding(Handover, "state"), finding(Process, "SQLite")];
    let chosen = SwapPlan::choose(None, findings());
    assert_eq!((chosen.mode, chosen.because.len()), (ProcessHandover, 2));
    assert_eq!(chosen.warning(), None);
    assert_eq!(SwapPlan::choose(None, Vec::new()), SwapPlan::default());

    let plan = SwapPlan::choose(Some(ProcessHandover), findings());
    assert_eq!((plan.declared, plan.because.len(), plan.warning()), (true, 0, None));
    let plan = SwapPlan::choose(Some(Handover), findings());
    assert_eq!((plan.mode, &plan.because[..]), (Handover, &["SQLite".to_owned()][..]));
    insta::assert_snapshot!(SwapPlan::choose(Some(Overlap), findings()).warning().unwrap(), @"
    `SWAP` in app.rs asks for overlap, which is not safe for what the library holds
      state
      SQLite
      help: remove `SWAP`, and the mode follows from that; keep it if no two generations can use it at once
    ");
}

#[test]
fn a_library_without_a_note_is_told_apart() {
    let this_test = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(SwapPlan::of(&this_test, &[]), Err(LibraryError::NoNote));
    let built = BuildOutput {
        library: Path::new("/no/such/library.so").into(),
        diagnostics: Vec::new(),
        packages: Vec::new(),
    };
    let error = swap_plan(&built).unwrap_err().to_string();
    assert_eq!(error, "/no/such/library.so cannot be read");
}

#[test]
fn the_document_lists_every_row() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/swap-modes.md");
    let text = std::fs::read_to_string(path).unwrap();
    let table: Vec<_> = text.lines().filter(|line| line.starts_with("| ")).collect();
    for Row { name, sign, mode, .. } in ROWS {
        let word = if let Sign::Calls(function, _) = sign { function } else { name };
        let mode = format!("| `{mode}` |");
        let is_it = |line: &&str| line.contains(&mode) && words(line).any(|found| found == *word);
        assert!(table.iter().any(is_it), "no line for {word} with {mode}");
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|sign: char| !(sign.is_alphanumeric() || "-_".contains(sign)))
}
