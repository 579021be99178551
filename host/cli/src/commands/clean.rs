//! `nova clean`: what can be made again is removed.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nova_route_template::Project;
use nova_route_template::parts::ImageCache;

use super::{Outcome, app_folder};
use crate::dev::session::lock::AppLock;
use crate::terminal::style::{self, GOOD};

/// Remove what builds and `nova dev` have left in an app, or the cache of this user
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder
    #[arg(default_value = app_folder::HERE, value_parser = app_folder::parser())]
    dir: PathBuf,
    /// Remove the sys images that this user's apps share instead
    #[arg(long)]
    cache: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    if args.cache {
        let cache = ImageCache::of_user()?;
        let folder = cache.folder().display();
        let freed = cache.clean().with_context(|| format!("{folder} cannot be emptied"))?;
        anstream::println!("{GOOD}cleaned{GOOD:#}  {folder}, {}", style::size(freed));
        return Ok(Outcome::Done);
    }
    let project = Project::open(&args.dir)?;
    let folder = project.dir().join(".nova");
    // What a running `nova dev` maps and locks is not for us to remove.
    let _lock = folder.exists().then(|| AppLock::take(project.dir())).transpose()?;
    let freed = size_of(&folder);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} cannot be removed", folder.display()));
        }
        _ => anstream::println!(
            "{GOOD}cleaned{GOOD:#}  {}, {}",
            folder.display(),
            style::size(freed)
        ),
    }
    Ok(Outcome::Done)
}

fn size_of(folder: &Path) -> u64 {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    let files =
        entries.filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file);
    files.map(|metadata| metadata.len()).sum()
}
