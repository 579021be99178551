//! `nova build --static`: one program with routes, files and host in it.

use std::path::PathBuf;

use anyhow::Context as _;
use nova_host::release::Release;
use nova_host::release::public::public_folder;
use nova_host::release::trust::Trust;
use nova_route_template::Manifest;
use nova_route_template::scaffold::Program;
use rust_embed::{Embed, EmbeddedFile};

use super::{BuildJob, cargo_build, follow};

/// Where the program's package is written, from the app's folder.
const PACKAGE: &str = ".nova/static";

/// The host, as far as a program needs it that serves.
#[derive(Embed)]
#[folder = ".."]
#[include = "Cargo.toml"]
#[include = "src/*"]
#[exclude = "src/main.rs"]
#[exclude = "*.snap"]
struct Host;

/// Compiles the program for the release that was just written, and puts it there under the app's
/// name; gives back its place and size.
pub(super) fn link(
    job: &BuildJob<'_>,
    manifest: &Manifest,
    sdk: Option<PathBuf>,
) -> anyhow::Result<(PathBuf, u64)> {
    let project = &job.prepared.project;
    let sdk = sdk.context("cargo did not say where the SDK of the app is")?;
    let files = files(job)?;
    let content = |file: EmbeddedFile| file.data.into_owned();
    let host = Host::iter().filter_map(|path| Some((path.to_string(), Host::get(&path)?)));
    let host = host.map(|(path, file)| (path, content(file))).collect();
    let program = Program { host, sdk: &sdk, release: &job.out, files: &files, manifest };
    let package = program.write(project, &project.dir().join(PACKAGE))?;
    let (built, _) = follow(job, cargo_build(job).program(package))?;
    let place = job.out.join(project.name());
    // Under another name first: the one that is there may be running.
    let new = place.with_extension("new");
    let failed = || format!("{} cannot be written", place.display());
    let size = std::fs::copy(&built.library, &new).with_context(failed)?;
    std::fs::rename(&new, &place).with_context(failed)?;
    Ok((place, size))
}

/// What goes into the program, by the paths in the release: what a host reads, and what it serves.
fn files(job: &BuildJob<'_>) -> anyhow::Result<Vec<String>> {
    let release = Release::read(&job.out, &Trust::default())?;
    let text = |path: &std::path::Path| {
        let text = path.to_str().map(str::to_owned);
        text.with_context(|| format!("{}: its name is not UTF-8", path.display()))
    };
    let mut files: Vec<String> =
        release.parts.iter().map(|(path, _)| text(path)).collect::<Result<_, _>>()?;
    if let Some(public) = public_folder(&job.out) {
        for entry in walkdir::WalkDir::new(&public).sort_by_file_name() {
            let entry = entry?;
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(&public)?;
                files.push(format!("public/{}", text(path)?));
            }
        }
    }
    Ok(files)
}
