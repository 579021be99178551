//! The package of a program that has an app's routes, its files and the host linked into it.
//!
//! ```text
//! .nova/static/            a workspace of its own, with the app's profiles
//! ├── Cargo.toml
//! ├── main.rs              the release's files, and the call of the host
//! └── host/                nova-host, less its command line; the SDK is the app's
//! ```

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use crate::files::write_atomically;
use crate::project::Project;
use crate::release::manifest::Manifest;
use crate::scaffold::vendor;
use crate::scaffold::workspace::root_manifest;

/// What goes into a program.
#[derive(Debug, Clone)]
pub struct Program<'a> {
    /// The sources of nova-host, by their paths in its folder; `Cargo.toml` is one of them.
    pub host: Vec<(String, Vec<u8>)>,
    /// The folder of the SDK that the app was built with.
    pub sdk: &'a Path,
    /// The folder of the release.
    pub release: &'a Path,
    /// The files to put into it, by their paths in the release.
    pub files: &'a [String],
    /// The release's manifest.
    pub manifest: &'a Manifest,
}

/// Why a program cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// A file cannot be read or written.
    #[error("{} cannot be {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The host and the SDK have to be of one version.
    #[error(
        "the app's SDK ({}) is version {found}, and this `nova` is {own}: a program holds both, so \
         they must be the same; `nova upgrade` brings the app up to date", .sdk.display()
    )]
    Version {
        /// The SDK.
        sdk: PathBuf,
        /// Its version.
        found: String,
        /// The version of this program.
        own: &'static str,
    },
    /// The app's manifest cannot be read.
    #[error("{}: {message}", .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

impl Program<'_> {
    /// Writes the package into `folder`, below the app's; gives back its manifest. What is the same
    /// already is not written, so that cargo compiles nothing anew because of it.
    ///
    /// # Errors
    /// If a file cannot be read or written, or the SDK is of another version.
    pub fn write(&self, project: &Project, folder: &Path) -> Result<PathBuf, ProgramError> {
        let (own, found) = (env!("CARGO_PKG_VERSION"), &self.manifest.sdk);
        if found != own {
            return Err(ProgramError::Version { sdk: self.sdk.into(), found: found.clone(), own });
        }
        for (path, text) in &self.host {
            let place = folder.join("host").join(path);
            match path.as_str() {
                "Cargo.toml" => put(&place, vendor::host_manifest(text, self.sdk).as_bytes())?,
                _ => put(&place, text)?,
            }
        }
        put(&folder.join("main.rs"), self.main().as_bytes())?;
        // The app's versions of what the app uses; cargo adds what the host needs.
        let lock = folder.join("Cargo.lock");
        if !lock.exists()
            && let Ok(known) =
                std::fs::read(root_manifest(project.dir()).with_file_name("Cargo.lock"))
        {
            put(&lock, &known)?;
        }
        let manifest = folder.join("Cargo.toml");
        put(&manifest, self.package(project)?.as_bytes())?;
        Ok(manifest)
    }

    fn main(&self) -> String {
        let mut text = String::from(
            "// Written by `nova build --static`.\n\nuse nova_host::{LinkedRelease, main_linked};\n\n\
             static FILES: &[(&str, &[u8])] = &[\n",
        );
        for file in self.files {
            let place = self.release.join(file);
            let _ = writeln!(text, "    ({file:?}, include_bytes!({place:?})),");
        }
        let Manifest { app, build_id, .. } = self.manifest;
        let app = format!("{} {}", app.name, app.version);
        let fields = [
            ("library", "app::nova_library()".to_owned()),
            ("app", format!("{app:?}")),
            ("build_id", format!("{build_id:?}")),
            ("files", "FILES".to_owned()),
        ];
        text.push_str(
            "];\n\nfn main() -> std::process::ExitCode {\n    main_linked(LinkedRelease {\n",
        );
        for (name, value) in fields {
            let _ = writeln!(text, "        {name}: {value},");
        }
        text.push_str("    })\n}\n");
        text
    }

    /// The manifest of the package, with the profiles and patches of the app's workspace.
    fn package(&self, project: &Project) -> Result<String, ProgramError> {
        let path = root_manifest(project.dir());
        let text = std::fs::read_to_string(&path).map_err(|source| ProgramError::Io {
            path: path.clone(),
            action: "read",
            source,
        })?;
        let root: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
            ProgramError::Manifest { path, message: error.to_string() }
        })?;
        let mut manifest = DocumentMut::new();
        let mut package = Table::new();
        package["name"] = value(format!("{}-static", project.name()));
        package["version"] = value(&self.manifest.app.version);
        package["edition"] = value("2024");
        package["publish"] = value(false);
        manifest["package"] = Item::Table(package);
        let mut program = Table::new();
        program["name"] = value(project.name());
        program["path"] = value("main.rs");
        let mut programs = toml_edit::ArrayOfTables::new();
        programs.push(program);
        manifest["bin"] = Item::ArrayOfTables(programs);
        let mut app = InlineTable::new();
        app.insert("package", project.name().into());
        app.insert("path", project.dir().display().to_string().into());
        let mut host = InlineTable::new();
        host.insert("path", "host".into());
        let mut dependencies = Table::new();
        dependencies["app"] = value(app);
        dependencies["nova-host"] = value(host);
        manifest["dependencies"] = Item::Table(dependencies);
        manifest["workspace"] = Item::Table(Table::new());
        for inherited in ["profile", "patch"] {
            if let Some(item) = root.get(inherited) {
                manifest[inherited] = item.clone();
            }
        }
        Ok(format!("# Written by `nova build --static`.\n\n{manifest}"))
    }
}

fn put(path: &Path, content: &[u8]) -> Result<(), ProgramError> {
    if std::fs::read(path).is_ok_and(|found| found == content) {
        return Ok(());
    }
    write_atomically(path, content).map_err(|source| ProgramError::Io {
        path: path.to_owned(),
        action: "written",
        source,
    })
}
