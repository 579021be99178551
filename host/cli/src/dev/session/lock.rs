//! One `nova dev` for an app at a time: two would compile into the same files, and answer each
//! save twice.
//!
//! The lock is the system's (`flock`) and goes with the process, however that ends; the file stays
//! and says who holds it. Other commands, which only build, do not ask for it.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The file, from the app's folder.
const FILE: &str = ".nova/dev.lock";

/// The right to be the one `nova dev` of an app.
#[derive(Debug)]
pub(crate) struct AppLock(File);

/// Why this process is not the one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another one is.
    #[error(
        "process {process} already serves this app{}; open that, or stop it first: kill {process}",
        url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default()
    )]
    Held {
        /// Its number.
        process: String,
        /// Where it serves, if it has come so far.
        url: Option<String>,
    },
    /// The file cannot be made.
    #[error("{FILE} cannot be written")]
    File(#[source] io::Error),
}

impl AppLock {
    /// Takes the lock of the app in `dir`.
    ///
    /// # Errors
    /// If another process has it, or the app's folder cannot be written to.
    pub(crate) fn take(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join(FILE);
        let open = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            File::options().read(true).write(true).create(true).truncate(false).open(&path)
        };
        let mut file = open().map_err(LockError::File)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                // A holder that has not said who it is has just begun.
                let _ = file.read_to_string(&mut text);
                let mut lines = text.lines().map(str::to_owned);
                let process = lines.next().unwrap_or_else(|| "another".to_owned());
                return Err(LockError::Held { process, url: lines.next() });
            }
            // A file system without locks is no reason not to serve.
            Err(error) => tracing::debug!("{FILE} cannot be locked: {error}"),
        }
        let mut lock = Self(file);
        lock.write(&format!("{}\n", std::process::id())).map_err(LockError::File)?;
        Ok(lock)
    }

    /// Says where the app is served, for the next that asks for the lock.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub(crate) fn announce(&mut self, url: &str) -> Result<(), LockError> {
        self.write(&format!("{}\n{url}\n", std::process::id())).map_err(LockError::File)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.rewind()?;
        self.0.write_all(text.as_bytes())?;
        self.0.set_len(text.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_and_the_next_gets_it() {
        let app = tempfile::tempdir().expect("a temporary folder");
        let mut lock = AppLock::take(app.path()).expect("the lock");
        let id = std::process::id();
        let error = AppLock::take(app.path()).expect_err("it is held");
        assert_eq!(
            error.to_string(),
            format!("process {id} already serves this app; open that, or stop it first: kill {id}")
        );
        lock.announce("http://127.0.0.1:2518").expect("written");
        let error = AppLock::take(app.path()).expect_err("it is held");
        assert_eq!(
            error.to_string(),
            format!(
                "process {id} already serves this app at http://127.0.0.1:2518; open that, or stop \
                 it first: kill {id}"
            )
        );
        drop(lock);
        assert!(AppLock::take(app.path()).is_ok());
    }
}
