//! Instructions for each request: the production host with its log and without, hyper and axum beside
//! it with the same answers; and the stages of the host's, held to a budget.
//!
//! ```text
//! cargo build --profile profiling -p nova-host -p nova-bench-app -p nova-benches --bins
//! cargo run --profile profiling -p nova-benches --bin instructions
//! ```
//!
//! It needs valgrind. It is run by hand, not by CI: what it counts is the release, whose build
//! takes ten minutes there; the counting itself takes one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Parser as _;
use nova_bench_app::content::ORDER;
use nova_benches::callgrind::{Counted, Profile, Workload};
use nova_host::library::loader::BuildId;
use nova_tests::client::Failure;
use nova_tests::workspace::root;

/// How many requests are counted.
const REQUESTS: u32 = 300;

/// How far a stage may be above its budget.
const MARGIN: f64 = 1.03;

/// Less than this is the noise of threads that wake each other, or find each other awake; of all stages
/// together it is nothing.
const NOISE: f64 = 250.0;

const WORKLOADS: [Workload; 7] = [
    get("text", "/text", 200),
    get("json", "/json/42", 200),
    get("html", "/hello/ada", 200),
    get("page", "/catalog/page", 200),
    Workload { name: "post", path: "/order", body: ORDER, status: 200 },
    get("file", "/100k.bin", 200),
    get("none", "/no/such/page", 404),
];

const fn get(name: &'static str, path: &'static str, status: u16) -> Workload {
    Workload { name, path, body: b"", status }
}

/// Counts instructions for each request, and holds the host to its budget.
#[derive(clap::Parser)]
struct Options {
    /// Which requests to count; all of them by default.
    workloads: Vec<String>,
    /// Writes what is counted to benches/instructions.json, as the budget from now on.
    #[arg(long, conflicts_with = "workloads")]
    bless: bool,
    /// Keeps what callgrind writes in this folder, for `callgrind_annotate`.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Options {
    fn wants(&self, workload: &str) -> bool {
        self.workloads.is_empty() || self.workloads.iter().any(|it| it == workload)
    }
}

/// By workload and server, what each stage may cost.
type Budget = BTreeMap<String, BTreeMap<String, u64>>;

/// What is counted.
struct Subject {
    name: &'static str,
    program: PathBuf,
    args: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    write_release(folder.path())?;
    let dumps = options.keep.as_deref().unwrap_or(folder.path());
    std::fs::create_dir_all(dumps)?;
    let workloads: Vec<&Workload> = WORKLOADS.iter().filter(|it| options.wants(it.name)).collect();
    let mut budget = Budget::new();
    let mut table = Vec::new();
    for Subject { name, program, args } in subjects(folder.path())? {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let public = folder.path().join("public");
        let environment = [("NOVA_BENCH_PUBLIC", public.as_path())];
        let dumps = dumps.join(name.replace(", ", "-"));
        let mut server = Counted::start(&program, &args, &environment, dumps).await?;
        let mut row = Vec::new();
        for workload in &workloads {
            let profile = server.count(workload, REQUESTS).await?;
            if name.starts_with("nova") {
                budget.insert(format!("{}, {name}", workload.name), rounded(&profile));
            }
            row.push(profile);
        }
        table.push((name, row));
    }
    let names: Vec<&str> = workloads.iter().map(|it| it.name).collect();
    print_table(&names, &table);
    print_stages(&table);
    let file = root().join("benches/instructions.json");
    if options.bless {
        std::fs::write(&file, serde_json::to_string_pretty(&budget)? + "\n")?;
        return Ok(());
    }
    let kept: Budget = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    let exceeded = exceeded(&kept, &budget);
    for line in &exceeded {
        eprintln!("{line}");
    }
    if exceeded.is_empty() { Ok(()) } else { Err("the budget is exceeded".into()) }
}

/// A release as `nova build` makes it: the library, a public file, the manifest.
fn write_release(folder: &Path) -> Result<(), Failure> {
    let library = std::fs::read(beside("libnova_bench_app.so")?)?;
    std::fs::write(folder.join("libnova_routes.so"), &library)?;
    std::fs::create_dir(folder.join("public"))?;
    std::fs::write(folder.join("public/100k.bin"), vec![b'x'; 100 * 1024])?;
    let manifest = serde_json::json!({ "build_id": BuildId::of(&library).as_str() });
    std::fs::write(folder.join("manifest.json"), manifest.to_string())?;
    Ok(())
}

fn beside(name: &str) -> std::io::Result<PathBuf> {
    std::env::current_exe().map(|it| it.with_file_name(name))
}

fn subjects(release: &Path) -> Result<Vec<Subject>, Failure> {
    let release = release.display().to_string();
    let host = ["--routes", &release, "--port", "0", "--no-admin"];
    let quiet = [&host[..], &["--no-access-log"]].concat();
    let subject = |name, program, args: &[&str]| {
        let args = args.iter().map(|it| (*it).to_owned()).collect();
        beside(program).map(|program| Subject { name, program, args })
    };
    Ok(vec![
        subject("hyper", "serve", &["hyper"])?,
        subject("hyper-single", "serve", &["hyper-single"])?,
        subject("axum", "serve", &["axum"])?,
        subject("nova", "nova-host", &host)?,
        subject("nova, no log", "nova-host", &quiet)?,
    ])
}

fn print_table(workloads: &[&str], table: &[(&str, Vec<Profile>)]) {
    println!("instructions for each request; in brackets, times hyper's");
    print!("{:<14}", "");
    for workload in workloads {
        print!("{workload:>16}");
    }
    println!();
    let Some((_, least)) = table.first() else { return };
    for (name, row) in table {
        print!("{name:<14}");
        for (profile, least) in row.iter().zip(least) {
            print!("{:>9.0} ({:4.2})", profile.total, profile.total / least.total);
        }
        println!();
    }
}

fn print_stages(table: &[(&str, Vec<Profile>)]) {
    for (name, row) in table {
        println!("\n{name}, by stage");
        let stages: BTreeSet<_> = row.iter().flat_map(|profile| profile.stages.keys()).collect();
        for stage in stages {
            print!("  {stage:<12}");
            for profile in row {
                print!("{:>9.0}       ", profile.stages.get(*stage).copied().unwrap_or(0.0));
            }
            println!();
        }
    }
}

fn rounded(profile: &Profile) -> BTreeMap<String, u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
    let round = |cost: f64| cost.round() as u64;
    let stages = profile.stages.iter().map(|(stage, cost)| ((*stage).to_owned(), round(*cost)));
    stages.chain([("total".to_owned(), round(profile.total))]).collect()
}

/// What is above its budget.
fn exceeded(kept: &Budget, measured: &Budget) -> Vec<String> {
    let mut lines = Vec::new();
    for (request, stages) in measured {
        for (stage, cost) in stages {
            let budget = kept.get(request).and_then(|it| it.get(stage)).copied().unwrap_or(0);
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let (cost, budget) = (*cost as f64, budget as f64);
            let noise = if stage == "total" { 0.0 } else { NOISE };
            if cost > budget * MARGIN + noise {
                lines.push(format!("{request}: {stage}: {cost}, and {budget} are allowed"));
            }
        }
    }
    lines
}
