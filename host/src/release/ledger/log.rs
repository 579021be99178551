//! The entries themselves: values in, values out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::deployment::Deployment;
use crate::library::loader::BuildId;

/// How many releases are kept besides the one that serves.
pub const KEPT: usize = 5;

/// How many refused builds are remembered; the oldest are forgotten first.
const REFUSALS: usize = 100;

/// What a host remembers of its releases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseLog {
    /// Which build serves, for each library of the table.
    pub current: BTreeMap<usize, BuildId>,
    /// What lay at each library's path of `--routes` when what serves began to.
    #[serde(default)]
    pub deployed: BTreeMap<usize, Deployment>,
    /// The releases that serve and the last ones that did, newest last.
    pub releases: Vec<KeptRelease>,
    /// Builds that serve again only with `--force`.
    pub refused: Vec<RefusedBuild>,
    /// How often the host was rolled back.
    pub rollbacks: u64,
    /// The last time.
    pub last_rollback: Option<RollbackRecord>,
}

/// A release that has served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRelease {
    /// Which library of the table it is, counted from 0.
    pub slot: usize,
    /// Its build.
    pub build_id: BuildId,
    /// Its app's name and version.
    pub app: String,
    /// Where it was read.
    pub source: PathBuf,
    /// The name of the folder that holds a copy of it; `None` until there is one.
    pub folder: Option<String>,
    /// When it began to serve, in seconds since 1970.
    pub since: u64,
}

/// A build that serves again only with `--force`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedBuild {
    /// The build.
    pub build_id: BuildId,
    /// Where it was read.
    pub source: PathBuf,
    /// Why.
    pub reason: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// One rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRecord {
    /// The build that was left.
    pub from: BuildId,
    /// The build that serves instead.
    pub to: BuildId,
    /// Why.
    pub reason: String,
    /// Whether the host decided it by itself.
    pub automatic: bool,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// Why there is no rollback.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum RollbackError {
    #[error("there is no release to go back to: none but the one that serves is kept")]
    Nothing,
    #[error(
        "there is no release to go back to: all that are kept were refused; \
         `nova status` says why, `nova swap --force PATH` swaps one in all the same"
    )]
    AllRefused,
    #[error("no kept release has a build id that begins with `{wanted}`; kept are {kept}")]
    Unknown { wanted: String, kept: String },
    #[error(
        "ambiguous build `{wanted}`: it begins the build ids of {kept}; give more of its digits"
    )]
    Ambiguous { wanted: String, kept: String },
    #[error("build {0} serves already; `nova status` lists the others that are kept")]
    Current(BuildId),
    #[error(
        "build {build_id} was refused: {reason}; \
         `nova swap --force PATH` swaps it in all the same"
    )]
    Refused { build_id: BuildId, reason: String },
    #[error("this host serves several libraries: say which build to go back to with --to, {kept}")]
    WhichLibrary { kept: String },
}

impl ReleaseLog {
    /// Notes that a release serves now; the oldest of those before it are let go.
    pub fn serves(&mut self, release: KeptRelease) {
        let slot = release.slot;
        self.current.insert(slot, release.build_id.clone());
        self.releases.retain(|kept| kept.slot != slot || kept.build_id != release.build_id);
        self.releases.push(release);
        let mut surplus =
            self.releases.iter().filter(|kept| kept.slot == slot).count().saturating_sub(KEPT + 1);
        self.releases.retain(|kept| {
            let forget = surplus > 0 && kept.slot == slot;
            surplus -= usize::from(forget);
            !forget
        });
    }

    /// Why a build is refused, if it is.
    #[must_use]
    pub fn refusal(&self, build_id: &BuildId) -> Option<&RefusedBuild> {
        self.refused.iter().find(|refused| refused.build_id == *build_id)
    }

    /// Refuses a build from now on.
    pub fn refuse(&mut self, refused: RefusedBuild) {
        self.allow(&refused.build_id.clone());
        self.refused.push(refused);
        let surplus = self.refused.len().saturating_sub(REFUSALS);
        self.refused.drain(..surplus);
    }

    /// Notes that a release that was kept serves again.
    pub fn serves_again(&mut self, release: KeptRelease) {
        if self.current.get(&release.slot) == Some(&release.build_id) {
            return;
        }
        let is_it =
            |kept: &&KeptRelease| kept.slot == release.slot && kept.build_id == release.build_id;
        let kept = self.releases.iter().find(is_it).cloned().unwrap_or(release);
        self.serves(KeptRelease { since: now(), ..kept });
    }

    /// Notes a rollback. The build that was left, which was read at `source`, is refused from now
    /// on, unless the same build serves instead.
    pub fn rolled_back(&mut self, rollback: RollbackRecord, source: PathBuf) {
        let RollbackRecord { from, to, reason, at, .. } = &rollback;
        if from != to {
            let (build_id, reason, at) = (from.clone(), reason.clone(), *at);
            self.refuse(RefusedBuild { build_id, source, reason, at });
        }
        self.rollbacks += 1;
        self.last_rollback = Some(rollback);
    }

    /// Refuses a build no longer.
    pub fn allow(&mut self, build_id: &BuildId) {
        self.refused.retain(|refused| refused.build_id != *build_id);
    }

    /// The release that serves as library `slot`.
    #[must_use]
    pub fn serving(&self, slot: usize) -> Option<&KeptRelease> {
        let current = self.current.get(&slot)?;
        self.releases.iter().find(|kept| kept.slot == slot && kept.build_id == *current)
    }

    /// The release that served as library `slot` before, and was not refused.
    ///
    /// # Errors
    /// When there is none.
    pub fn before(&self, slot: usize) -> Result<&KeptRelease, RollbackError> {
        let current = self.current.get(&slot);
        let mut others = self
            .releases
            .iter()
            .rev()
            .filter(|kept| kept.slot == slot && Some(&kept.build_id) != current)
            .peekable();
        let none = if others.peek().is_some() {
            RollbackError::AllRefused
        } else {
            RollbackError::Nothing
        };
        others.find(|kept| self.refusal(&kept.build_id).is_none()).ok_or(none)
    }

    /// The kept release whose build id begins with `wanted`.
    ///
    /// # Errors
    /// When it is none, several, the one that serves, or refused.
    pub fn named(&self, wanted: &str) -> Result<&KeptRelease, RollbackError> {
        let fits = |kept: &&KeptRelease| kept.build_id.as_str().starts_with(wanted);
        let found: Vec<&KeptRelease> =
            self.releases.iter().filter(fits).filter(|_| !wanted.is_empty()).collect();
        let list = |releases: &mut dyn Iterator<Item = &KeptRelease>| {
            let names: Vec<_> = releases.map(|kept| kept.build_id.to_string()).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let kept = match found.as_slice() {
            [] => {
                let kept = list(&mut self.releases.iter());
                return Err(RollbackError::Unknown { wanted: wanted.to_owned(), kept });
            }
            [kept] => kept,
            several => {
                let kept = list(&mut several.iter().copied());
                return Err(RollbackError::Ambiguous { wanted: wanted.to_owned(), kept });
            }
        };
        if self.current.get(&kept.slot) == Some(&kept.build_id) {
            return Err(RollbackError::Current(kept.build_id.clone()));
        }
        match self.refusal(&kept.build_id) {
            Some(RefusedBuild { build_id, reason, .. }) => {
                Err(RollbackError::Refused { build_id: build_id.clone(), reason: reason.clone() })
            }
            None => Ok(kept),
        }
    }

    /// The release that `nova rollback` goes back to: the one that is named, or the one before.
    ///
    /// # Errors
    /// When there is none, or more than one that could be meant.
    pub fn wanted(&self, named: Option<&str>) -> Result<&KeptRelease, RollbackError> {
        match named {
            Some(build_id) => self.named(build_id),
            None if self.current.len() > 1 => {
                let old = self.releases.iter().filter(|kept| {
                    self.current.get(&kept.slot) != Some(&kept.build_id)
                        && self.refusal(&kept.build_id).is_none()
                });
                let list = old.map(|kept| format!("{} ({})", kept.build_id, kept.app));
                Err(RollbackError::WhichLibrary { kept: list.collect::<Vec<_>>().join(", ") })
            }
            None => self.before(self.current.keys().next().copied().unwrap_or_default()),
        }
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// How long ago a moment in seconds since 1970 was; a clock that was set back makes it now.
pub(crate) fn age(at: u64) -> Duration {
    Duration::from_secs(now().saturating_sub(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(name: &str) -> BuildId {
        BuildId::of(name.as_bytes())
    }

    fn kept(slot: usize, name: &str) -> KeptRelease {
        KeptRelease {
            slot,
            build_id: build(name),
            app: format!("{name} 0.1.0"),
            source: "/srv/build".into(),
            folder: None,
            since: 1,
        }
    }

    fn log(names: &[&str]) -> ReleaseLog {
        let mut log = ReleaseLog::default();
        for name in names {
            log.serves(kept(0, name));
        }
        log
    }

    fn refuse(log: &mut ReleaseLog, name: &str) {
        log.refuse(RefusedBuild {
            build_id: build(name),
            source: "/srv/build".into(),
            reason: "it panicked".into(),
            at: 2,
        });
    }

    #[test]
    fn the_one_that_serves_and_five_before_it_are_kept() {
        let mut log = log(&["a", "b", "c", "d", "e", "f", "g", "h"]);
        log.serves(kept(1, "other"));
        let apps: Vec<_> = log.releases.iter().map(|kept| &kept.app[..1]).collect();
        assert_eq!(apps, ["c", "d", "e", "f", "g", "h", "o"]);
        assert_eq!(log.serving(0).unwrap().build_id, build("h"));
        assert_eq!(log.serving(1).unwrap().build_id, build("other"));
    }

    #[test]
    fn a_release_that_serves_again_is_the_newest_once() {
        let log = log(&["a", "b", "a"]);
        assert_eq!(log.releases.len(), 2);
        assert_eq!(log.before(0).unwrap().build_id, build("b"));
    }

    #[test]
    fn the_way_back_leaves_refused_builds_out() {
        let mut log = log(&["a", "b", "c"]);
        assert_eq!(log.before(0).unwrap().build_id, build("b"));
        refuse(&mut log, "b");
        assert_eq!(log.before(0).unwrap().build_id, build("a"));
        refuse(&mut log, "a");
        assert_eq!(log.before(0), Err(RollbackError::AllRefused));
        log.allow(&build("b"));
        assert_eq!(log.before(0).unwrap().build_id, build("b"));
        assert_eq!(log.before(1), Err(RollbackError::Nothing));
    }

    #[test]
    fn a_release_is_named_by_the_beginning_of_its_build_id() {
        let mut log = log(&["a", "b", "c"]);
        let a = build("a");
        assert_eq!(log.wanted(Some(&a.as_str()[..6])).unwrap().build_id, a);
        assert_eq!(log.wanted(Some(build("c").as_str())), Err(RollbackError::Current(build("c"))));
        assert!(matches!(log.wanted(Some("xyz")), Err(RollbackError::Unknown { .. })));
        assert!(matches!(log.wanted(Some("")), Err(RollbackError::Unknown { .. })));
        refuse(&mut log, "a");
        assert!(matches!(log.wanted(Some(a.as_str())), Err(RollbackError::Refused { .. })));
        assert_eq!(log.wanted(None).unwrap().build_id, build("b"));
        log.serves(kept(1, "d"));
        let error = log.wanted(None).unwrap_err().to_string();
        assert!(error.contains("--to") && error.contains("b 0.1.0"), "{error}");
        assert!(!error.contains("a 0.1.0"), "{error}");
    }

    #[test]
    fn refusals_do_not_grow_without_end() {
        let mut log = ReleaseLog::default();
        for number in 0..REFUSALS + 10 {
            refuse(&mut log, &number.to_string());
        }
        refuse(&mut log, "50");
        assert_eq!(log.refused.len(), REFUSALS);
        assert!(log.refusal(&build("9")).is_none());
        assert_eq!(log.refused.last().unwrap().build_id, build("50"));
    }
}
