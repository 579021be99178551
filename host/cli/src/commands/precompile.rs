//! `nova precompile`: every route of a library, exercised.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nova_host::release::plan::{PLAN, Plan};
use nova_host::run::config::duration;
use nova_route_template::Project;

use super::{Outcome, block_on};
use crate::precompile::{
    Extent, Precompilation, PrecompileOrder, RequestOutcome, RequestReport, precompile,
};
use crate::terminal::style::{BAD, DIM, GOOD, size, took};
use crate::terminal::table::columns;

/// The name of the report in a release.
const REPORT: &str = "precompile-report.json";

/// Send the requests of a plan to a library, and see which fail
///
/// A request fails if its route panics, hangs, ends the process or answers 5xx. The plan is the precompile.json beside the library; without one it is made from the routes.
/// Requests that change something are sent, too: the library runs in an empty folder of its own
/// (NOVA_SCRATCH names it), and `init` of app.rs is told Purpose::Precompile.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The library, or the folder of its release
    #[arg(long, value_name = "LIB")]
    routes: PathBuf,
    /// The plan [default: precompile.json beside the library]
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// First add to the plan what the routes have and it lacks, and write it; edits stay
    #[arg(long)]
    update: bool,
    /// Send GET and HEAD alone, as before a swap, and run where this command runs
    #[arg(long)]
    read_only: bool,
    /// A folder of public files [default: the release's own]
    #[arg(long, value_name = "DIR")]
    public: Option<PathBuf>,
    /// The folder that the library runs in [default: an empty temporary one]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// How long an answer may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = duration)]
    limit: Duration,
    /// How long `init` of the app may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = duration)]
    init_timeout: Duration,
    /// Print JSON, for other programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    let absolute = |path: &Option<PathBuf>| path.as_ref().map(std::path::absolute).transpose();
    let source = std::path::absolute(&args.routes)?;
    let file = args.plan.clone().unwrap_or_else(|| plan_of(&source));
    let plan = Plan::read(&file)?;
    if plan.is_none() && args.plan.is_some() && !args.update {
        anyhow::bail!("{}: no such plan; --update makes it", file.display());
    }
    let order = PrecompileOrder {
        public: absolute(&args.public)?,
        scratch: absolute(&args.scratch)?,
        plan,
        generate: args.update,
        extent: if args.read_only { Extent::Reads } else { Extent::Everything },
        limit: args.limit,
        init_limit: args.init_timeout,
        ..PrecompileOrder::new(source)
    };
    let done = Exercise { took: Duration::ZERO, precompiled: exercise(order)? };
    let done = Exercise { took: began.elapsed(), ..done };
    if args.update {
        write(&file, &done.precompiled.plan.to_json())?;
    }
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&done.precompiled.report)?);
        return Ok(done.outcome());
    }
    anstream::print!("{}", table(&done.precompiled.report.requests));
    Ok(done.say(&args.routes))
}

/// Exercises the library, or release, at `source` that was just made of an app whose releases go to
/// `out`.
///
/// Edits of the plan are taken from the `precompile.json` in the app's folder, or else from the
/// one in `out`.
pub(super) fn app(
    project: &Project,
    source: &Path,
    out: &Path,
    change: impl FnOnce(PrecompileOrder) -> PrecompileOrder,
) -> anyhow::Result<Exercise> {
    let began = Instant::now();
    let plan = match Plan::read(&project.dir().join(PLAN))? {
        Some(plan) => Some(plan),
        None => Plan::read(&out.join(PLAN))?,
    };
    let public = project.public().map(|public| project.dir().join(public));
    let public = public.filter(|_| !source.join("public").is_dir());
    let order = PrecompileOrder { public, plan, ..PrecompileOrder::new(source.to_owned()) };
    let precompiled = exercise(change(order))?;
    Ok(Exercise { took: began.elapsed(), precompiled })
}

/// What was exercised, and how long that took.
pub(super) struct Exercise {
    pub(super) precompiled: Precompilation,
    took: Duration,
}

impl Exercise {
    pub(super) fn outcome(&self) -> Outcome {
        if self.precompiled.report.failed == 0 { Outcome::Done } else { Outcome::Failed }
    }

    /// What went wrong, a sentence each.
    pub(super) fn complaints(&self) -> Vec<String> {
        self.precompiled.report.requests.iter().filter_map(RequestReport::complaint).collect()
    }

    /// Writes the plan into a release, and what came of it if all of it was sent.
    pub(super) fn write(&self, release: &Path) -> anyhow::Result<()> {
        let Precompilation { plan, report, .. } = &self.precompiled;
        std::fs::create_dir_all(release)
            .with_context(|| format!("{} cannot be made", release.display()))?;
        write(&release.join(PLAN), &plan.to_json())?;
        if !report.read_only {
            let json = serde_json::to_string_pretty(report)?;
            write(&release.join(REPORT), &format!("{json}\n"))?;
        }
        Ok(())
    }

    /// Prints what failed, and a line about all of it.
    pub(super) fn say(&self, library: &Path) -> Outcome {
        let requests = &self.precompiled.report.requests;
        for complaint in self.complaints() {
            anstream::println!("{BAD}failed{BAD:#}    {complaint}");
        }
        let count = |count: usize| match count {
            1 => "1 request".to_owned(),
            many => format!("{many} requests"),
        };
        let (all, failed) = (count(requests.len()), self.precompiled.report.failed);
        let (library, took) = (library.display(), took(self.took));
        if failed == 0 {
            anstream::println!("{GOOD}exercised{GOOD:#} {library}  {all}  {DIM}{took}{DIM:#}");
        } else {
            anstream::println!(
                "{BAD}exercised{BAD:#} {library}  {failed} of {all} failed  {DIM}{took}{DIM:#}"
            );
            anstream::println!(
                "          {DIM}where that is right, say so in {PLAN}: \"expect\": \"5xx\", or \
                 \"skip\": true{DIM:#}"
            );
        }
        self.outcome()
    }
}

/// Exercises a library in children of this program.
pub(super) fn exercise(order: PrecompileOrder) -> anyhow::Result<Precompilation> {
    let program = std::env::current_exe().context("cannot find this program again")?;
    Ok(block_on(precompile(&program, order, |_| {}))??)
}

/// Where the plan of a library or release is.
fn plan_of(source: &Path) -> PathBuf {
    let folder = if source.is_dir() { Some(source) } else { source.parent() };
    folder.unwrap_or(Path::new("")).join(PLAN)
}

/// Writes a file, if that changes it: beside it first, so that half of it is never read.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let replace = || {
        let mut file = tempfile::Builder::new()
            .prefix(".precompile-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok::<_, std::io::Error>(())
    };
    replace().with_context(|| format!("{} cannot be written", path.display()))
}

/// One line for each request.
fn table(requests: &[RequestReport]) -> String {
    let rows: Vec<_> = requests.iter().map(row).collect();
    columns(&rows)
}

fn row(exercised: &RequestReport) -> [String; 8] {
    let RequestReport { method, target, file, outcome, failure, .. } = exercised;
    let verdict = if failure.is_some() { "FAIL" } else { "ok" };
    let (status, time, size, kind) = match outcome {
        RequestOutcome::Answered { status, kind, bytes, us, .. } => {
            (status.to_string(), milliseconds(*us), size(*bytes), kind.name())
        }
        RequestOutcome::Panicked { status, .. } => {
            (status.to_string(), String::new(), String::new(), "panic")
        }
        RequestOutcome::Broken { status, .. } => {
            (status.to_string(), String::new(), String::new(), "broken")
        }
        RequestOutcome::Hung { .. } => (String::new(), String::new(), String::new(), "hang"),
        RequestOutcome::Crashed { .. } => (String::new(), String::new(), String::new(), "crash"),
    };
    let file = file.clone().unwrap_or_default();
    [verdict.into(), method.clone(), target.clone(), status, time, size, kind.into(), file]
}

fn milliseconds(us: u64) -> String {
    format!("{}.{:02} ms", us / 1000, us % 1000 / 10)
}
