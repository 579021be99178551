//! What `nova build` does with a library before it is released: its routes are exercised, its static
//! pages rendered, and a profile trained.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use nova_host::library::start::StartInfo;
use nova_host::release::plan::PLAN;
use nova_host::swap::STYLESHEETS;
use nova_route_template::{Project, PublicFiles, Stylesheet};

use super::profile::{Compiler, Profiles};
use crate::commands::{Outcome, precompile};
use crate::precompile::{AnswerKind, Extent, PrecompileOrder, RenderedPage, RequestOutcome};

/// How long a library is trained.
const TRAINING: Duration = Duration::from_secs(5);

/// Exercises the library of an app whose releases go to `out`. Nothing is written.
///
/// # Errors
/// If a request fails that should not; the routes are named.
pub(super) fn exercise(
    project: &Project,
    library: &Path,
    out: &Path,
    extent: Extent,
) -> anyhow::Result<precompile::Exercise> {
    let done = precompile::app(project, library, out, |order| PrecompileOrder { extent, ..order })?;
    if done.outcome() == Outcome::Failed {
        bail!("{}", refusal(&done));
    }
    Ok(done)
}

fn refusal(done: &precompile::Exercise) -> String {
    let complaints: String =
        done.complaints().iter().map(|complaint| format!("\n  {complaint}")).collect();
    format!(
        "{} of {} requests failed, and nothing was released:{complaints}\n  help: where that is \
         right, say so in {PLAN} (\"expect\": \"5xx\" or \"skip\": true), in the app's folder or in \
         the release; --no-precompile builds without asking",
        done.precompiled.report.failed,
        done.precompiled.report.requests.len(),
    )
}

/// How a page answered, by its requests; `None` if none was sent.
pub(super) fn streams(done: &precompile::Exercise, file: &str) -> Option<bool> {
    let requests = done.precompiled.report.requests.iter();
    let kinds =
        requests.filter(|request| request.file.as_deref() == Some(file)).filter_map(|request| {
            match request.outcome {
                RequestOutcome::Answered { kind, .. } => Some(kind == AnswerKind::Streaming),
                _ => None,
            }
        });
    kinds.reduce(|a, b| a || b)
}

/// Renders the pages that declare themselves static, as they will be in the release.
///
/// # Errors
/// If one cannot be rendered.
pub(super) fn render(
    project: &Project,
    library: &Path,
    out: &Path,
    stylesheet: Option<&Stylesheet>,
    public: &PublicFiles,
) -> anyhow::Result<Vec<RenderedPage>> {
    let hashed = public.files.iter().filter_map(|it| Some((it.url.clone(), it.hashed.clone()?)));
    let mut info = StartInfo {
        stylesheet: stylesheet.map(|sheet| format!("{STYLESHEETS}{}", sheet.file_name())),
        favicon: project.favicon(),
        public: hashed.collect(),
        ..StartInfo::default()
    };
    if let Some(hashed) = info.favicon.as_ref().and_then(|icon| info.public.get(icon)) {
        info.favicon = Some(hashed.clone());
    }
    let done = precompile::app(project, library, out, |order| PrecompileOrder {
        extent: Extent::Prerendered,
        info,
        ..order
    })?;
    if done.outcome() == Outcome::Failed {
        bail!("{}", refusal(&done));
    }
    Ok(done.precompiled.rendered)
}

/// A profile in the making.
pub(super) struct Training {
    /// The target triple that is compiled for: naming it keeps the flags away from build scripts.
    pub(super) target: String,
    pub(super) profiles: Profiles,
}

impl Training {
    /// Finds what it takes, before anything is compiled.
    ///
    /// # Errors
    /// If the tool that merges profiles is missing.
    pub(super) fn new(project: &Project, work: &Path) -> anyhow::Result<Self> {
        let compiler = Compiler::of(project.dir())?;
        let tool = compiler.profdata()?;
        let profiles = Profiles::new(work.join("profiles"), tool)?;
        Ok(Self { target: compiler.host, profiles })
    }

    /// Exercises a library that writes profiles, again and again, and merges them.
    ///
    /// # Errors
    /// If a request fails, or nothing is learned.
    pub(super) fn train(
        &self,
        project: &Project,
        library: &Path,
        out: &Path,
    ) -> anyhow::Result<()> {
        let library: PathBuf = library.to_owned();
        let done = precompile::app(project, &library, out, |order| PrecompileOrder {
            training: TRAINING,
            ..order
        })?;
        if done.outcome() == Outcome::Failed {
            bail!("{}", refusal(&done));
        }
        self.profiles.merge()
    }
}
