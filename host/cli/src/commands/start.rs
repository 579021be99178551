//! `nova start`: serves a release with its own host program.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nova_route_template::{LIBRARY, PartialSettings, Settings};

use super::build::HOST;
use super::{Outcome, app_folder};

/// Serve a release that was built, as its `start` does
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "nova start [DIR] [NOVA_HOST_ARGS]...",
    after_help = "The arguments are nova-host's: `nova start --port 8080`, `nova start /srv/shop \
                  --host 0.0.0.0`. `nova-host --help` lists them."
)]
pub(super) struct Args {
    /// The release [default: build], then arguments for nova-host
    #[arg(value_name = "DIR", trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

impl Args {
    /// The folder, if one is named, and the arguments after it.
    fn split(&self) -> (Option<&Path>, &[OsString]) {
        match self.args.split_first() {
            Some((first, rest)) if !first.as_encoded_bytes().starts_with(b"-") => {
                (Some(Path::new(first)), rest)
            }
            _ => (None, &self.args),
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let (dir, args) = args.split();
    let release = find(dir)?;
    let own = release.join(HOST);
    let program = if own.is_file() {
        own
    } else {
        // What `nova compile` wrote has no program of its own.
        super::build::find_host(None)?
    };
    // The process becomes the host: signals and exit code are its own.
    let error =
        std::process::Command::new(&program).arg("--routes").arg(&release).args(args).exec();
    Err(error).with_context(|| format!("{} cannot be run", program.display()))
}

/// The release in a folder, or the one of the app in it.
fn find(dir: Option<&Path>) -> anyhow::Result<PathBuf> {
    let here = || app_folder::around(app_folder::HERE.into());
    let app = &dir.map_or_else(here, Path::to_owned);
    if dir.is_some() && app.join(LIBRARY).is_file() {
        return Ok(app.to_owned());
    }
    let settings = Settings::load(app, |name| std::env::var_os(name), PartialSettings::default())?;
    let release = app.join(settings.out);
    if release.join(LIBRARY).is_file() {
        return Ok(release);
    }
    let shown = if dir.is_some() && !app.join("Cargo.toml").is_file() { app } else { &release };
    bail!(
        "there is no release in {}: it has no {LIBRARY}\n  help: `nova build` makes one",
        shown.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(args: &[&str]) -> Args {
        Args { args: args.iter().map(Into::into).collect() }
    }

    #[test]
    fn the_folder_comes_first_if_it_comes() {
        let (dir, rest) = ["--port", "3000"].split_at(0);
        assert_eq!(args(&["--port", "3000"]).split(), (None, &args(rest).args[..]));
        assert!(dir.is_empty());
        let named = args(&["/srv/shop", "--port", "3000"]);
        let (dir, rest) = named.split();
        assert_eq!((dir, rest.len()), (Some(Path::new("/srv/shop")), 2));
        assert_eq!(args(&[]).split(), (None, &[][..]));
    }

    #[test]
    fn a_release_or_an_app_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let app = folder.path();
        let error = find(Some(app)).expect_err("nothing is there").to_string();
        assert!(error.contains("`nova build` makes one"), "{error}");
        std::fs::create_dir(app.join("dist")).expect("a folder");
        std::fs::write(app.join("dist").join(LIBRARY), "").expect("a file");
        std::fs::write(app.join("nova.toml"), "out = \"dist\"\n").expect("a file");
        assert_eq!(find(Some(app)).expect("the app's"), app.join("dist"));
        let release = app.join("dist");
        assert_eq!(find(Some(&release)).expect("itself"), release);
    }
}
