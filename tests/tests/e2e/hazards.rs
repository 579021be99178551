//! An app of a monorepo with everything that does not like to be compiled page by page: each page
//! answers as under cargo, and those that cannot stand alone are in the app library.

use nova_tests::client::fresh;
use nova_tests::dev::Dev;
use nova_tests::workspace::App;

/// What each page answers.
const PAGES: [(&str, &str); 19] = [
    ("plain", "plain 1"),
    ("private_function", "a secret of the crate"),
    ("private_field", "the shop"),
    ("inherent_impl", "twice is 42"),
    ("foreign_impl", "3 crowns"),
    ("textual_macro", "a macro by its place"),
    ("exported_macro", "a macro by its name, a macro by its name"),
    ("non_exhaustive", "red and blue"),
    ("crate_root", "inner"),
    ("private_module", "inner"),
    // One static, whoever names its page.
    ("naming", "seen 1"),
    ("named", "seen 2"),
    // One static of a component, for all pages.
    ("first_hit", "hit 1"),
    ("second_hit", "hit 2"),
    (
        "environment",
        "hazards 0.1.0, by the build script, scripted, loud, a text from a file, \
         hazards::pages::environment",
    ),
    ("derived", "{\"model\":{\"text\":\"model 1\"}}"),
    // The compiler of this page has called the macro for no other one.
    ("macro_state", "call 1"),
    ("type", "a keyword"),
    ("self", "another keyword"),
];

/// The pages that only compile as a part of the crate.
const INSIDE: [&str; 7] = [
    "private_function",
    "private_field",
    "inherent_impl",
    "foreign_impl",
    "textual_macro",
    "non_exhaustive",
    "private_module",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_hazard_answers_as_under_cargo() {
    let app = App::fixture("hazards");
    let mut dev = Dev::start_with(&app, &["app", "--port", "0"]).await;
    dev.process.line("build ").await;
    // Those that move into the app library first: each of them makes that one anew, and with it
    // the statics.
    for name in INSIDE {
        let (_, expected) = PAGES.iter().find(|(page, _)| *page == name).expect("a page");
        assert_eq!(fresh(dev.address, &format!("/{name}")).await.unwrap(), *expected);
        let said = format!("pages/{name}.rs is compiled with the app library");
        dev.process.said(&said).await;
    }
    for (page, expected) in PAGES {
        assert_eq!(fresh(dev.address, &format!("/{page}")).await.unwrap(), expected, "{page}");
    }
    let said = dev.process.output().matches("is compiled with the app library").count();
    assert_eq!(said, INSIDE.len(), "{}", dev.process);

    // A save of a page, of what a page in the app library is made of, and of what a script reads.
    for (file, from, to, page, expected) in [
        ("app/pages/plain.rs", "plain 1", "plain 2", "/plain", "plain 2"),
        ("app/app.rs", "the shop", "the store", "/private_field", "the store"),
        // What the build script says that it reads.
        ("app/wording/script.txt", "the build", "another", "/environment", "by another script"),
    ] {
        // What was never asked for since the last change is not compiled, and nobody is told of it.
        fresh(dev.address, page).await.unwrap();
        app.edit(file, from, to);
        let name = file.rsplit('/').next().expect("a name");
        let line = dev.process.line(&format!("{name} ")).await;
        assert!(line.starts_with("swap") || line.starts_with("same"), "{line}\n{}", dev.process);
        let answer = fresh(dev.address, page).await.unwrap();
        assert!(answer.contains(expected), "{file}: {answer}\n{}", dev.process);
    }
}
