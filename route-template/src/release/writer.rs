//! From a built library to a release: the folder that a host serves.
//!
//! Every file is written beside its place and renamed, and the manifest comes last: a host
//! that watches the folder sees the old release or the new one, and what it has mapped or open
//! of the old one stays as it was.

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cargo::build::BuildOutput;
use crate::codegen::{Destination, generate};
use crate::files::write_atomically;
use crate::paths::relative;
use crate::prepare::PreparedApp;
use crate::release::error::ReleaseError;
use crate::release::library::LibraryInfo;
use crate::release::manifest::{App, LIBRARY, MANIFEST, Manifest, ReleaseFile, Route, SIGNATURE};
use crate::release::prerendered::remove_former;
use crate::release::public::PublicFiles;
use crate::routes::route::{Method, Page};
use crate::styles::Stylesheet;
use crate::swap::plan::SwapPlan;

/// The folder of assets in a release.
const ASSETS: &str = "assets";

/// Writes `libnova_routes.so`, the stylesheet, `routes_generated.rs` and, last, `manifest.json`
/// into a folder, which is made if it is not there. `swap` is of the library as the linker left it;
/// `public` is what [`write_public`](crate::write_public) has written there before.
///
/// # Errors
/// If a file cannot be read or written, or if the library is not a route library. The folder then
/// holds the manifest that it held before.
pub fn write_release(
    out: &Path,
    prepared: &PreparedApp,
    built: &BuildOutput,
    profile: &str,
    swap: &SwapPlan,
    stylesheet: Option<&Stylesheet>,
    public: &PublicFiles,
) -> Result<Manifest, ReleaseError> {
    let io = |path: &Path, action| {
        let path = path.to_owned();
        move |source| ReleaseError::Io { path, action, source }
    };
    let library = std::fs::read(&built.library).map_err(io(&built.library, "read"))?;
    let facts = LibraryInfo::read(&library)?;
    let library_file = ReleaseFile::new(LIBRARY, &library);
    let stylesheet_file = stylesheet.map(|stylesheet| {
        ReleaseFile::new(format!("{ASSETS}/{}", stylesheet.file_name()), stylesheet.css.as_bytes())
    });
    let manifest = Manifest {
        nova: env!("CARGO_PKG_VERSION").to_owned(),
        abi: facts.abi,
        sdk: facts.sdk,
        app: App { name: facts.app.0, version: facts.app.1 },
        build_id: library_file.sha256[..32].to_owned(),
        library: library_file,
        rustc: facts.rustc,
        target: facts.target,
        profile: profile.to_owned(),
        glibc: facts.glibc,
        needs: facts.needs,
        swap: swap.clone(),
        routes: prepared.tree.pages.iter().map(|page| route(page, prepared)).collect(),
        shared_sha256: prepared.shared_sha256(),
        stylesheet: stylesheet_file,
        files: Vec::new(),
        favicon: prepared.project.favicon(),
        public: public.files.clone(),
        former_public: public.former.clone(),
        prerendered: public.prerendered.clone(),
        built_at: now(),
    };

    std::fs::create_dir_all(out).map_err(io(out, "written"))?;
    let out = &out.canonicalize().map_err(io(out, "read"))?;
    let earlier = Manifest::read(out);
    let write = |file: &str, content: &[u8]| {
        let path = out.join(file);
        write_atomically(&path, content).map_err(io(&path, "written"))
    };
    if let (Some(file), Some(stylesheet)) = (&manifest.stylesheet, stylesheet) {
        write(&file.file, stylesheet.css.as_bytes())?;
    }
    let app = relative(out, prepared.project.dir());
    let generated = generate(&prepared.tree, &Destination::Aside(&app.to_string_lossy()));
    write("routes_generated.rs", routes_generated(&manifest.app.name, &generated.text).as_bytes())?;
    // It was over the manifest that goes now.
    match std::fs::remove_file(out.join(SIGNATURE)) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(io(&out.join(SIGNATURE), "removed")(source));
        }
        _ => {}
    }
    write(LIBRARY, &library)?;
    let json = serde_json::to_string_pretty(&manifest).expect("a manifest is plain data");
    write(MANIFEST, format!("{json}\n").as_bytes())?;

    remove_former(out, earlier.as_ref(), &manifest.prerendered);
    let kept = [manifest.stylesheet.clone(), earlier.and_then(|manifest| manifest.stylesheet)];
    remove_old_stylesheets(out, &kept);
    Ok(manifest)
}

fn route(page: &Page, prepared: &PreparedApp) -> Route {
    let methods = page.methods().into_iter().filter_map(Method::http_name);
    Route {
        pattern: page.pattern.to_string(),
        methods: methods.map(str::to_owned).collect(),
        any: page.methods().contains(&Method::Any),
        file: page.file.clone(),
        source_sha256: prepared.source_hashes.get(&page.file).cloned().unwrap_or_default(),
    }
}

fn routes_generated(app: &str, text: &str) -> String {
    format!("//! The routes of {app}, as they were compiled. Made by `nova compile`.\n\n{text}")
}

fn now() -> u64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    fixed.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    })
}

/// Removes stylesheets of earlier releases, the last one apart: a host may be reading it.
fn remove_old_stylesheets(out: &Path, keep: &[Option<ReleaseFile>]) {
    let Ok(entries) = std::fs::read_dir(out.join(ASSETS)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| Stylesheet::is_file_name(name)) else {
            continue;
        };
        let path = format!("{ASSETS}/{name}");
        if !keep.iter().flatten().any(|file| file.file == path) {
            // What cannot be removed only takes room.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
