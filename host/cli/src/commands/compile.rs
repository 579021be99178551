//! `nova compile`: from pages to a release.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use nova_route_template::{
    Build, Event, LIBRARY, PartialSettings, PublicFiles, Settings, Style, compile_styles, prepare,
    swap_plan, write_release,
};

use super::{Outcome, app_folder, check, env_file, precompile, sign};
use crate::precompile::{Extent, PrecompileOrder};
use crate::sign::PrivateKey;
use crate::terminal::style::{DIM, GOOD, WARN, counted, size, took};
use crate::terminal::swap;

/// Compile the pages into a route library, and check it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder
    #[arg(default_value = app_folder::HERE, value_parser = app_folder::parser())]
    dir: PathBuf,
    /// Where the release goes [default: build, in the app's folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Sign the release with this private key of `nova keygen`
    #[arg(long, value_name = "KEY", env = "NOVA_SIGN")]
    sign: Option<PathBuf>,
    /// The cargo profile
    #[arg(long, default_value = "release")]
    profile: String,
    /// Do not send requests to the library that was compiled
    #[arg(long)]
    no_precompile: bool,
    /// More arguments for cargo, such as --locked
    #[arg(last = true, value_name = "CARGO_ARGS")]
    cargo: Vec<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    env_file::explain(&args.dir, "nova compile", compile(args))
}

fn compile(args: &Args) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    // A flag is seen from where its user stands, a setting from the app's folder.
    let out = args.out.as_ref().map(std::path::absolute).transpose()?;
    let flags = PartialSettings { out, ..PartialSettings::default() };
    let settings = Settings::load(&args.dir, |name| std::env::var_os(name), flags)?;

    // Before the long work: a key that cannot be used is known at once.
    let key = args.sign.as_deref().map(PrivateKey::read).transpose()?;

    let prepared = prepare(&args.dir)?;
    for warning in &prepared.warnings {
        anstream::eprintln!("{WARN}warning{WARN:#}: {warning}");
    }
    let out = prepared.project.dir().join(settings.out);
    let built = Build::new(&prepared.project, prepared.crate_root.origins.clone())
        .profile(&args.profile)
        .args(&args.cargo)
        .start()?
        .wait(|event| {
            if let Event::Diagnostic(diagnostic) = event {
                anstream::eprintln!("{}", diagnostic.rendered.trim_end());
                if let Some(note) = diagnostic.note() {
                    anstream::eprintln!("{note}");
                }
            }
        })?;
    let plan = swap_plan(&built)?;
    if let Some(warning) = plan.warning() {
        anstream::eprintln!("{WARN}warning{WARN:#}: {warning}");
    }
    let styles =
        compile_styles(&prepared.project, Style::Compressed, settings.build.browsers).sheet?;
    for warning in styles.iter().flat_map(|styles| &styles.warnings) {
        anstream::eprintln!("{WARN}warning{WARN:#}: {warning}");
    }
    let manifest = write_release(
        &out,
        &prepared,
        &built,
        &args.profile,
        &plan,
        styles.as_ref(),
        &PublicFiles::default(),
    )
    .with_context(|| format!("the release in {} was not written", out.display()))?;
    anstream::println!(
        "{GOOD}compiled{GOOD:#}  {}  {}, {}  {DIM}{}{DIM:#}",
        out.join(LIBRARY).display(),
        counted(manifest.routes.len(), "route"),
        size(manifest.library.size),
        took(began.elapsed()),
    );
    anstream::print!("{}", swap::lines(plan.mode.as_str(), plan.declared, &plan.because));
    if !args.no_precompile {
        let reads = |order| PrecompileOrder { extent: Extent::Reads, ..order };
        let checked = precompile::app(&prepared.project, &out, &out, reads)?;
        checked.write(&out)?;
        if checked.say(&out.join(LIBRARY)) == Outcome::Failed {
            return Ok(Outcome::Failed);
        }
    }
    if let Some(key) = key {
        sign::sign(&out, &key)?;
    }
    check::run(&check::Args::of_own_build(out))
}
