//! The settings of the server's process, and a change of them, for which another takes its place.

use std::path::Path;
use std::time::{Duration, Instant};

use nova_route_template::{PartialSettings, Settings};

use crate::dev::child::handle::ProcessSettings;
use crate::dev::settings::{self, DevSettingsError, Environment};

/// What holds for servers, as the files and the command line say.
pub(crate) struct ServerSettings {
    /// What the command line says.
    flags: PartialSettings,
    /// Whether pages may take as long as they like.
    debugger: bool,
    /// The address that is served, by name and port, as the settings had it.
    address: (String, u16),
    /// The files for which the server is being replaced, and since when.
    renewal: Option<(String, Instant)>,
}

/// What the files say now.
pub(crate) struct FreshSettings {
    pub(crate) process: ProcessSettings,
    /// Whether they name another address than before.
    pub(crate) moved: bool,
}

impl ServerSettings {
    /// Servers have `settings`, and what later files and `flags` make of them.
    pub(crate) fn new(settings: &Settings, flags: PartialSettings, debugger: bool) -> Self {
        Self { flags, debugger, address: (settings.host.clone(), settings.port), renewal: None }
    }

    /// What a process is started with.
    pub(crate) fn process(&self, settings: &Settings, environment: Environment) -> ProcessSettings {
        ProcessSettings {
            environment,
            poll_limit: (!self.debugger).then_some(settings.dev.poll_limit),
            allowed_hosts: settings.dev.allowed_hosts.clone(),
        }
    }

    /// Reads the files of the app in `dir` again.
    ///
    /// # Errors
    /// If a process cannot start with them.
    pub(crate) fn read(&mut self, dir: &Path) -> Result<FreshSettings, DevSettingsError> {
        let (settings, environment) = settings::read(dir, self.flags.clone())?;
        let process = self.process(&settings, environment);
        let address = (settings.host, settings.port);
        let moved = self.address != address;
        self.address = address;
        Ok(FreshSettings { process, moved })
    }

    /// The server is being replaced, because of these files.
    pub(crate) fn begin_renewal(&mut self, subject: String, since: Instant) {
        self.renewal = Some((subject, since));
    }

    /// It was replaced, or not: because of which files, and how long that took.
    pub(crate) fn end_renewal(&mut self) -> (String, Option<Duration>) {
        let (subject, since) = self.renewal.take().unzip();
        (subject.unwrap_or_default(), since.map(|since| since.elapsed()))
    }
}
