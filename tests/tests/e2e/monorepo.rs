//! An app that is a member of a workspace: dependencies and profile are those of the workspace,
//! and a crate beside the app belongs to the app.

use nova_tests::PATIENCE;
use nova_tests::client::fresh;
use nova_tests::dev::Dev;
use nova_tests::workspace::{App, root};
use tokio::time::timeout;

/// A workspace for one test, for which its packages are named: to cargo, those of one name in one
/// place of a workspace are the same, and all tests share a target folder.
fn workspace(test: &str) -> App {
    let app = App::empty("monorepo");
    let sdk = root().join("plugin-sdk").display().to_string();
    app.write(
        "Cargo.toml",
        &format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"site\", \"wording\"]\n\n\
             [workspace.package]\nedition = \"2024\"\nversion = \"0.1.0\"\n\n\
             [workspace.dependencies]\nmaud = \"0.27\"\nwording = {{ package = \"{test}-wording\", path = \"wording\" }}\n\
             nova = {{ package = \"nova-plugin-sdk\", path = {sdk:?} }}\n\n\
             [profile.dev]\ndebug = \"line-tables-only\"\n\n\
             [profile.dev.package.{test}-site]\ndebug-assertions = false\n"
        ),
    );
    app.lock();
    let package = |name: &str| {
        format!(
            "[package]\nname = \"{test}-{name}\"\nedition.workspace = true\nversion.workspace = true\n"
        )
    };
    app.write("wording/Cargo.toml", &(package("wording") + "\n[lib]\nname = \"wording\"\n"));
    app.write("wording/src/lib.rs", "pub fn word() -> &'static str {\n    \"first\"\n}\n");
    app.write(
        "site/Cargo.toml",
        &format!(
            "{}\n[lib]\npath = \"lib.rs\"\n\n[dependencies]\nmaud.workspace = true\n\
             nova.workspace = true\nwording.workspace = true\n",
            package("site")
        ),
    );
    app.write("site/lib.rs", "//! Site.\n\n// nova:begin\n// nova:end\n");
    app.write(
        "site/pages/word.rs",
        "pub fn get() -> String {\n    \
         format!(\"{} {}\", wording::word(), cfg!(debug_assertions))\n}\n",
    );
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crate_beside_the_app_belongs_to_it() {
    let app = workspace("beside");
    let mut dev = Dev::start_with(&app, &["site", "--port", "0"]).await;
    dev.process.line("build ").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "first false");
    app.edit("wording/src/lib.rs", "first", "second");
    dev.process.line("swap ").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "second false");
    // And its mistakes are said, while what was serves.
    app.edit("wording/src/lib.rs", "\"second\"", "2");
    dev.process.line("error ").await;
    dev.process.line("mismatched types").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "second false");
    app.edit("wording/src/lib.rs", "    2", "    \"third\"");
    dev.process.line("swap ").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "third false");
    // The manifest of the workspace lies above the app, and decides how it is compiled.
    app.edit("Cargo.toml", "debug-assertions = false", "debug-assertions = true");
    dev.process.line("swap ").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "third true");
    assert!(!dev.process.output().contains("as a whole"), "{}", dev.process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_elsewhere_makes_a_stylesheet_and_no_code() {
    let app = workspace("partial");
    let partials =
        ["wording/theme/_colours.scss", "ui/_colours.scss", "site/node_modules/x/_a.scss"];
    for (number, file) in partials.into_iter().enumerate() {
        app.write(file, &format!(".p{number} {{ color: red; }}\n"));
    }
    app.write(
        "site/styles/main.scss",
        "@use '../../wording/theme/colours' as wording;\n@use '../../ui/colours' as ui;\n\
         @use '../node_modules/x/a';\n",
    );
    let mut dev = Dev::start_with(&app, &["site", "--port", "0"]).await;
    dev.process.line("build ").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "first false");
    let at_first = dev.process.output().matches("generation ").count();
    for (number, file) in partials.into_iter().enumerate() {
        app.edit(file, "red", "teal");
        let line = format!("style    {}", app.path.join(file).display());
        let rule = format!(".p{number} {{\n  color: teal;\n}}");
        dev.process.line(&line).await;
        // The session says it when the server is told. And a file that is written may be seen before it
        // has its content.
        let is_served = async {
            while !fresh(dev.address, "/__nova/style.css").await.unwrap().contains(&rule) {}
        };
        timeout(PATIENCE, is_served).await.unwrap_or_else(|_| panic!("{rule}\n{}", dev.process));
    }
    // Behind all of it: what they caused beside that has happened before.
    app.edit("wording/src/lib.rs", "first", "second");
    dev.process.line("swap ").await;
    assert_eq!(fresh(dev.address, "/word").await.unwrap(), "second false");
    let said = dev.process.output();
    assert_eq!(said.matches("generation ").count(), at_first + 1, "{said}");
    assert!(!said.contains("same "), "{said}");
}
