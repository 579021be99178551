//! `nova build`: from an app to a folder that runs on a machine without Rust.
//!
//! Each step is a function that takes what the steps before have made. The release changes as
//! `nova compile` changes it, file by file and the manifest last, so that a host which watches the
//! folder sees the old release or the new one.

mod deploy;
mod early;
mod gate;
mod kinds;
mod place;
mod profile;
mod program;
pub(super) mod report;
mod steps;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nova_host::release::Release;
use nova_host::release::plan::{PLAN, Plan};
use nova_host::release::trust::Trust;
use nova_route_template::{
    Build, BuildOutput, CodeSizes, Event, Manifest, Output, PartialSettings, PreparedApp,
    PublicFiles, Settings, Strip, StrippedLibrary, Style, Stylesheet, SwapPlan, code_sizes,
    compile_styles, prepare, strip, swap_plan, write_prerendered, write_public, write_release,
};

use self::gate::Training;
use self::report::{BuildFacts, BuildReport};
use self::steps::Steps;
use super::{Outcome, app_folder, block_on, check, env_file, precompile, secret, sign};
use crate::precompile::Extent;
use crate::sign::PrivateKey;
use crate::terminal::style::{DIM, GOOD, WARN, counted, size};
use crate::terminal::swap;

pub(super) use self::deploy::{HOST, find_host};

/// The name of the SDK's library.
const SDK: &str = "nova";

/// Where a build keeps what is in no release, from the app's folder.
const WORK: &str = ".nova/build";

/// Build a release: a folder that runs on a machine without Rust
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder
    #[arg(default_value = app_folder::HERE, value_parser = app_folder::parser())]
    dir: PathBuf,
    /// Where the release goes [default: build, in the app's folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Optimise all code as one: takes longer, and gives a smaller and faster library
    #[arg(long)]
    aot: bool,
    /// Train a profile by exercising every route, and compile once more with what it says
    #[arg(long, requires = "aot")]
    pgo: bool,
    /// Make one program, too, with the same routes and files linked into it
    #[arg(long = "static")]
    whole_program: bool,
    /// Sign the release with this private key of `nova keygen`
    #[arg(long, value_name = "KEY", env = "NOVA_SIGN")]
    sign: Option<PathBuf>,
    /// Do not send requests to the library before it is released
    #[arg(long)]
    no_precompile: bool,
    /// The cargo profile
    #[arg(long, default_value = "release")]
    profile: String,
    /// The program that serves the release [default: the nova-host beside this nova]
    #[arg(long, value_name = "FILE")]
    nova_host: Option<PathBuf>,
    /// Say more about the result; sizes: what takes the room in the library
    #[arg(long, value_name = "WHAT", value_parser = ["sizes"])]
    report: Option<String>,
    /// More arguments for cargo, such as --locked
    #[arg(last = true, value_name = "CARGO_ARGS")]
    cargo: Vec<String>,
}

/// What all steps know.
struct BuildJob<'a> {
    args: &'a Args,
    settings: Settings,
    prepared: PreparedApp,
    /// The folder of the release.
    out: PathBuf,
    /// What lies there already.
    earlier: Option<Manifest>,
    steps: &'a Steps,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    env_file::explain(&args.dir, "nova build", build(args))
}

fn build(args: &Args) -> anyhow::Result<Outcome> {
    // A flag is seen from where its user stands, a setting from the app's folder.
    let out = args.out.as_ref().map(std::path::absolute).transpose()?;
    let flags = PartialSettings { out, ..PartialSettings::default() };
    let settings = Settings::load(&args.dir, |name| std::env::var_os(name), flags)?;
    let host = deploy::find_host(args.nova_host.as_deref())?;
    // Before the long work: a key that cannot be used is known at once.
    let key = args.sign.as_deref().map(PrivateKey::read).transpose()?;

    let steps = &Steps::new(args.steps());
    let job = steps.run("reading the pages", || BuildJob::new(args, settings, steps))?;
    if early::is_worth_it(&job) {
        steps.run("trying `init` on a quick build", || early::try_init(&job))?;
    }
    let (built, sdk) = compile_by_profile(&job)?;
    // Before most of the names go.
    let plan = swap_plan(&built)?;
    if let Some(warning) = plan.warning() {
        steps.say(&format!("{WARN}warning{WARN:#}: {warning}"));
    }
    let (stripped, sizes) =
        steps.run("splitting off the symbols", || strip_symbols(&job, &built))?;
    // Before anything of the release that lies there is touched.
    steps.run("checking the library as a host does", || check(&job, &stripped))?;
    let exercised = match args.no_precompile {
        true => None,
        false => Some(steps.run("exercising its routes", || exercise(&job, &stripped))?),
    };
    let mut files = steps.run("making stylesheet and public files", || files(&job))?;
    if args.aot {
        let render = || render(&job, &stripped, &mut files);
        steps.run("rendering static pages", render)?;
    }
    if let Some(exercised) = &exercised {
        exercised.write(&job.out)?;
    }
    let (manifest, host) =
        steps.run("writing the release", || write(&job, built, &stripped, &plan, &files, &host))?;
    let program = match args.whole_program {
        true => {
            let link = || program::link(&job, &manifest, sdk);
            Some(steps.run("linking routes, files and host into one program", link)?)
        }
        false => None,
    };

    let before = BuildReport::read(&job.out);
    let kinds = kinds::of(&job, &files, exercised.as_ref());
    let made = BuildFacts {
        manifest: &manifest,
        sizes: &sizes,
        public: &files.public,
        kinds: &kinds,
        host,
        aot: args.aot,
        steps: &steps.done(),
    };
    let report = BuildReport::new(&made, before.as_ref());
    report.write(&job.out)?;
    say(&job, &manifest, &report, program.as_ref());
    if let Some(key) = key {
        // Last: it covers every other file of the release.
        sign::sign(&job.out, &key)?;
    }
    Ok(Outcome::Done)
}

/// Says what was made; `program` is the one program with its size, if there is one.
fn say(
    job: &BuildJob<'_>,
    manifest: &Manifest,
    report: &BuildReport,
    program: Option<&(PathBuf, u64)>,
) {
    anstream::print!("{}", report.render());
    if job.args.report.is_some() {
        anstream::print!("{}", report.render_sizes());
    }
    let plan = &manifest.swap;
    anstream::print!("\n{}", swap::lines(plan.mode.as_str(), plan.declared, &plan.because));
    anstream::println!(
        "{GOOD}built{GOOD:#}     {}  {}, {}  {DIM}{}{DIM:#}\n          start it with {}",
        job.out.display(),
        counted(manifest.routes.len(), "route"),
        size(manifest.library.size),
        report::total(&job.steps.done()),
        job.out.join("start").display(),
    );
    if secret::is_needed(job.prepared.project.dir()) {
        anstream::println!(
            "          where it runs it needs {}, which signs and encrypts cookies: {}",
            secret::VARIABLE,
            secret::ADVICE,
        );
    }
    if let Some((program, length)) = program {
        let (program, length) = (program.display(), size(*length));
        anstream::println!("          or as one program, {program}  {DIM}{length}{DIM:#}");
    }
}

impl Args {
    /// How many steps there are.
    fn steps(&self) -> usize {
        let precompile = usize::from(!self.no_precompile);
        let more = usize::from(self.aot) + usize::from(self.whole_program);
        6 + precompile + more + 2 * usize::from(self.pgo)
    }
}

/// Flags for all code of the app, its dependencies included.
struct Flags<'a> {
    /// The target triple: without it, cargo gives the flags to build scripts, too.
    target: &'a str,
    variable: (OsString, OsString),
}

impl<'a> BuildJob<'a> {
    fn new(args: &'a Args, settings: Settings, steps: &'a Steps) -> anyhow::Result<Self> {
        let prepared = prepare(&args.dir)?;
        for warning in &prepared.warnings {
            steps.say(&format!("{WARN}warning{WARN:#}: {warning}"));
        }
        let out = prepared.project.dir().join(&settings.out);
        place::check(&out)?;
        let earlier = Manifest::read(&out);
        let job = Self { args, settings, prepared, out, earlier, steps };
        if early::is_worth_it(&job) {
            steps.one_more();
        }
        Ok(job)
    }

    /// The folder for what is in no release.
    fn work(&self) -> PathBuf {
        self.prepared.project.dir().join(WORK)
    }
}

/// Compiles the library: once, or twice where it is asked for a profile, with the training between.
fn compile_by_profile(job: &BuildJob<'_>) -> anyhow::Result<(BuildOutput, Option<PathBuf>)> {
    let steps = job.steps;
    if !job.args.pgo {
        return steps.run("compiling the library", || compile(job, None));
    }
    let (project, out) = (&job.prepared.project, &job.out);
    let training = Training::new(project, &job.work())?;
    let writing = Flags { target: &training.target, variable: training.profiles.writing() };
    let writes = || compile(job, Some(&writing));
    let (built, _) = steps.run("compiling a library that writes profiles", writes)?;
    steps.run("training it", || training.train(project, &built.library, out))?;
    let using = Flags { variable: training.profiles.using(), ..writing };
    steps.run("compiling the library by its profile", || compile(job, Some(&using)))
}

/// Compiles the library; the folder of the app's SDK comes with it.
fn compile(
    job: &BuildJob<'_>,
    flags: Option<&Flags<'_>>,
) -> anyhow::Result<(BuildOutput, Option<PathBuf>)> {
    // Names and lines are what the report and the debug file are made of. The names are of the
    // kind that says for which page a generic function was compiled.
    let build = cargo_build(job)
        .rustc_args(["-C", "debuginfo=line-tables-only", "-C", "strip=none"])
        .rustc_args(["-C", "symbol-mangling-version=v0"]);
    follow(
        job,
        match flags {
            None => build,
            Some(Flags { target, variable: (name, value) }) => {
                build.args(["--target", *target]).env(name, value)
            }
        },
    )
}

/// A build with the profile that was asked for, and the switches of its kind.
fn cargo_build(job: &BuildJob<'_>) -> Build {
    let BuildJob { args, settings, prepared, .. } = job;
    let switches = if args.aot { settings.build.ahead_of_time() } else { settings.build };
    let mut build = Build::new(&prepared.project, prepared.crate_root.origins.clone())
        .profile(&args.profile)
        .args(&args.cargo)
        .output(Output::Capture);
    for (name, value) in switches.variables(&args.profile) {
        build = build.env(name, value);
    }
    build
}

/// Runs a build to its end, and tells what it does.
fn follow(job: &BuildJob<'_>, build: Build) -> anyhow::Result<(BuildOutput, Option<PathBuf>)> {
    let steps = job.steps;
    let mut output = String::new();
    let mut sdk = None;
    let built = build.start()?.wait(|event| match event {
        Event::Diagnostic(diagnostic) => {
            steps.say(diagnostic.rendered.trim_end());
            if let Some(note) = diagnostic.note() {
                steps.say(&note);
            }
        }
        Event::Compiled { name, fresh: false, ready, total } => {
            steps.at(&match total {
                Some(total) => format!("dependencies, {ready} of {total}: {name}"),
                None => format!("dependencies, {ready} are ready: {name}"),
            });
        }
        Event::Line(line) => {
            // What it waits for or downloads; `Compiling` is counted above.
            if line.trim_start().starts_with(['B', 'D', 'U']) {
                steps.at(line.trim());
            }
            output.push_str(&line);
            output.push('\n');
        }
        Event::Artifact(artifact) if artifact.name == SDK => sdk = Some(artifact.folder),
        Event::Compiled { .. } | Event::Artifact(_) => {}
    });
    if built.is_err() {
        // Where rustc was not asked, cargo alone knows why.
        steps.say(output.trim_end());
    }
    Ok((built?, sdk))
}

/// Takes names and line numbers out of the library, after they were counted.
fn strip_symbols(
    job: &BuildJob<'_>,
    built: &BuildOutput,
) -> anyhow::Result<(StrippedLibrary, CodeSizes)> {
    let library = &built.library;
    let bytes =
        std::fs::read(library).with_context(|| format!("{} cannot be read", library.display()))?;
    let pages = &job.prepared.tree.pages;
    let sizes = code_sizes(&bytes, job.prepared.project.name(), pages)?;
    let what = job.settings.build.strip();
    let name = nova_route_template::LIBRARY;
    let stripped = strip(library, &job.work(), name, what)?;
    if stripped.tool.is_none() && what != Strip::None {
        job.steps.say(&format!(
            "{WARN}warning{WARN:#}: the library keeps its symbols, because objcopy is missing; \
             rustup brings rust-objcopy, and `apt install binutils` objcopy"
        ));
    }
    Ok((stripped, sizes))
}

/// Starts the library in a child process and asks its routes, as a host does before a swap.
fn check(job: &BuildJob<'_>, stripped: &StrippedLibrary) -> anyhow::Result<()> {
    let mut release = Release::read(&stripped.library, &Trust::default())?;
    release.plan = Plan::read(&job.prepared.project.dir().join(PLAN))?;
    let report = block_on(check::preflight(release, true))??;
    for route in report.unwell {
        job.steps.say(&format!("{WARN}weak{WARN:#}: {route}"));
    }
    Ok(())
}

/// Sends the plan's requests to the library: all of them, if it is built for good.
fn exercise(
    job: &BuildJob<'_>,
    stripped: &StrippedLibrary,
) -> anyhow::Result<precompile::Exercise> {
    let extent = if job.args.aot { Extent::Everything } else { Extent::Reads };
    gate::exercise(&job.prepared.project, &stripped.library, &job.out, extent)
}

/// Renders the pages that declare themselves static.
fn render(
    job: &BuildJob<'_>,
    stripped: &StrippedLibrary,
    files: &mut SiteFiles,
) -> anyhow::Result<()> {
    let BuildJob { prepared, out, .. } = job;
    let (stylesheet, public) = (files.stylesheet.as_ref(), &files.public);
    let rendered = gate::render(&prepared.project, &stripped.library, out, stylesheet, public)?;
    let pages: Vec<_> =
        rendered.iter().map(|page| (page.path.clone(), page.html.clone())).collect();
    files.public.prerendered = write_prerendered(out, &pages)?;
    files.rendered = rendered.into_iter().filter_map(|page| page.file).collect();
    Ok(())
}

/// What a release has beside its library.
struct SiteFiles {
    /// The pages' files of what was rendered.
    rendered: BTreeSet<String>,
    stylesheet: Option<Stylesheet>,
    public: PublicFiles,
}

/// Compiles the styles and writes the public files.
fn files(job: &BuildJob<'_>) -> anyhow::Result<SiteFiles> {
    let project = &job.prepared.project;
    let stylesheet =
        compile_styles(project, Style::Compressed, job.settings.build.browsers).sheet?;
    for warning in stylesheet.iter().flat_map(|styles| &styles.warnings) {
        job.steps.say(&format!("{WARN}warning{WARN:#}: {warning}"));
    }
    let folders: Vec<_> =
        project.public().map(|name| project.dir().join(name)).into_iter().collect();
    let public = write_public(&job.out, &folders, job.earlier.as_ref())?;
    for url in &public.stale {
        job.steps.say(&format!(
            "{WARN}warning{WARN:#}: public{url}: is older than the file that it was made of, and is \
             left aside; make it again, or remove it: `nova build` compresses by itself"
        ));
    }
    Ok(SiteFiles { rendered: BTreeSet::new(), stylesheet, public })
}

/// Writes everything else; gives the manifest, and the size of the host program.
fn write(
    job: &BuildJob<'_>,
    built: BuildOutput,
    stripped: &StrippedLibrary,
    plan: &SwapPlan,
    files: &SiteFiles,
    host: &Path,
) -> anyhow::Result<(Manifest, u64)> {
    let BuildJob { args, prepared, out, .. } = job;
    let built = BuildOutput { library: stripped.library.clone(), ..built };
    let (stylesheet, public) = (files.stylesheet.as_ref(), &files.public);
    let manifest = write_release(out, prepared, &built, &args.profile, plan, stylesheet, public)
        .with_context(|| format!("the release in {} was not written", out.display()))?;
    let needs_secret = secret::is_needed(job.prepared.project.dir());
    let size = deploy::write(out, host, &manifest, needs_secret)?;
    deploy::write_symbols(out, &stripped.symbols)?;
    Ok((manifest, size))
}
