//! Apps with C code, and apps that do not go in parts: each page answers as under cargo, and what
//! is built as a whole says why, once.

use nova_tests::client::fresh;
use nova_tests::dev::Dev;
use nova_tests::workspace::{App, copy, root};

/// An app with SQLite in its image, beside the apps that the other tests compile it for.
fn with_sqlite() -> App {
    let app = App::empty("data");
    copy(&root().join("tests/fixtures/apps/data"), &app.path);
    app.edit("Cargo.toml", "../../../../plugin-sdk", &sdk());
    app.write(
        "holders/sql/Cargo.toml",
        "[package]\nname = \"data-sql\"\nversion.workspace = true\nedition.workspace = true\n\n\
         [lib]\npath = \"lib.rs\"\n\n[dependencies]\nmaud.workspace = true\n\
         nova.workspace = true\nrusqlite.workspace = true\n",
    );
    app.write("holders/sql/lib.rs", "//! SQL.\n\n// nova:begin\n// nova:end\n");
    app.write(
        "holders/sql/pages/sql.rs",
        "pub fn get() -> String {\n    let db = rusqlite::Connection::open_in_memory().unwrap();\n    \
         let number = db.query_row(\"select 41 + 1\", [], |row| row.get::<_, i64>(0));\n    \
         number.unwrap().to_string()\n}\n",
    );
    app
}

fn sdk() -> String {
    root().join("plugin-sdk").display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_calls_c_code_of_a_dependency() {
    let app = with_sqlite();
    let mut dev = Dev::start_with(&app, &["holders/sql", "--port", "0"]).await;
    dev.process.line("build ").await;
    assert_eq!(fresh(dev.address, "/sql").await.unwrap(), "42", "{}", dev.process);
    app.edit("holders/sql/pages/sql.rs", "41 + 1", "41 + 2");
    dev.process.line("swap ").await;
    assert_eq!(fresh(dev.address, "/sql").await.unwrap(), "43");
    assert!(!dev.process.output().contains("as a whole"), "{}", dev.process);
}

/// An app beside a crate whose C code only that crate's own library has, under every lint that
/// generated code could break.
fn strict() -> App {
    let app = App::empty("strict");
    app.write(
        "Cargo.toml",
        &format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"site\", \"twice\"]\n\n\
             [profile.dev]\ndebug = \"line-tables-only\"\n\n\
             [workspace.lints.rust]\nunsafe_code = \"forbid\"\nmissing_docs = \"deny\"\n\
             unreachable_pub = \"deny\"\nunused = {{ level = \"deny\", priority = -1 }}\n\
             warnings = {{ level = \"deny\", priority = -2 }}\n\n\
             [workspace.dependencies]\nmaud = \"0.27\"\n\
             nova = {{ package = \"nova-plugin-sdk\", path = {:?} }}\n",
            sdk()
        ),
    );
    app.lock();
    app.write(
        "twice/Cargo.toml",
        "[package]\nname = \"twice\"\nversion = \"0.1.0\"\nedition = \"2024\"\nbuild = \"build.rs\"\n",
    );
    app.write(
        "twice/build.rs",
        "use std::process::Command;\n\nfn main() {\n    \
         let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
         let run = |program: &str, args: &[&str]| {\n        \
         assert!(Command::new(program).args(args).status().unwrap().success());\n    };\n    \
         let object = format!(\"{out}/twice.o\");\n    \
         run(\"cc\", &[\"-c\", \"-fPIC\", \"twice.c\", \"-o\", &object]);\n    \
         run(\"ar\", &[\"rcs\", &format!(\"{out}/libtwice_c.a\"), &object]);\n    \
         println!(\"cargo:rustc-link-search=native={out}\");\n    \
         println!(\"cargo:rustc-link-lib=static=twice_c\");\n}\n",
    );
    app.write("twice/twice.c", "int nova_test_twice(int number) { return number * 2; }\n");
    app.write(
        "twice/src/lib.rs",
        "unsafe extern \"C\" {\n    fn nova_test_twice(number: i32) -> i32;\n}\n\n\
         #[inline(always)]\npub fn twice(number: i32) -> i32 {\n    \
         unsafe { nova_test_twice(number) }\n}\n",
    );
    app.write(
        "site/Cargo.toml",
        "[package]\nname = \"site\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [lib]\npath = \"lib.rs\"\n\n[features]\nadmin = []\n\n[lints]\nworkspace = true\n\n\
         [dependencies]\nmaud.workspace = true\nnova.workspace = true\n\
         twice = { path = \"../twice\" }\n",
    );
    app.write("site/lib.rs", "//! Site.\n\n// nova:begin\n// nova:end\n");
    app.write(
        "site/components/forms/word.rs",
        "//! A word.\n\n/// Says it.\npub fn word() -> &'static str {\n    \
         if twice::twice(0) == 0 { \"plain\" } else { \"odd\" }\n}\n",
    );
    app.write(
        "site/pages/plain.rs",
        "//! Plain.\n\n/// Says so.\npub fn get() -> &'static str {\n    \
         crate::components::forms::word::word()\n}\n\n\
         /// For administrators.\n#[cfg(feature = \"admin\")]\npub fn post() {}\n",
    );
    app.write(
        "site/pages/admin.rs",
        "//! For administrators.\n#![cfg(feature = \"admin\")]\n\n/// All of it.\npub fn get() {}\n",
    );
    app.write(
        "site/pages/twice.rs",
        "//! Twice.\n\n/// In C.\npub fn get() -> String {\n    \
         format!(\"twice is {}\", twice::twice(21))\n}\n",
    );
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_load_in_parts_is_built_as_a_whole() {
    let app = strict();
    let mut dev = Dev::start_with(&app, &["site", "--port", "0"]).await;
    dev.process.line("build ").await;
    let address = dev.address;
    let get = async |path: &str| fresh(address, path).await;
    // In parts, under all the lints; of what has a condition nothing is there.
    assert_eq!(get("/plain").await.unwrap(), "plain", "{}", dev.process);
    let admin = get("/admin").await.unwrap_err().to_string();
    assert!(admin.contains("404"), "{admin}");

    // The whole library goes into a process of its own, and who waits is sent there.
    let first = get("/twice").await;
    assert!(
        first.as_ref().map_or_else(|it| it.to_string().contains("503"), |it| it == "twice is 42")
    );
    dev.process
        .line("the app is built as a whole: a page or the app library needs `nova_test_twice`")
        .await;
    dev.process.line("build ").await;
    assert_eq!(get("/twice").await.unwrap(), "twice is 42", "{}", dev.process);
    assert_eq!(get("/plain").await.unwrap(), "plain");
    let admin = get("/admin").await.unwrap_err().to_string();
    assert!(admin.contains("404"), "{admin}");
    app.edit("site/pages/twice.rs", "twice is", "two times is");
    dev.process.line("swap ").await;
    assert_eq!(get("/twice").await.unwrap(), "two times is 42");
    let output = dev.process.output();
    assert_eq!(output.matches("as a whole").count(), 1, "{output}");
    for wrong in ["does not compile", "warning", "dependencies have changed"] {
        assert!(!output.contains(wrong), "{wrong}: {output}");
    }
}
