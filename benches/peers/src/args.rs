//! What a peer is told on its command line.

use std::path::PathBuf;

use crate::Failure;

const USAGE: &str = "usage: PEER --port PORT [--routes COUNT] [--public FOLDER] [--database FILE]";

/// The arguments of a peer.
#[derive(Debug)]
pub struct Args {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// How many routes it has besides those that all have.
    pub routes: usize,
    /// The folder that holds `static/`.
    pub public: PathBuf,
    /// The database; without one there is no `/db/{id}`.
    pub database: Option<PathBuf>,
}

impl Args {
    /// Those of this process.
    ///
    /// # Errors
    /// If one is unknown, has no value or a wrong one, or `--port` is missing.
    pub fn parse() -> Result<Self, Failure> {
        let (mut port, mut routes, mut public, mut database) = (None, 0, PathBuf::new(), None);
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name} has no value; {USAGE}"))?;
            match name.as_str() {
                "--port" => port = Some(value.parse()?),
                "--routes" => routes = value.parse()?,
                "--public" => public = value.into(),
                "--database" => database = Some(value.into()),
                _ => return Err(format!("unknown argument {name}; {USAGE}").into()),
            }
        }
        Ok(Self { port: port.ok_or(USAGE)?, routes, public, database })
    }
}

/// As many threads as the process may use at once: all servers get the same.
///
/// # Errors
/// If the system does not say how many that are.
pub fn threads() -> Result<usize, Failure> {
    Ok(std::thread::available_parallelism()?.get())
}
