//! Which library of the table a release replaces.

use std::path::Path;

use super::SwapError;
use crate::release::ledger::ReleaseLog;

/// A release in a place of the table, or on its way to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occupant<'a> {
    source: &'a Path,
    /// The name of its app.
    app: &'a str,
}

impl<'a> Occupant<'a> {
    /// The release that was read at `source`; `app` is the name of its app, and its version.
    pub(super) fn new(source: &'a Path, app: &'a str) -> Self {
        Self { source, app: app.split(' ').next().unwrap_or_default() }
    }
}

/// The place of a release: the only one, that of the release from the same path or over what lay
/// there, or that of the same app.
///
/// # Errors
/// If there is none.
pub(super) fn slot_for(
    serving: &[Occupant<'_>],
    new: Occupant<'_>,
    log: &ReleaseLog,
) -> Result<usize, SwapError> {
    if serving.len() <= 1 {
        return Ok(0);
    }
    serving
        .iter()
        .position(|old| old.source == new.source)
        .or_else(|| log.slot_at(new.source).filter(|slot| *slot < serving.len()))
        .or_else(|| serving.iter().position(|old| old.app == new.app))
        .ok_or_else(|| SwapError::NoSlot {
            path: new.source.to_owned(),
            app: new.app.to_owned(),
            serving: serving
                .iter()
                .map(|old| format!("`{}` ({})", old.app, old.source.display()))
                .collect::<Vec<_>>()
                .join(" and "),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::ledger::Deployment;

    fn occupant<'a>(source: &'a str, app: &'a str) -> Occupant<'a> {
        Occupant::new(Path::new(source), app)
    }

    #[test]
    fn a_release_replaces_what_was_deployed_at_its_path_before_what_has_its_name() {
        let mut log = ReleaseLog::default();
        let source = "/srv/b".into();
        log.deployed.insert(1, Deployment { source, release: String::new() });
        // The second one was swapped in from elsewhere, over what lies at /srv/b.
        let serving = [occupant("/srv/a", "app 1.0.0"), occupant("/tmp/b", "app 2.0.0")];
        for (source, app, slot) in [
            ("/srv/a", "app 1.0.1", Some(0)),
            ("/tmp/b", "app 1.0.1", Some(1)),
            ("/srv/b", "app 1.0.1", Some(1)),
            ("/srv/c", "app 1.0.1", Some(0)),
            ("/srv/c", "application 1.0.0", None),
        ] {
            let found = slot_for(&serving, occupant(source, app), &log);
            assert_eq!(found.as_ref().ok(), slot.as_ref(), "{source} {app}: {found:?}");
        }
        let other = occupant("/srv/c", "application 1.0.0");
        assert!(matches!(slot_for(&serving[..1], other, &log), Ok(0)), "there is no other place");
        let error = slot_for(&serving, other, &log).unwrap_err().to_string();
        assert!(error.contains("`app` (/srv/a) and `app` (/tmp/b)"), "{error}");
    }
}
