//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use nova_tests::client::Failure;

use crate::workload::{WORKLOADS, Workload};

pub(crate) const USAGE: &str =
    "usage: peers [WORKLOAD…] [--rounds N] [--seconds S] [--only SERVER,…]
             [--nova PROGRAM] [--nova-host PROGRAM] [--json FILE] [--svg FILE]; --help says more";

/// What is asked for.
pub(crate) struct Options {
    pub(crate) workloads: Vec<&'static Workload>,
    /// Rounds of each server.
    pub(crate) rounds: usize,
    /// Of each round, without its warm-up.
    pub(crate) seconds: Duration,
    /// The servers to compare with; all where none is named.
    pub(crate) only: Vec<String>,
    /// The `nova` that builds the app; it is built where none is named.
    pub(crate) nova: Option<PathBuf>,
    /// The host that serves it; the one that `nova build` puts beside it where none is named.
    pub(crate) nova_host: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) svg: Option<PathBuf>,
}

impl Options {
    /// `None` where help is asked for.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Self>, Failure> {
        let mut options = Self {
            workloads: Vec::new(),
            rounds: 11,
            seconds: Duration::from_secs(2),
            only: Vec::new(),
            nova: None,
            nova_host: None,
            json: None,
            svg: None,
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} has no value"));
            match arg.as_str() {
                "--help" => return Ok(None),
                "--rounds" => options.rounds = value()?.parse()?,
                "--seconds" => options.seconds = Duration::try_from_secs_f64(value()?.parse()?)?,
                "--only" => options.only.extend(value()?.split(',').map(str::to_owned)),
                "--nova" => options.nova = Some(value()?.into()),
                "--nova-host" => options.nova_host = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                "--svg" => options.svg = Some(value()?.into()),
                name => options.workloads.push(Workload::named(name)?),
            }
        }
        let servers = crate::server::names();
        if let Some(name) = options.only.iter().find(|name| !servers.contains(&name.as_str())) {
            return Err(format!("unknown server `{name}`; servers: {}", servers.join(", ")).into());
        }
        if options.rounds == 0 || options.seconds.is_zero() {
            return Err("no round, or none that lasts: nothing would be measured".into());
        }
        if options.workloads.is_empty() {
            options.workloads.extend(&WORKLOADS);
        }
        Ok(Some(options))
    }

    /// Whether a server is to be compared with; Nova itself always is.
    pub(crate) fn wants(&self, server: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == server)
    }
}

pub(crate) fn help() -> String {
    let mut text = format!("{USAGE}\n\nworkloads:\n");
    for workload in &WORKLOADS {
        text += &format!("  {:<12}{}\n", workload.name, workload.what);
    }
    text += "\nservers: ";
    text + &crate::server::names().join(", ")
}
