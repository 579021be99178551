//! The settings of the server's process, and a change of them, for which another takes its place.
//!
//! One change at a time: what is saved while a server is being replaced is one more change, after
//! that. What the code does not start with is tried again with other code.

use std::path::Path;
use std::time::{Duration, Instant};

use nova_host::swap::SwapReport;
use nova_route_template::{PartialSettings, Settings};

use super::main_loop::Session;
use crate::dev::child::handle::ProcessSettings;
use crate::dev::settings::{self, DevSettingsError, Environment};
use crate::dev::watch::change::{Change, headline};
use crate::dev::wire::protocol::{Refusal, Topic};

/// What holds for servers, as the files and the command line say.
pub(crate) struct ServerSettings {
    /// What the command line says.
    flags: PartialSettings,
    /// Whether pages may take as long as they like.
    debugger: bool,
    /// The address that is served, by name and port, as the settings had it.
    address: (String, u16),
    renewals: Renewals,
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
        let address = (settings.host.clone(), settings.port);
        Self { flags, debugger, address, renewals: Renewals::default() }
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
    fn read(&mut self, dir: &Path) -> Result<FreshSettings, DevSettingsError> {
        let read = settings::read(dir, self.flags.clone());
        self.renewals.files_are_read(read.is_ok());
        let (settings, environment) = read?;
        let process = self.process(&settings, environment);
        let address = (settings.host, settings.port);
        let moved = self.address != address;
        self.address = address;
        Ok(FreshSettings { process, moved })
    }
}

/// Servers that are to take the place of the one that serves, because of other settings.
#[derive(Debug, Default)]
struct Renewals {
    /// The one that the supervisor was asked for.
    current: Option<Renewal>,
    /// The one after it.
    next: Option<Renewal>,
    /// The one that the code did not start with.
    refused: Option<Renewal>,
    /// What was said of it.
    said: Option<String>,
    /// Whether there is a mistake in the files.
    mistaken: bool,
}

/// A server with other settings.
#[derive(Debug)]
struct Renewal {
    /// The files for which it is.
    subjects: Vec<String>,
    since: Instant,
    process: ProcessSettings,
    /// Whether other code serves since it was asked for.
    outdated: bool,
}

/// What became of a renewal.
#[derive(Debug, PartialEq, Eq)]
struct RenewalEnd {
    /// The files for which it was.
    subject: String,
    took: Option<Duration>,
    /// Whether that is to be told: not what was said before, nor what is about code of before.
    is_news: bool,
    /// What the supervisor is to be asked for now.
    next: Option<ProcessSettings>,
}

impl Renewals {
    /// The files were read again; `fit`: there is no mistake in them.
    fn files_are_read(&mut self, fit: bool) {
        self.mistaken = !fit;
        // What they said before is not what they say.
        self.refused = None;
        self.said = None;
    }

    /// A server with these settings is wanted, because of `subject`. Gives what the supervisor is to
    /// be asked for; `None`: not before it has answered.
    fn want(
        &mut self,
        subject: String,
        since: Instant,
        process: ProcessSettings,
    ) -> Option<ProcessSettings> {
        let mut renewal = match self.next.take() {
            Some(before) => Renewal { process, ..before },
            None => Renewal { subjects: Vec::new(), since, process, outdated: false },
        };
        if !renewal.subjects.contains(&subject) {
            renewal.subjects.push(subject);
        }
        self.ask_for(renewal)
    }

    fn ask_for(&mut self, renewal: Renewal) -> Option<ProcessSettings> {
        if self.current.is_some() {
            self.next = Some(renewal);
            return None;
        }
        Some(self.current.insert(renewal).process.clone())
    }

    /// Other code serves: it may start with what was refused.
    fn code_serves(&mut self) -> Option<ProcessSettings> {
        if let Some(current) = &mut self.current {
            current.outdated = true;
        }
        self.try_refused()
    }

    /// The developer asks for everything anew, and for what comes of it.
    fn try_again(&mut self) -> Option<ProcessSettings> {
        self.said = None;
        self.try_refused()
    }

    fn try_refused(&mut self) -> Option<ProcessSettings> {
        let renewal = self.refused.take()?;
        self.ask_for(Renewal { since: Instant::now(), outdated: false, ..renewal })
    }

    /// The supervisor has answered: the server was replaced, or what is said in `refusal` was in the
    /// way.
    fn ended(&mut self, refusal: Option<&str>) -> RenewalEnd {
        let Some(renewal) = self.current.take() else {
            return RenewalEnd { subject: String::new(), took: None, is_news: true, next: None };
        };
        let (subject, took) = (renewal.subjects.join(", "), Some(renewal.since.elapsed()));
        let is_outdated = renewal.outdated;
        if refusal.is_some() && self.next.is_none() && !self.mistaken {
            self.refused = Some(renewal);
        }
        let next = match self.next.take() {
            Some(next) => self.ask_for(next),
            None if is_outdated => self.try_refused(),
            None => None,
        };
        let is_news = match refusal {
            Some(_) if is_outdated && next.is_some() => false,
            Some(text) => self.said.replace(text.to_owned()).as_deref() != Some(text),
            None => true,
        };
        RenewalEnd { subject, took, is_news, next }
    }
}

impl Session {
    /// Puts a server with the settings of now in the place of the one that serves; `false` if
    /// there is a mistake in them.
    pub(super) fn renew_server(&mut self, changes: &[Change], since: Instant) -> bool {
        let subject = headline(changes);
        let fresh = match self.settings.read(&self.dir) {
            Ok(fresh) => fresh,
            Err(error) => {
                self.journal.settings_failed(&subject, &error);
                return false;
            }
        };
        let FreshSettings { process, moved } = fresh;
        self.journal.problems(Topic::Settings, Vec::new());
        if moved {
            self.journal.note("another address holds from the next start of `nova dev` on");
        }
        self.engine.set_environment(process.environment.clone());
        let wanted = self.settings.renewals.want(subject, since, process);
        self.renew(wanted);
        true
    }

    /// Other code serves, which may start with settings that the one before did not start with.
    pub(super) fn renew_for_code(&mut self) {
        let wanted = self.settings.renewals.code_serves();
        self.renew(wanted);
    }

    /// The developer asks for everything anew.
    pub(super) fn renew_again(&mut self) {
        let wanted = self.settings.renewals.try_again();
        self.renew(wanted);
    }

    fn renew(&self, wanted: Option<ProcessSettings>) {
        if let Some(process) = wanted {
            self.server.renew(process);
        }
    }

    /// A server with other settings has taken over; the error: the one before serves on.
    pub(super) fn renewed(&mut self, renewed: Result<Option<SwapReport>, Refusal>) {
        let refusal = renewed.as_ref().err().map(|refusal| refusal.text.as_str());
        let RenewalEnd { subject, took, is_news, next } = self.settings.renewals.ended(refusal);
        match renewed {
            Ok(swapped) => {
                if !self.settings.renewals.mistaken {
                    self.journal.problems(Topic::Settings, Vec::new());
                }
                self.journal.restarted(&subject, took, swapped.as_ref());
            }
            Err(refusal) if is_news => self.journal.not_restarted(&subject, took, &refusal),
            Err(_) => {}
        }
        self.renew(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(value: &str) -> ProcessSettings {
        ProcessSettings {
            environment: vec![("NAME".into(), value.into())],
            ..ProcessSettings::default()
        }
    }

    fn want(renewals: &mut Renewals, file: &str, value: &str) -> Option<ProcessSettings> {
        renewals.files_are_read(true);
        renewals.want(file.to_owned(), Instant::now(), named(value))
    }

    #[test]
    fn what_is_saved_while_a_server_is_replaced_is_one_change_after_that() {
        let mut renewals = Renewals::default();
        assert_eq!(want(&mut renewals, ".env", "1"), Some(named("1")));
        assert_eq!(want(&mut renewals, ".env", "2"), None);
        assert_eq!(want(&mut renewals, "nova.toml", "3"), None);
        assert_eq!(want(&mut renewals, ".env", "4"), None);
        let first = renewals.ended(None);
        assert_eq!((first.subject.as_str(), first.next), (".env", Some(named("4"))));
        let second = renewals.ended(None);
        assert_eq!((second.subject.as_str(), second.next), (".env, nova.toml", None));
    }

    #[test]
    fn what_was_refused_is_tried_again_with_other_code() {
        let mut renewals = Renewals::default();
        want(&mut renewals, ".env", "1");
        assert_eq!(renewals.code_serves(), None, "no answer yet");
        // Of the code before, which serves no more.
        let end = renewals.ended(Some("no"));
        assert_eq!((end.is_news, end.next), (false, Some(named("1"))));
        let end = renewals.ended(Some("no"));
        assert_eq!((end.is_news, end.next), (true, None));

        assert_eq!(renewals.code_serves(), Some(named("1")));
        let end = renewals.ended(Some("no"));
        assert_eq!((end.is_news, end.next), (false, None), "that was said");
        assert_eq!(renewals.try_again(), Some(named("1")));
        assert!(renewals.ended(Some("no")).is_news, "and is said again after `r`");

        assert_eq!(renewals.code_serves(), Some(named("1")));
        let end = renewals.ended(None);
        assert_eq!((end.subject.as_str(), end.is_news), (".env", true));
        assert_eq!(renewals.code_serves(), None, "it serves");
    }

    #[test]
    fn what_the_files_say_no_more_is_not_tried_again() {
        let mut renewals = Renewals::default();
        want(&mut renewals, ".env", "1");
        renewals.ended(Some("no"));
        renewals.files_are_read(false);
        assert_eq!(renewals.code_serves(), None);

        want(&mut renewals, ".env", "2");
        renewals.files_are_read(false);
        renewals.ended(Some("no"));
        assert_eq!(renewals.try_again(), None);

        want(&mut renewals, ".env", "3");
        assert_eq!(want(&mut renewals, ".env", "4"), None);
        let end = renewals.ended(Some("no"));
        assert_eq!((end.is_news, end.next), (true, Some(named("4"))));
    }
}
