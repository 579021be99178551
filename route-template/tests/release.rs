//! From pages to a release, with a real cargo and the real SDK.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nova_route_template::scaffold::{Template, create};
use nova_route_template::{
    Browsers, Build, BuildOutput, CargoError, Level, Manifest, Output, PreparedApp, Style,
    SwapMode, SwapPlan, compile_styles, prepare, swap_plan, write_release,
};
use sha2::{Digest, Sha256};

/// A new app at a fixed path, with the SDK of this repository: both are compiled once.
fn new_app(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    create(&dir, Template::Minimal, None).unwrap();
    let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-sdk");
    let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
    let manifest = manifest.replace("vendor/nova/plugin-sdk", sdk);
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    dir
}

fn build(dir: &Path) -> (PreparedApp, Result<BuildOutput, CargoError>) {
    let prepared = prepare(dir).unwrap_or_else(|error| panic!("{error}"));
    let running = Build::new(&prepared.project, prepared.crate_root.origins.clone())
        .profile("dev")
        .target_dir(Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("apps")))
        .output(Output::Capture)
        .start()
        .unwrap();
    let built = running.wait(|_| {});
    (prepared, built)
}

fn release(dir: &Path) -> Manifest {
    let (prepared, built) = build(dir);
    let built = built.unwrap_or_else(|error| panic!("{error}: {error:?}"));
    let styles =
        compile_styles(&prepared.project, Style::Compressed, Browsers::default()).sheet.unwrap();
    let out = dir.join("build");
    let swap = swap_plan(&built).unwrap();
    let manifest =
        write_release(&out, &prepared, &built, "dev", &swap, styles.as_ref(), &Default::default())
            .unwrap();
    let json = fs::read_to_string(out.join("manifest.json")).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
    manifest
}

fn patterns(manifest: &Manifest) -> Vec<&str> {
    manifest.routes.iter().map(|route| route.pattern.as_str()).collect()
}

#[test]
fn a_release_says_what_it_is_made_of_and_follows_the_pages() {
    let dir = new_app("release-app");
    fs::create_dir_all(dir.join("styles")).unwrap();
    fs::write(dir.join("styles/main.scss"), "$x: red;\na { color: $x }\n").unwrap();
    fs::create_dir_all(dir.join("public")).unwrap();
    fs::write(dir.join("public/favicon.svg"), "<svg/>").unwrap();
    let first = release(&dir);

    let library = fs::read(dir.join("build/libnova_routes.so")).unwrap();
    let sha256: String = Sha256::digest(&library).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!((&first.library.sha256, first.library.size), (&sha256, library.len() as u64));
    assert_eq!(first.build_id, sha256[..32]);
    assert_eq!((first.app.name.as_str(), first.app.version.as_str()), ("release-app", "0.1.0"));
    assert_eq!((first.abi, first.sdk.as_str()), (1, env!("CARGO_PKG_VERSION")));
    assert!(first.rustc.starts_with("rustc 1."), "{}", first.rustc);
    assert!(first.target.contains("linux"), "{}", first.target);
    assert!(first.glibc.as_deref().is_some_and(|glibc| glibc.starts_with("2.")));
    assert_eq!(first.favicon.as_deref(), Some("/favicon.svg"));
    assert_eq!((first.swap.mode, first.swap.declared), (SwapMode::Overlap, false));
    assert_eq!(first.swap.because, <[String; 0]>::default());
    assert_eq!(patterns(&first), ["/"]);
    assert_eq!(first.routes[0].methods, ["GET"]);
    assert_eq!(first.routes[0].source_sha256.len(), 64);
    let stylesheet = dir.join("build").join(&first.stylesheet.as_ref().unwrap().file);
    assert_eq!(fs::read_to_string(&stylesheet).unwrap(), "a{color:red}\n");
    let mode = fs::metadata(dir.join("build/libnova_routes.so")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let generated = fs::read_to_string(dir.join("build/routes_generated.rs")).unwrap();
    assert!(generated.contains("#[path = \"../pages\"]\npub mod pages {"), "{generated}");

    // What a host has open of the release before must stay as it was.
    let mut open = File::open(dir.join("build/libnova_routes.so")).unwrap();
    let page = "use nova::prelude::*;\n\npub async fn post(Path(id): Path<u64>) -> String {\n    \
                format!(\"{id}\")\n}\n";
    fs::create_dir_all(dir.join("pages/users")).unwrap();
    fs::write(dir.join("pages/users/[id].rs"), page).unwrap();
    fs::write(dir.join("styles/main.scss"), "a { color: blue }\n").unwrap();
    let second = release(&dir);
    assert_ne!(second.build_id, first.build_id);
    assert_eq!(patterns(&second), ["/", "/users/{id}"]);
    assert_eq!(second.routes[1].methods, ["POST"]);
    assert_eq!(second.routes[0].source_sha256, first.routes[0].source_sha256);
    let mut mapped = Vec::new();
    open.read_to_end(&mut mapped).unwrap();
    assert!(mapped == library, "the library was written in place");
    assert!(stylesheet.exists(), "a host may still be reading the release before");

    fs::remove_file(dir.join("pages/users/[id].rs")).unwrap();
    fs::remove_dir_all(dir.join("styles")).unwrap();
    let third = release(&dir);
    assert_eq!(patterns(&third), ["/"]);
    assert_eq!(third.stylesheet, None);
    assert!(!stylesheet.exists(), "no release that may be read has it");

    // Each of the three was the whole app; the file of its own compiles as one, too.
    let generated = dir.join("generated");
    fs::create_dir_all(&generated).unwrap();
    let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
    let manifest = manifest.replace("lib.rs", "build/routes_generated.rs");
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    let check = std::process::Command::new("cargo")
        .args(["check", "--quiet", "--lib"])
        .current_dir(&dir)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("apps"))
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

#[test]
fn how_a_release_is_swapped_follows_from_what_it_holds() {
    let dir = new_app("holder-app");
    let init = "use nova::prelude::*;\n\npub fn init() -> Result<()> {\n    let socket = \
                std::net::TcpListener::bind(\"127.0.0.1:0\");\n    \
                std::mem::forget(socket.map_err(Error::internal)?);\n    Ok(())\n}\n";
    fs::write(dir.join("app.rs"), init).unwrap();
    let SwapPlan { mode, declared, because } = release(&dir).swap;
    assert_eq!((mode, declared), (SwapMode::Handover, false));
    let listens = "it listens on an address of its own: an address has one holder";
    assert_eq!(because, [listens]);

    // The value is the compiler's to find out.
    let swap = "pub const SWAP: Swap = least(Swap::Overlap);\nconst fn least(mode: Swap) -> Swap \
                {\n    mode\n}\n";
    fs::write(dir.join("app.rs"), format!("{init}\n{swap}")).unwrap();
    let plan = release(&dir).swap;
    assert_eq!((plan.mode, plan.declared), (SwapMode::Overlap, true));
    assert!(plan.warning().unwrap().contains(listens), "{plan:?}");

    let state = "pub fn export(_: &()) {}\npub fn import(_: Purpose, _: ()) {}\n";
    fs::write(dir.join("app.rs"), format!("use nova::prelude::*;\npub fn init() {{}}\n{state}"))
        .unwrap();
    let plan = release(&dir).swap;
    assert_eq!((plan.mode, plan.because.len()), (SwapMode::Handover, 1));
}

#[test]
fn a_swap_of_another_type_is_shown_in_app_rs() {
    let dir = new_app("misfit-swap-app");
    let app = "pub struct Swap;\n\npub const SWAP: Swap = Swap;\n";
    fs::write(dir.join("app.rs"), app).unwrap();
    let (_, built) = build(&dir);
    let Err(CargoError::Failed { diagnostics, .. }) = built else { panic!("{built:?}") };
    let error = diagnostics.iter().find(|diagnostic| diagnostic.level == Level::Error).unwrap();
    assert_eq!(error.place.as_ref().unwrap().to_string(), "app.rs:3:11");
    assert!(error.plain().contains("nova::export!(routes, swap = app::SWAP)"), "{}", error.plain());
}

#[test]
fn an_argument_that_does_not_fit_is_shown_in_its_page() {
    let dir = new_app("misfit-app");
    let page = "use nova::prelude::*;\n\npub struct Cart;\n\npub fn get(cart: Cart) -> String {\n    \
                drop(cart);\n    String::new()\n}\n";
    fs::write(dir.join("pages/index.rs"), page).unwrap();
    let (_, built) = build(&dir);
    let Err(CargoError::Failed { diagnostics, .. }) = built else { panic!("{built:?}") };
    let error = diagnostics.iter().find(|diagnostic| diagnostic.level == Level::Error).unwrap();
    let place = error.place.as_ref().unwrap();
    assert_eq!(
        (place.to_string().as_str(), place.function.as_deref()),
        ("pages/index.rs:5:8", Some("get"))
    );
    let note = "note: the function is `get` in pages/index.rs:5:8";
    assert_eq!(error.note().as_deref(), Some(note));
    assert!(error.message.contains("Cart"), "{}", error.message);
    assert!(error.plain().contains("// pages/index.rs: get(cart: Cart)"));
}

#[test]
fn a_library_without_routes_is_no_release() {
    let dir = new_app("routeless-app");
    let (prepared, built) = build(&dir);
    let mut built = built.unwrap();
    release(&dir);
    let before = fs::read(dir.join("build/manifest.json")).unwrap();
    let write = |built: &BuildOutput| {
        let (out, swap, public) = (dir.join("build"), Default::default(), Default::default());
        write_release(&out, &prepared, built, "dev", &swap, None, &public)
    };

    // Any other shared object will do for one that lacks `nova::export!`.
    fs::write(dir.join("lib.rs"), "pub fn nothing() {}\n").unwrap();
    let running = Build::new(&prepared.project, Default::default())
        .profile("dev")
        .target_dir(Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("apps")))
        .output(Output::Capture)
        .start()
        .unwrap();
    built.library = running.wait(|_| {}).unwrap().library;
    let error = swap_plan(&built).unwrap_err();
    assert_eq!(error.to_string(), write(&built).unwrap_err().to_string());
    assert!(error.to_string().contains("`nova::export!(routes)`"), "{error}");
    assert_eq!(fs::read(dir.join("build/manifest.json")).unwrap(), before);
}
