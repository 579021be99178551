//! How each part of an app is compiled: the calls of the compiler for the app library, for a
//! page, and for a trial whether they fit together.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cargo::build::Event;
use crate::cargo::error::CargoError;
use crate::cargo::process::Stopper;
use crate::codegen::crate_root::Origins;
use crate::digest::sha256;
use crate::parts::allocator::chooses_allocator;
use crate::parts::cache_keys::CacheKeys;
use crate::parts::capture;
use crate::parts::error::PartsError;
use crate::parts::flags::{Extern, Flags};
use crate::parts::image::SysImage;
use crate::parts::image_cache::ImageCache;
use crate::parts::invocation::Invocation;
use crate::parts::package_env;
use crate::parts::roots;
use crate::parts::toolchain::Toolchain;
use crate::parts::unit::{Incremental, Product, ProductKind, Unit};
use crate::project::Project;
use crate::routes::route::Page;
use crate::routes::tree::RouteTree;

/// Where the parts are kept, from the app's folder.
const FOLDER: &str = ".nova/parts";

/// Crates that gather what is registered all over a program: by the linker, or when it starts.
const REGISTRIES: [&str; 2] = ["inventory", "linkme"];

/// Whether the app may be in parts, as far as its dependencies decide about it.
fn check_crates(image: &SysImage) -> Result<(), PartsError> {
    if chooses_allocator(&image.library) {
        return Err(PartsError::Allocator);
    }
    match REGISTRIES.into_iter().find(|name| image.has_crate(name)) {
        Some(name) => Err(PartsError::Registry(name)),
        None => Ok(()),
    }
}

/// An app whose parts can be compiled.
#[derive(Debug, Clone)]
pub struct PartsCompiler {
    project: Project,
    crate_name: String,
    image: SysImage,
    invocation: Invocation,
    flags: Flags,
    externs: Vec<Extern>,
    environment: Vec<(OsString, OsString)>,
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

impl PartsCompiler {
    /// Finds the sys image that fits the app, or lets cargo build what it needs.
    ///
    /// `program` is the executable whose `main` calls [`wrapper_main`](crate::parts::wrapper_main);
    /// cargo and the compiler see `environment` besides the variables of this process. `on_start`
    /// gets a handle on cargo, should it have to run, and `on_event` what it says.
    ///
    /// # Errors
    /// If cargo cannot build what the app depends on, or if the app cannot be compiled in parts.
    pub fn open(
        project: &Project,
        cache: &ImageCache,
        program: &Path,
        environment: &[(OsString, OsString)],
        on_start: impl FnOnce(Stopper),
        on_event: impl FnMut(Event),
    ) -> Result<Self, PartsError> {
        let folder = project.dir().join(FOLDER);
        let io = |what| move |source| PartsError::Io { what, source };
        std::fs::create_dir_all(&folder).map_err(io("the folder .nova/parts"))?;
        let toolchain = Toolchain::find(project.dir(), &folder.join("toolchain.json"))
            .map_err(io("the Rust compiler"))?;
        let keys = CacheKeys::read(project, &toolchain).map_err(io("the app's manifest"))?;
        let crate_name = package_env::crate_name(&keys.manifest, project.name());
        let memory = folder.join("invocation.json");

        if let Some(image) = SysImage::read(&cache.image(&keys.image))
            && let Some(invocation) = Invocation::recall(&memory, &keys, &image, project)
        {
            check_crates(&image)?;
            return Self::new(project.clone(), crate_name, image, invocation, environment);
        }
        cache.prepare().map_err(|(folder, source)| PartsError::Cache { folder, source })?;
        let file = folder.join("call.json");
        let capture = capture::capture(project, &crate_name, program, &file, environment)?;
        on_start(capture.stopper());
        let captured = match capture.wait(on_event) {
            Err(CargoError::NotCaptured { .. }) => return Err(PartsError::NotCaptured),
            captured => captured?,
        };
        // cargo may have written the lock file.
        let keys = CacheKeys::read(project, &toolchain).map_err(io("the app's manifest"))?;
        let place = cache.image(&keys.image);
        let image = match SysImage::read(&place) {
            Some(image) => image,
            None => SysImage::build(&captured, &toolchain, &place).map_err(PartsError::Image)?,
        };
        check_crates(&image)?;
        let invocation = Invocation::of(keys.app, captured);
        invocation.remember(&memory).map_err(io("the folder .nova/parts"))?;
        Self::new(project.clone(), crate_name, image, invocation, environment)
    }

    pub(super) fn new(
        project: Project,
        crate_name: String,
        image: SysImage,
        invocation: Invocation,
        environment: &[(OsString, OsString)],
    ) -> Result<Self, PartsError> {
        let flags = Flags::of(&invocation.call);
        if flags.aborts {
            return Err(PartsError::Unfit(
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
    pub fn image(&self) -> &SysImage {
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
        let keys = toolchain.and_then(|toolchain| CacheKeys::read(&self.project, &toolchain));
        keys.is_ok_and(|keys| keys.app == self.invocation.key)
    }

    /// Whether only cargo knows what a change of a file that is not a page leads to.
    pub fn has_build_script(&self) -> bool {
        has_script(&self.project)
    }

    /// Whether the app says how, with what or for which machine it is linked.
    pub(super) fn chooses_linker(&self) -> bool {
        self.flags.chooses_linker()
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
        let part = with_pages(tree, inside);
        let name = format!("libnova_app-{build}{}", std::env::consts::DLL_SUFFIX);
        let library = self.folder().join("libraries").join(&name);
        std::fs::create_dir_all(self.folder().join("libraries"))?;
        let folder = self.folder().join("incremental/app");
        let product = Product {
            kind: ProductKind::Library,
            file: library.clone(),
            incremental: Some(Incremental { folder, codegen_units: 64 }),
            early_metadata: Some(self.app_metadata()),
        };
        // The name by which pages need it; rustc would take that of the file that it writes.
        let soname = format!("link-arg=-Wl,-soname,{name}");
        let unit = self.app_unit(&part, &["--crate-type", "dylib", "-C", &soname], product)?;
        let has_pages = !part.page_modules().is_empty();
        Ok((unit, AppLibrary { library, build: build.to_owned(), has_pages }))
    }

    /// Checks whether the app library would compile with the pages in `inside`.
    ///
    /// # Errors
    /// If its crate root cannot be written.
    pub fn check(&self, tree: &RouteTree, inside: &BTreeSet<String>) -> io::Result<Unit> {
        let folder = self.folder().join("incremental/check");
        let product = Product {
            kind: ProductKind::Metadata,
            file: self.folder().join("libcheck.rmeta"),
            incremental: Some(Incremental { folder, codegen_units: 16 }),
            early_metadata: None,
        };
        self.app_unit(&with_pages(tree, inside), &["--crate-type", "lib"], product)
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
        let mut product = Product::new(ProductKind::Library, self.page_library(page, build));
        if incremental {
            let folder = format!("incremental/page-{}", plain_module(page));
            let folder = self.folder().join(folder);
            product.incremental = Some(Incremental { folder, codegen_units: 16 });
        }
        self.page_unit(&app.library, app, tree, page, "cdylib", product)
    }

    /// The compilation of one page against `compiled`, which is the app library or its metadata.
    pub(super) fn page_unit(
        &self,
        compiled: &Path,
        app: &AppLibrary,
        tree: &RouteTree,
        page: &Page,
        crate_type: &str,
        product: Product,
    ) -> io::Result<PageUnit> {
        let module = plain_module(page);
        // Another name in each build would be another root, and more to compile.
        let symbol = format!("nova_page_{module}");
        let path = self.folder().join("pages").join(format!("{module}.rs"));
        let root = roots::page(&self.project, tree, page, &symbol, app.has_pages, path)?;
        let mut args = self.common_args();
        args.extend(self.flags.linker_choice().map(OsString::from));
        args.extend(["--crate-type".into(), crate_type.into()]);
        args.extend(["-C".into(), format!("metadata={module}").into()]);
        args.extend(["--extern".into(), format!("{}={}", roots::APP, compiled.display()).into()]);
        args.push(root.path.into());
        Ok(PageUnit { unit: self.unit(args, product, root.origins), symbol })
    }

    /// Where the library of a page goes.
    pub(super) fn page_library(&self, page: &Page, build: &str) -> PathBuf {
        let module = plain_module(page);
        let name = format!("libnova_page-{module}-{build}{}", std::env::consts::DLL_SUFFIX);
        self.folder().join("libraries").join(name)
    }

    /// Where the compiler writes the metadata of the app library.
    pub(super) fn app_metadata(&self) -> PathBuf {
        self.folder().join("incremental/libapp.rmeta")
    }

    fn app_unit(&self, part: &RouteTree, kind: &[&str], product: Product) -> io::Result<Unit> {
        let mirror = self.folder().join("root");
        let root = roots::app(&self.project, part, &mirror)?;
        let mut args = self.common_args();
        args.extend(kind.iter().map(OsString::from));
        args.extend(["-C".into(), "metadata=nova_app".into()]);
        args.extend(self.flags.link.iter().map(OsString::from));
        if self.image.outline != self.image.library {
            // It has no symbol for which the linker would write down that the image is needed.
            let outline = self.image.outline.display().to_string();
            for argument in ["-Wl,--push-state,--no-as-needed", &outline, "-Wl,--pop-state"] {
                args.extend(["-C".into(), format!("link-arg={argument}").into()]);
            }
        }
        let shown = self.shown_prefix();
        args.push(format!("--remap-path-prefix={}/={shown}", mirror.display()).into());
        args.push(root.path.into());
        Ok(self.unit(args, product, root.origins))
    }

    fn unit(&self, args: Vec<OsString>, product: Product, origins: Origins) -> Unit {
        let call = &self.invocation.call;
        let own = call.env.iter().map(|(name, value)| (name.into(), value.into()));
        Unit {
            rustc: self.flags.rustc.clone(),
            dir: call.dir.clone(),
            app: self.project.dir().to_owned(),
            args,
            env: self.environment.iter().cloned().chain(own).collect(),
            product,
            origins,
        }
    }

    /// What all units are told.
    fn common_args(&self) -> Vec<OsString> {
        let dir = self.project.dir();
        let mut args: Vec<OsString> = vec!["--crate-name".into(), self.crate_name.clone().into()];
        args.extend(self.flags.common.iter().map(OsString::from));
        args.extend(["-C", "prefer-dynamic", "-C", "embed-bitcode=no"].map(OsString::from));
        // The object files that it makes on its way would lie where it runs: among the user's files.
        args.extend(["--out-dir".into(), self.folder().join("objects").into()]);
        let shown = self.shown_prefix();
        args.push(format!("--remap-path-prefix={}/={shown}", dir.display()).into());
        let folders = self.local_crates().filter_map(Path::parent).collect::<BTreeSet<_>>();
        let image = self.image.crates_folder();
        for folder in std::iter::once(image.as_path()).chain(folders) {
            args.extend(["-L".into(), format!("dependency={}", folder.display()).into()]);
        }
        let sys = format!("{}={}", roots::SYS, self.image.outline.display());
        for one in std::iter::once(sys).chain(self.externs.iter().map(Extern::argument)) {
            args.extend(["--extern".into(), one.into()]);
        }
        args
    }

    /// The way from where the compiler runs to the app, as cargo would show it.
    fn shown_prefix(&self) -> String {
        match self.project.dir().strip_prefix(&self.invocation.call.dir) {
            Ok(path) if !path.as_os_str().is_empty() => format!("{}/", path.display()),
            _ => String::new(),
        }
    }
}

/// The tree with no more pages than these.
fn with_pages(tree: &RouteTree, files: &BTreeSet<String>) -> RouteTree {
    let mut part = tree.clone();
    part.pages.retain(|page| files.contains(&page.file));
    part
}

/// A page's module, as it can be part of other names.
fn plain_module(page: &Page) -> &str {
    page.module.trim_start_matches("r#")
}

fn has_script(project: &Project) -> bool {
    project.dir().join("build.rs").is_file()
}
