//! Building what is compared: the peers with cargo, the app with `nova build`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nova_tests::client::Failure;
use nova_tests::workspace::{apps, binary, root};
use tokio::process::Command;

use crate::options::Options;
use crate::server::{Can, Kind, servers};
use crate::workload::How;

/// How many routes the other release has, where releases are swapped.
pub(crate) const OTHER_ROUTES: usize = 50;

/// The size of the public file.
const FILE_BYTES: usize = 100 * 1024;

/// Everything that has been built.
pub(crate) struct Builds {
    /// `target/peers`: programs, apps, and what `benches/peers/setup` has installed.
    pub(crate) folder: PathBuf,
    /// The host that serves the releases, if not their own.
    pub(crate) nova_host: Option<PathBuf>,
}

/// An app of Nova.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum App {
    /// The pages of `benches/peers/nova`, and so many more.
    Pages(usize),
    /// `benches/peers/nova-db`.
    Rows,
}

/// The files of an app by their paths.
type Files = BTreeMap<PathBuf, Vec<u8>>;

impl Builds {
    /// Builds what these workloads need, as far as it has changed.
    pub(crate) async fn make(options: &Options) -> Result<Self, Failure> {
        let folder = apps().with_file_name("peers");
        let builds = Self { folder, nova_host: options.nova_host.clone() };
        write(&builds.public().join("static/100k.bin"), &public_file())?;
        let workloads = options.workloads();
        let needs_peers = workloads.iter().any(|workload| {
            let mut all = servers(workload.needs);
            all.any(|server| server.kind == Kind::Rust && options.wants(server.name))
        });
        let needs_rows = workloads.iter().any(|workload| workload.needs == Can::Rows);
        if needs_peers || needs_rows {
            builds.peers().await?;
        }
        if needs_rows {
            let mut command = Command::new(builds.program("seed"));
            succeed(command.arg(builds.database())).await?;
        }
        let nova = match &options.nova {
            Some(program) => program.clone(),
            None => binary("nova").await,
        };
        let mut apps: Vec<App> = workloads.iter().map(|it| App::of(it)).collect();
        if workloads.iter().any(|workload| matches!(workload.how, How::Swap(_))) {
            apps.push(App::Pages(OTHER_ROUTES));
        }
        apps.sort();
        apps.dedup();
        for app in apps {
            builds.release(app, &nova).await?;
        }
        Ok(builds)
    }

    /// The folder of public files, for servers that are told one.
    pub(crate) fn public(&self) -> PathBuf {
        self.folder.join("public")
    }

    /// The database for servers that read one.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("people.db")
    }

    /// A program of `benches/peers`.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("release").join(name)
    }

    /// The release of an app.
    pub(crate) fn built(&self, app: App) -> PathBuf {
        self.app(app).join("build")
    }

    fn app(&self, app: App) -> PathBuf {
        self.folder.join("apps").join(app.package())
    }

    async fn peers(&self) -> Result<(), Failure> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--release", "--locked", "--target-dir"]).arg(&self.folder);
        succeed(command.current_dir(root().join("benches/peers"))).await
    }

    async fn release(&self, app: App, nova: &Path) -> Result<(), Failure> {
        let folder = self.app(app);
        lay_out(&app.files(self)?, &folder)?;
        let mut command = Command::new(nova);
        command.arg("build").env("CARGO_TARGET_DIR", apps());
        succeed(command.current_dir(folder).stdout(Stdio::null())).await
    }
}

impl App {
    /// The app that answers a workload.
    pub(crate) fn of(workload: &crate::workload::Workload) -> Self {
        if workload.needs == Can::Rows { Self::Rows } else { Self::Pages(workload.routes()) }
    }

    /// Its folder in `benches/peers`.
    fn source(self) -> PathBuf {
        let name = if self == Self::Rows { "nova-db" } else { "nova" };
        root().join("benches/peers").join(name)
    }

    /// A package of its own, because all are compiled into one target folder.
    fn package(self) -> String {
        match self {
            Self::Rows => "bench-peers-nova-db".to_owned(),
            Self::Pages(routes) => format!("bench-peers-nova-{routes}"),
        }
    }

    /// What is in it.
    fn files(self, builds: &Builds) -> Result<Files, Failure> {
        let mut files = Files::new();
        read(&self.source(), Path::new(""), &mut files)?;
        let sdk = root().join("plugin-sdk").display().to_string();
        for (file, from, to) in [
            ("Cargo.toml", "../../../plugin-sdk", sdk.as_str()),
            ("Cargo.toml", "name = \"bench-peers-nova\"", &format!("name = {:?}", self.package())),
            ("Cargo.lock", "name = \"bench-peers-nova\"", &format!("name = {:?}", self.package())),
        ] {
            let text = files.get_mut(Path::new(file)).ok_or("an app has a manifest and a lock")?;
            *text = str::from_utf8(text)?.replace(from, to).into_bytes();
        }
        if let Self::Pages(routes) = self {
            let file = fs::read(builds.public().join("static/100k.bin"))?;
            files.insert("public/static/100k.bin".into(), file);
            for number in 0..routes {
                let path = format!("pages/s{}/p{number}/[id].rs", number / 50);
                let page = ROUTE.replace("NUMBER", &number.to_string());
                files.insert(path.into(), page.into_bytes());
            }
        }
        Ok(files)
    }
}

/// One of the routes that there are more of.
const ROUTE: &str = r#"//! Route NUMBER.

use nova::prelude::*;

pub fn get(Path(id): Path<u64>) -> String {
    format!("route NUMBER, {id}")
}
"#;

/// Bytes that do not compress, the same ones each time.
fn public_file() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(100);
    std::iter::repeat_with(|| random.u8(..)).take(FILE_BYTES).collect()
}

/// The files below a folder, without what was built there.
fn read(root: &Path, below: &Path, files: &mut Files) -> Result<(), Failure> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let is_built = ["build", "target", ".nova"].iter().any(|name| entry.file_name() == *name);
        if is_built {
            continue;
        }
        if entry.file_type()?.is_dir() {
            read(root, &path, files)?;
        } else {
            files.insert(path.clone(), fs::read(root.join(&path))?);
        }
    }
    Ok(())
}

/// Makes `folder` hold these files and no others, and leaves alone what is there already: cargo goes
/// by the times of files. `lib.rs` is kept in step by `nova`.
fn lay_out(files: &Files, folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    let mut there = Files::new();
    read(folder, Path::new(""), &mut there)?;
    for path in there.keys().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(folder.join(path))?;
    }
    for (path, content) in files {
        if !(path == Path::new("lib.rs") && there.contains_key(path)) {
            write(&folder.join(path), content)?;
        }
    }
    Ok(())
}

/// Writes a file, unless it is that already.
fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, content)?)
}

/// Runs a command, which has to succeed.
async fn succeed(command: &mut Command) -> Result<(), Failure> {
    let status = command.stdin(Stdio::null()).status().await?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{:?} ended with {status}", command.as_std()).into())
}
