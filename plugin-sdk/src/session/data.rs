//! What is in a session, and what a request has changed of it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// The values of a session, by their keys.
pub(super) type Values = BTreeMap<String, Value>;

/// Now, in seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// When a session began, and when it was last saved: in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) began: u64,
    pub(super) saved: u64,
}

impl Times {
    pub(super) fn new() -> Self {
        let now = now();
        Times { began: now, saved: now }
    }

    /// How much longer it lasts; `None` when it is over.
    pub(super) fn left(self, idle: Duration, absolute: Duration) -> Option<Duration> {
        let ends = (self.saved.saturating_add(idle.as_secs()))
            .min(self.began.saturating_add(absolute.as_secs()));
        ends.checked_sub(now()).filter(|left| *left > 0).map(Duration::from_secs)
    }

    /// Whether it is time to note that it is used, though nothing has changed.
    pub(super) fn are_old(self, idle: Duration) -> bool {
        now().saturating_sub(self.saved) > idle.as_secs() / 10
    }
}

/// What a request has done to a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// The new values; `None`: the key is gone.
    keys: BTreeMap<String, Option<Value>>,
    /// Whether it has another key, or began anew.
    pub(super) renewed: bool,
    /// Whether what was in it before is gone.
    pub(super) cleared: bool,
}

impl Changes {
    pub(super) fn are_there(&self) -> bool {
        self.renewed || self.cleared || !self.keys.is_empty()
    }

    pub(super) fn set(&mut self, key: &str, value: Option<Value>) {
        self.keys.insert(key.to_owned(), value);
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.cleared = true;
    }

    /// What a key is, if this request has changed it.
    pub(super) fn get(&self, key: &str) -> Option<Option<&Value>> {
        match self.keys.get(key) {
            Some(value) => Some(value.as_ref()),
            None if self.cleared => Some(None),
            None => None,
        }
    }

    /// The values with these changes.
    pub(super) fn apply(&self, before: Values) -> Values {
        let mut values = if self.cleared { Values::new() } else { before };
        for (key, value) in &self.keys {
            match value {
                Some(value) => drop(values.insert(key.clone(), value.clone())),
                None => drop(values.remove(key)),
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_itself() {
        let hour = Duration::from_secs(3600);
        let ago = |began: u64, saved: u64| Times { began: now() - began, saved: now() - saved };
        let left = |times: Times| times.left(hour, 5 * hour).map(|left| left.as_secs() / 60);
        for (times, want) in [
            (ago(0, 0), Some(60)),
            (ago(3600, 1800), Some(30)),
            (ago(3600, 3601), None),
            (ago(5 * 3600 - 660, 0), Some(11)),
            (ago(5 * 3600, 0), None),
        ] {
            let got = left(times);
            // A second may pass in between.
            assert!(got == want || got.map(|it| it + 1) == want, "{times:?}: {got:?}");
        }
        assert!(!ago(0, 300).are_old(hour) && ago(0, 400).are_old(hour));
    }

    #[test]
    fn changes_are_put_into_what_is_there() {
        let values = |pairs: &[(&str, i32)]| -> Values {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect()
        };
        let mut changes = Changes::default();
        changes.set("a", Some(1.into()));
        changes.set("b", None);
        let there = values(&[("b", 0), ("other", 2)]);
        assert_eq!(changes.apply(there.clone()), values(&[("a", 1), ("other", 2)]));
        assert_eq!((changes.get("b"), changes.get("other")), (Some(None), None));
        changes.clear();
        changes.set("c", Some(3.into()));
        assert_eq!(changes.apply(there), values(&[("c", 3)]));
        assert_eq!((changes.get("a"), changes.get("other")), (Some(None), Some(None)));
    }
}
