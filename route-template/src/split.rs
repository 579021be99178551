//! An app in parts, for development: the time from a save to the new page does not grow with it.
//!
//! ```text
//! libstd.so  <-  sys image: the SDK and the app's dependencies     Image, once
//!            <-  app library: components, app.rs, layouts           when one of them changes
//!            <-  one small library for each page                    on demand
//! ```
//!
//! cargo compiles the dependencies and is asked how it would call the compiler for the app
//! (`capture`); from then on the compiler is called directly. Each library has a file name, and
//! with it a soname, of its own: the dynamic linker takes two files of one name for one library.
//! A page names the app library that it was built against, and loads with no other.
//!
//! What cannot be split stays together: a page that other files name, or that only compiles as a
//! part of the crate, is a module of the app library.

mod ahead;
mod cache;
mod capture;
mod flags;
mod image;
mod key;
mod outline;
mod package;
mod record;
mod references;
mod roots;
mod toolchain;
mod unit;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::ahead::{Link, PageAhead};
pub use self::cache::{Cache, CachedImage};
pub use self::capture::{Call, wrapper_main};
use self::flags::{Extern, Flags};
pub use self::image::Image;
use self::key::Keys;
pub use self::record::Record;
pub use self::references::references;
pub use self::toolchain::Toolchain;
pub use self::unit::{Compiled, RunningUnit, Unit};
use crate::cargo::{CargoError, Event, Stopper};
use crate::files::write_atomically;
use crate::manifest::sha256;
use crate::project::Project;
use crate::route::Page;
use crate::tree::RouteTree;

/// Where the parts are kept, from the app's folder.
const FOLDER: &str = ".nova/dev";

/// Why an app is not split.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// cargo or the compiler refused.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// Something in the app's folder or in the cache cannot be read or written.
    #[error("{what} cannot be prepared: {source}")]
    Io {
        /// What it is.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The app's own settings rule it out.
    #[error("{0}")]
    Unfit(&'static str),
}

/// An app whose parts can be compiled.
#[derive(Debug, Clone)]
pub struct Split {
    project: Project,
    crate_name: String,
    image: Image,
    invocation: Invocation,
    flags: Flags,
    externs: Vec<Extern>,
    environment: Vec<(OsString, OsString)>,
}

/// How cargo calls the compiler for the app; remembered from one session to the next.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Invocation {
    key: String,
    call: Call,
    /// The folders of the app's dependencies that are the user's own.
    local: Vec<PathBuf>,
}

/// An app library, for the pages that are built against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppLibrary {
    /// The shared library.
    pub library: PathBuf,
    /// The identity of this build; it is in the file's name.
    pub build: String,
    /// Whether it holds modules of `pages/`.
    pub has_pages: bool,
}

/// A library that can be compiled, and how it will be known.
#[derive(Debug, Clone)]
pub struct PageUnit {
    /// The compilation.
    pub unit: Unit,
    /// The function that the library exports.
    pub symbol: String,
}

impl Split {
    /// Finds the sys image that fits the app, or lets cargo build what it needs.
    ///
    /// `program` is the executable whose `main` calls [`wrapper_main`]; cargo and the compiler see
    /// `environment` besides the variables of this process. `on_start` gets a handle on
    /// cargo, should it have to run, and `on_event` what it says.
    ///
    /// # Errors
    /// If cargo cannot build what the app depends on, or if the app cannot be split.
    pub fn open(
        project: &Project,
        cache: &Cache,
        program: &Path,
        environment: &[(OsString, OsString)],
        on_start: impl FnOnce(Stopper),
        on_event: impl FnMut(Event),
    ) -> Result<Self, SplitError> {
        let folder = project.dir().join(FOLDER);
        let io = |what| move |source| SplitError::Io { what, source };
        std::fs::create_dir_all(&folder).map_err(io("the folder .nova/dev"))?;
        let toolchain = Toolchain::find(project.dir(), &folder.join("toolchain.json"))
            .map_err(io("the Rust compiler"))?;
        let keys = Keys::read(project, &toolchain).map_err(io("the app's manifest"))?;
        let crate_name = package::crate_name(&keys.manifest, project.name());
        let place = cache.image(&keys.image);
        let memory = folder.join("invocation.json");

        if let Some(image) = Image::read(&place) {
            let remembered = std::fs::read(&memory).ok();
            let remembered: Option<Invocation> =
                remembered.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let invocation =
                match remembered {
                    // A build script, or a crate in a folder, may be out of date, and only cargo knows.
                    Some(invocation) if invocation.key == keys.app && !keys.needs_cargo => {
                        Some(invocation)
                    }
                    _ if keys.needs_cargo => None,
                    _ => package::call(&image.call, project, &keys.manifest)
                        .map(|call| Invocation { key: keys.app.clone(), call, local: Vec::new() }),
                };
            if let Some(invocation) = invocation {
                let _ = remember(&memory, &invocation);
                return Self::new(project.clone(), crate_name, image, invocation, environment);
            }
        }
        let file = folder.join("call.json");
        let capture = capture::capture(project, &crate_name, program, &file, environment)?;
        on_start(capture.stopper());
        let captured = capture.wait(on_event)?;
        let local = captured.artifacts.iter().filter(|it| it.is_local && !image::is_member(it));
        let mut local: Vec<PathBuf> = local.map(|it| it.folder.clone()).collect();
        local.sort();
        local.dedup();
        let image = match Image::read(&place) {
            Some(image) => image,
            None => Image::build(&captured, &toolchain, &place)?,
        };
        let invocation = Invocation { key: keys.app, call: captured.call, local };
        remember(&memory, &invocation).map_err(io("the folder .nova/dev"))?;
        Self::new(project.clone(), crate_name, image, invocation, environment)
    }

    fn new(
        project: Project,
        crate_name: String,
        image: Image,
        invocation: Invocation,
        environment: &[(OsString, OsString)],
    ) -> Result<Self, SplitError> {
        let flags = Flags::of(&invocation.call);
        if flags.aborts {
            return Err(SplitError::Unfit(
                "the profile says panic = \"abort\", and a library that aborts would end the server",
            ));
        }
        let externs = image.externs(&flags);
        let environment = environment.to_vec();
        Ok(Self { project, crate_name, image, invocation, flags, externs, environment })
    }

    /// From now on the compiler sees these variables besides those of this process.
    pub fn set_environment(&mut self, environment: &[(OsString, OsString)]) {
        self.environment = environment.to_vec();
    }

    /// The value that the compiler sees of a variable.
    pub fn variable(&self, name: &str) -> Option<String> {
        if let Some(value) = self.invocation.call.env.get(name) {
            return Some(value.clone());
        }
        let set = self.environment.iter().rev().find(|(set, _)| set.as_os_str() == name);
        let value = set.map(|(_, value)| value.clone()).or_else(|| std::env::var_os(name));
        value.map(|value| value.to_string_lossy().into_owned())
    }

    /// The sys image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The identity of everything that decides about flags: manifest, compiler, SDK, and what a
    /// build script has said.
    pub fn key(&self) -> String {
        let Invocation { key, call, .. } = &self.invocation;
        sha256(format!("{key}\n{}", call.argv.join("\n")).as_bytes())
    }

    /// The crates that cargo compiled from folders of the user's.
    pub fn local_crates(&self) -> impl Iterator<Item = &Path> {
        let inside = self.image.crates_folder();
        let files = self.externs.iter().filter_map(|one| one.file.as_deref());
        files.filter(move |file| file.parent() != Some(&inside))
    }

    /// Folders of the user's that the app depends on; what changes there is cargo's to build.
    pub fn local_folders(&self) -> &[PathBuf] {
        &self.invocation.local
    }

    /// The folder for what this app's parts are made of.
    pub fn folder(&self) -> PathBuf {
        self.project.dir().join(FOLDER)
    }

    /// Whether the app still is what this was opened for: its manifest, the compiler, the SDK.
    pub fn is_current(&self) -> bool {
        let toolchain = Toolchain::find(self.project.dir(), &self.folder().join("toolchain.json"));
        let keys = toolchain.and_then(|toolchain| Keys::read(&self.project, &toolchain));
        keys.is_ok_and(|keys| keys.app == self.invocation.key)
    }

    /// Whether only cargo knows what a change of a file that is no page leads to.
    pub fn has_build_script(&self) -> bool {
        has_script(&self.project)
    }

    /// The app library with the pages in `inside`; `build` is a name for it that no other has.
    ///
    /// # Errors
    /// If its crate root cannot be written.
    pub fn app(
        &self,
        tree: &RouteTree,
        inside: &BTreeSet<String>,
        build: &str,
    ) -> io::Result<(Unit, AppLibrary)> {
        let mut part = tree.clone();
        part.pages.retain(|page| inside.contains(&page.file));
        let mut unit = self.app_unit(&part)?;
        let name = format!("libnova_app-{build}{}", std::env::consts::DLL_SUFFIX);
        let library = self.folder().join("libraries").join(&name);
        std::fs::create_dir_all(self.folder().join("libraries"))?;
        // The name by which pages need it; rustc would take that of the file that it writes.
        unit.arg("-C").arg(format!("link-arg=-Wl,-soname,{name}"));
        unit.args(["--crate-type", "dylib"]);
        unit.incremental(&self.folder().join("incremental/app"), 64);
        unit.metadata(self.app_metadata());
        unit.output("link", library.clone());
        let has_pages = !part.page_modules().is_empty();
        Ok((unit, AppLibrary { library, build: build.to_owned(), has_pages }))
    }

    /// Checks whether the app library would compile with the pages in `inside`.
    ///
    /// # Errors
    /// If its crate root cannot be written.
    pub fn check(&self, tree: &RouteTree, inside: &BTreeSet<String>) -> io::Result<Unit> {
        let mut part = tree.clone();
        part.pages.retain(|page| inside.contains(&page.file));
        let mut unit = self.app_unit(&part)?;
        unit.args(["--crate-type", "lib"]);
        unit.incremental(&self.folder().join("incremental/check"), 16);
        unit.output("metadata", self.folder().join("libcheck.rmeta"));
        Ok(unit)
    }

    /// The library of one page, against an app library; `build` is a name for it that no other
    /// has. An `incremental` one takes longer the first time, and less after that.
    ///
    /// # Errors
    /// If its crate root cannot be written.
    pub fn page(
        &self,
        app: &AppLibrary,
        tree: &RouteTree,
        page: &Page,
        build: &str,
        incremental: bool,
    ) -> io::Result<PageUnit> {
        let (mut unit, symbol) = self.page_unit(&app.library, app, tree, page)?;
        unit.args(["--crate-type", "cdylib"]);
        if incremental {
            let folder = format!("incremental/page-{}", plain_module(page));
            unit.incremental(&self.folder().join(folder), 16);
        }
        unit.output("link", self.page_library(page, build));
        Ok(PageUnit { unit, symbol })
    }

    /// The compilation of one page against `compiled`, which is the app library or its metadata;
    /// and the name of the function that it exports.
    fn page_unit(
        &self,
        compiled: &Path,
        app: &AppLibrary,
        tree: &RouteTree,
        page: &Page,
    ) -> io::Result<(Unit, String)> {
        let module = plain_module(page);
        // Another name in each build would be another root, and more to compile.
        let symbol = format!("nova_page_{module}");
        let path = self.folder().join("pages").join(format!("{module}.rs"));
        let root = roots::page(&self.project, tree, page, &symbol, app.has_pages, path)?;
        let mut unit = self.unit(root.origins);
        unit.arg("-C").arg(format!("metadata={module}"));
        unit.arg("--extern").arg(format!("{}={}", roots::APP, compiled.display()));
        unit.arg(&root.path);
        Ok((unit, symbol))
    }

    /// Where the library of a page goes.
    fn page_library(&self, page: &Page, build: &str) -> PathBuf {
        let module = plain_module(page);
        let name = format!("libnova_page-{module}-{build}{}", std::env::consts::DLL_SUFFIX);
        self.folder().join("libraries").join(name)
    }

    fn app_unit(&self, part: &RouteTree) -> io::Result<Unit> {
        let mirror = self.folder().join("root");
        let root = roots::app(&self.project, part, &mirror)?;
        let mut unit = self.unit(root.origins);
        unit.args(["-C", "metadata=nova_app"]).args(&self.flags.link);
        if self.image.outline != self.image.library {
            // It has no symbol for which the linker would write down that the image is needed.
            let outline = self.image.outline.display().to_string();
            for argument in ["-Wl,--push-state,--no-as-needed", &outline, "-Wl,--pop-state"] {
                unit.arg("-C").arg(format!("link-arg={argument}"));
            }
        }
        unit.arg(format!("--remap-path-prefix={}/={}", mirror.display(), self.shown_prefix()));
        unit.arg(&root.path);
        Ok(unit)
    }

    /// What all units have in common.
    fn unit(&self, origins: crate::crate_root::Origins) -> Unit {
        let call = &self.invocation.call;
        let mut unit = Unit::new(&self.flags.rustc, &call.dir, origins);
        let dir = self.project.dir();
        unit.app(dir).envs(self.environment.iter().cloned()).envs(&call.env);
        unit.args(["--crate-name", &self.crate_name]).args(&self.flags.common);
        unit.args(["-C", "prefer-dynamic", "-C", "embed-bitcode=no"]);
        // The object files that it makes on its way would lie where it runs: among the user's files.
        unit.arg("--out-dir").arg(self.folder().join("objects"));
        unit.arg(format!("--remap-path-prefix={}/={}", dir.display(), self.shown_prefix()));
        unit.arg("-L").arg(format!("dependency={}", self.image.crates_folder().display()));
        let folders = self.local_crates().filter_map(Path::parent);
        for folder in folders.collect::<BTreeSet<_>>() {
            unit.arg("-L").arg(format!("dependency={}", folder.display()));
        }
        unit.arg("--extern").arg(format!("{}={}", roots::SYS, self.image.outline.display()));
        for one in &self.externs {
            unit.arg("--extern").arg(one.argument());
        }
        unit
    }

    /// The way from where the compiler runs to the app, as cargo would show it.
    fn shown_prefix(&self) -> String {
        match self.project.dir().strip_prefix(&self.invocation.call.dir) {
            Ok(path) if !path.as_os_str().is_empty() => format!("{}/", path.display()),
            _ => String::new(),
        }
    }
}

/// A page's module, as it can be part of other names.
fn plain_module(page: &Page) -> &str {
    page.module.trim_start_matches("r#")
}

fn has_script(project: &Project) -> bool {
    project.dir().join("build.rs").is_file()
}

fn remember(memory: &Path, invocation: &Invocation) -> io::Result<()> {
    write_atomically(memory, &serde_json::to_vec(invocation)?)
}
