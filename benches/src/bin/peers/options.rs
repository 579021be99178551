//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use nova_tests::client::Failure;

use crate::workload::{WORKLOADS, Workload};

/// Nova's production host side by side with its peers.
#[derive(Parser)]
pub(crate) struct Options {
    /// What to ask; all of it by default
    #[arg(value_name = "WORKLOAD", value_parser = Workload::named)]
    workloads: Vec<&'static Workload>,
    /// Rounds of each server; an odd number has a median that was measured
    #[arg(long, default_value = "11")]
    pub(crate) rounds: NonZeroUsize,
    /// How long each round is, without its warm-up
    #[arg(long, default_value = "2", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// The servers to compare with, besides Nova; all by default
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(crate::server::names()))]
    only: Vec<String>,
    /// The `nova` that builds the app; it is built where none is named
    #[arg(long, value_name = "PROGRAM", value_parser = absolute)]
    pub(crate) nova: Option<PathBuf>,
    /// The host that serves it; the one that `nova build` puts beside it where none is named
    #[arg(long, value_name = "PROGRAM", value_parser = absolute)]
    pub(crate) nova_host: Option<PathBuf>,
    /// Writes all rounds to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draws the CPU time into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

impl Options {
    /// What is to be asked.
    pub(crate) fn workloads(&self) -> Vec<&'static Workload> {
        if self.workloads.is_empty() { WORKLOADS.iter().collect() } else { self.workloads.clone() }
    }

    /// Whether a server is to be compared with; Nova itself always is.
    pub(crate) fn wants(&self, server: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == server)
    }
}

/// Programs are started in other folders.
fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}

fn seconds(text: &str) -> Result<Duration, Failure> {
    let seconds = Duration::try_from_secs_f64(text.parse()?)?;
    if seconds.is_zero() { Err("a round has to last".into()) } else { Ok(seconds) }
}
