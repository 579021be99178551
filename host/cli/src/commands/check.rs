//! `nova check`: whether a host would take a library.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use nova_host::generation::preflight::{self, PreflightJob, PreflightReport};
use nova_host::library::loader::{Loader, Store};
use nova_host::release::Release;
use nova_host::release::plan::Plan;
use nova_host::release::trust::{PublicKey, Trust};
use nova_host::swap::SwapSettings;

use super::{Outcome, block_on, needs};
use crate::terminal::style::{BAD, DIM, GOOD, WARN, counted, took};
use crate::terminal::swap;

/// Check a library or release as a host does before it serves it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A library, or the folder of a release
    #[arg(value_name = "LIB_OR_RELEASE")]
    source: PathBuf,
    /// Check that one of these keys has signed the release: a public key's file, or its 64 digits
    #[arg(
        long,
        value_name = "PUBKEY",
        env = "NOVA_TRUST",
        value_delimiter = ',',
        value_parser = PublicKey::named
    )]
    trust: Vec<PublicKey>,
    /// Whether it was built here just now.
    #[arg(skip)]
    own_build: bool,
}

impl Args {
    /// For what this process has built itself, whatever the modes of the developer's folders.
    pub(super) fn of_own_build(source: PathBuf) -> Self {
        Self { source, trust: Vec::new(), own_build: true }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    // Here nothing is served, so the copies go with the check.
    let copies = tempfile::tempdir().context("no temporary folder for the public files")?;
    let trust = match args.own_build {
        true => Trust::of_developer(),
        false => Trust::signed_by(&args.trust, Some(copies.path().join("public"))),
    };
    let release = Release::read(&args.source, &trust)?;
    let note = release.candidate.note.clone();
    let build_id = release.candidate.build_id.clone();
    let plan = release.swap.clone();
    // The linker would name one of them, and without what to do about it.
    let missing = needs::missing(&release.candidate.path);
    if !missing.is_empty() {
        anstream::println!("{BAD}refused{BAD:#}   {}", args.source.display());
        bail!(
            "the library needs {}, which this machine lacks\n  help: {}",
            needs::named(&missing),
            needs::remedy(&missing)
        );
    }
    let report = match block_on(preflight(release, true))? {
        Ok(report) => report,
        Err(error) => {
            anstream::println!("{BAD}refused{BAD:#}   {}", args.source.display());
            return Err(error);
        }
    };
    let routes = counted(report.exercised, "route");
    anstream::println!(
        "{GOOD}checked{GOOD:#}   {}  {routes} exercised  {DIM}{}{DIM:#}",
        args.source.display(),
        took(began.elapsed())
    );
    anstream::println!(
        "          {DIM}{}, build {build_id}, SDK {}, ABI {}, {}, {}{DIM:#}",
        note.app,
        note.sdk,
        note.abi,
        note.rustc,
        note.target
    );
    // `nova compile` has said it before.
    if !args.own_build {
        anstream::print!("{}", swap::lines(plan.mode.as_str(), plan.declared, &plan.because));
    }
    if trust.wants_signatures() {
        anstream::println!("          {DIM}signed by a key that is trusted{DIM:#}");
    }
    for route in &report.unwell {
        anstream::println!("{WARN}weak{WARN:#}      {route}");
    }
    Ok(Outcome::Done)
}

/// Loads, starts and exercises a release in a child process, as a host does before a swap; without
/// `exercise` its routes are not asked.
pub(super) async fn preflight(release: Release, exercise: bool) -> anyhow::Result<PreflightReport> {
    let folder = tempfile::tempdir().context("no temporary folder for a copy of the library")?;
    let store = Store::open(folder.path().join("libraries"))?;
    let settings = SwapSettings::default();
    let staged = Loader::new(store.clone()).stage(&release.candidate)?;
    let job = PreflightJob {
        library: staged.path().to_owned(),
        store: store.folder().map(Path::to_owned),
        exercise,
        spared: release.plan.as_ref().map(Plan::failing).unwrap_or_default(),
        limit: settings.preflight_limit,
        init_limit: settings.init_limit,
        ..PreflightJob::default()
    };
    let program = std::env::current_exe().context("cannot find this program again")?;
    Ok(preflight::check(&program, job, None).await?)
}
