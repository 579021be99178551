//! The folders that a service manager gives to a host.
//!
//! systemd makes them for a unit (`StateDirectory=`, `RuntimeDirectory=`), also for one with
//! `DynamicUser=`, and says in the environment where they are.

use std::env;
use std::path::PathBuf;

/// What outlives a restart: `$STATE_DIRECTORY`.
pub(crate) fn state_folder() -> Option<PathBuf> {
    first(env::var_os("STATE_DIRECTORY")?.into_string().ok()?.as_str())
}

/// What is gone when the host is: `$RUNTIME_DIRECTORY`.
pub(crate) fn runtime_folder() -> Option<PathBuf> {
    first(env::var_os("RUNTIME_DIRECTORY")?.into_string().ok()?.as_str())
}

/// A unit may have several, with colons between them.
fn first(folders: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(folders.split(':').next()?);
    folder.is_absolute().then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_folders() {
        assert_eq!(first("/var/lib/nova"), Some("/var/lib/nova".into()));
        assert_eq!(first("/var/lib/a:/var/lib/b"), Some("/var/lib/a".into()));
        for none in ["", ":", "relative"] {
            assert_eq!(first(none), None, "{none}");
        }
    }
}
