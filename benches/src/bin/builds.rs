//! How long the first builds of an app take, and where the seconds go: the image of `nova dev`,
//! `nova build` and `nova build --aot`, each with nothing that an earlier one has left.
//!
//! `cargo run --release -p nova-benches --bin builds [-- [--nova PROGRAM] dev|build|aot …]`: all three, or
//! those that are named; by a `nova` that is built before them, or by one that is there. The app is a new one,
//! of the template `starter`. What crates.io gives is downloaded before. Seconds of the clock depend on what
//! else the machine does; those of CPU less. This program is the `rustc-wrapper` of its builds, which is how it
//! knows what each crate takes; it adds some milliseconds to each.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nova_benches::cpu::used_ns_of_tree;
use nova_benches::server::{first_answer, free_address};
use nova_tests::client::Failure;
use nova_tests::workspace::binary;
use tokio::process::Command;

/// Names the file in which each call of the compiler leaves a line.
const NOTES: &str = "NOVA_BENCH_NOTES";

/// The name of the app.
const APP: &str = "nova-cold";

/// Crates that are shown by name; the others are one row.
const SHOWN: usize = 24;

/// A build that is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dev,
    Build,
    Aot,
}

/// What the command line asks for.
struct Options {
    nova: Option<PathBuf>,
    wanted: Vec<Kind>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self { nova: None, wanted: Vec::new() };
        while let Some(argument) = arguments.next() {
            match &*argument {
                "--nova" => {
                    let program = arguments.next().ok_or("--nova needs a program")?;
                    options.nova = Some(program.into());
                }
                "dev" => options.wanted.push(Kind::Dev),
                "build" => options.wanted.push(Kind::Build),
                "aot" => options.wanted.push(Kind::Aot),
                other => return Err(format!("`{other}` is none of dev, build, aot, --nova").into()),
            }
        }
        if options.wanted.is_empty() {
            options.wanted = vec![Kind::Dev, Kind::Build, Kind::Aot];
        }
        Ok(options)
    }
}

/// What one build took.
struct Cold {
    name: &'static str,
    /// To the end: the first 200 of `nova dev`, the release.
    wall: Duration,
    /// Seconds to the end of the last dependency.
    dependencies: f64,
    /// Seconds of CPU by package, the app's included.
    packages: BTreeMap<String, f64>,
    /// How often a compiler ran.
    calls: usize,
}

fn main() -> Result<ExitCode, Failure> {
    if let Some(notes) = std::env::var_os(NOTES) {
        return Ok(wrap(Path::new(&notes))?);
    }
    tokio::runtime::Runtime::new()?.block_on(measure())?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the compiler that cargo wants, and notes what it took.
fn wrap(notes: &Path) -> std::io::Result<ExitCode> {
    let argv: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut compiler = std::process::Command::new(&argv[0]);
    let status = compiler.args(&argv[1..]).status()?;
    if argv.iter().any(|argument| argument == "--crate-name") {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let seconds = used_ns_of_tree(std::process::id()) as f64 / 1e9;
        // What asks only for the compiler's settings has no package.
        let name = format!("{} {}", variable("CARGO_PKG_NAME"), variable("CARGO_PKG_VERSION"));
        let ended = since_epoch();
        let mut file = OpenOptions::new().append(true).create(true).open(notes)?;
        // One write: the compilers of several crates end at the same time.
        file.write_all(format!("{seconds:.2} {ended:.2} {name}\n").as_bytes())?;
    }
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

fn since_epoch() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

async fn measure() -> Result<(), Failure> {
    let Options { nova, wanted } = Options::read(std::env::args().skip(1))?;
    let nova = match nova {
        Some(nova) => std::path::absolute(nova)?,
        None => binary("nova").await,
    };
    let folder = tempfile::tempdir()?;
    let app = folder.path().join(APP);
    run(Command::new(&nova).args(["new", "--template", "starter", "--no-git"]).arg(&app)).await?;
    run(Command::new("cargo").args(["fetch", "--quiet"]).current_dir(&app)).await?;

    let mut builds = Vec::new();
    for kind in wanted {
        builds.push(match kind {
            Kind::Dev => dev(&nova, &app).await?,
            Kind::Build => build("`nova build`", &nova, &app, &["build"]).await?,
            Kind::Aot => build("`nova build --aot`", &nova, &app, &["build", "--aot"]).await?,
        });
    }
    print(&builds);
    Ok(())
}

/// The tables.
fn print(builds: &[Cold]) {
    println!("| cold | s | to the last dependency, s | CPU of compilers, s | their calls |");
    println!("|---|---|---|---|---|");
    for Cold { name, wall, dependencies, packages, calls } in builds {
        let wall = wall.as_secs_f64();
        let cpu: f64 = packages.values().sum();
        println!("| {name} | {wall:.1} | {dependencies:.1} | {cpu:.1} | {calls} |");
    }

    let cells =
        |cell: &dyn Fn(&Cold) -> String| builds.iter().map(cell).collect::<Vec<_>>().join(" | ");
    println!("\n| CPU of compilers, s | {} |", cells(&|cold| cold.name.to_owned()));
    println!("|---{}|", "|---".repeat(builds.len()));
    let all: BTreeMap<&String, f64> = builds.iter().flat_map(|it| &it.packages).fold(
        BTreeMap::new(),
        |mut all, (package, seconds)| {
            *all.entry(package).or_default() += seconds;
            all
        },
    );
    let mut order: Vec<_> = all.into_iter().collect();
    order.sort_by(|one, other| other.1.total_cmp(&one.1));
    let (shown, rest) = order.split_at(SHOWN.min(order.len()));
    let row = |packages: &[(&String, f64)]| {
        let of_build = |cold: &Cold| {
            let seconds = packages.iter().filter_map(|(package, _)| cold.packages.get(*package));
            format!("{:.1}", seconds.sum::<f64>())
        };
        cells(&of_build)
    };
    for package in shown {
        println!("| {} | {} |", package.0, row(std::slice::from_ref(package)));
    }
    println!("| {} others | {} |", rest.len(), row(rest));
}

/// `nova dev`, to the first 200 of `/`: image, app library and one page.
async fn dev(nova: &Path, app: &Path) -> Result<Cold, Failure> {
    let cold = Folders::empty(app)?;
    let address = free_address()?;
    let mut command = Command::new(nova);
    command.args(["dev", "--quiet", "--port", &address.port().to_string()]);
    cold.give(command.current_dir(app))?;
    let began = since_epoch();
    let answered = first_answer(command, address, "/", Duration::from_millis(5)).await?;
    cold.taken("`nova dev`, to the first page", began, Duration::from_secs_f64(answered / 1000.0))
}

async fn build(
    name: &'static str,
    nova: &Path,
    app: &Path,
    arguments: &[&str],
) -> Result<Cold, Failure> {
    let cold = Folders::empty(app)?;
    let mut command = Command::new(nova);
    cold.give(command.args(arguments).current_dir(app))?;
    let (began, clock) = (since_epoch(), Instant::now());
    run(command.stdout(Stdio::null())).await?;
    cold.taken(name, began, clock.elapsed())
}

async fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().await?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed: {status}").into()) }
}

/// The folders of a build that has nothing from before.
struct Folders {
    folder: tempfile::TempDir,
    notes: PathBuf,
}

impl Folders {
    fn empty(app: &Path) -> Result<Self, Failure> {
        for left in [".nova", "build"].map(|name| app.join(name)) {
            if left.exists() {
                std::fs::remove_dir_all(left)?;
            }
        }
        let folder = tempfile::tempdir()?;
        let notes = folder.path().join("notes");
        Ok(Self { folder, notes })
    }

    fn give(&self, command: &mut Command) -> Result<(), Failure> {
        command
            .env(NOTES, &self.notes)
            .env("RUSTC_WRAPPER", std::env::current_exe()?)
            .env("NOVA_CACHE_DIR", self.folder.path().join("cache"))
            .env("CARGO_TARGET_DIR", self.folder.path().join("target"));
        Ok(())
    }

    /// What was noted since `began`, in seconds since the epoch.
    fn taken(&self, name: &'static str, began: f64, wall: Duration) -> Result<Cold, Failure> {
        let notes = std::fs::read_to_string(&self.notes)?;
        let mut cold = Cold { name, wall, dependencies: 0.0, packages: BTreeMap::new(), calls: 0 };
        for line in notes.lines() {
            let parts: Vec<&str> = line.splitn(3, ' ').collect();
            let [seconds, ended, package] = parts[..] else {
                return Err(format!("not a note: {line}").into());
            };
            cold.calls += 1;
            *cold.packages.entry(package.to_owned()).or_default() += seconds.parse::<f64>()?;
            if !package.starts_with(APP) {
                cold.dependencies = cold.dependencies.max(ended.parse::<f64>()? - began);
            }
        }
        Ok(cold)
    }
}
