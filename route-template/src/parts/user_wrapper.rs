//! The program that the user has told cargo to call the compiler by, such as `sccache`.
//!
//! cargo calls it with the workspace wrapper behind it, and a program that looks at which compiler
//! it has before it refuses ours. So ours comes first, and calls it for everything but the app's
//! crate. Its place is found as cargo finds it: the environment, then the settings from the app's
//! folder upwards, then those of cargo's home.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::parts::cache_keys::cargo_home;

/// The variables, the first that is set counts; one that is empty turns the settings off.
const VARIABLES: [&str; 2] = ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"];

/// The wrapper for an app in `dir`; `variable` looks into the environment that cargo sees.
pub(super) fn find(dir: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(set) = VARIABLES.iter().find_map(|name| variable(name)) {
        return (!set.is_empty()).then(|| set.into());
    }
    let folders = dir.ancestors().map(|folder| folder.join(".cargo")).chain(cargo_home());
    folders.into_iter().find_map(|folder| of_settings(&folder))
}

/// What the settings in a folder say. A name with a slash is seen from the folder around it.
fn of_settings(folder: &Path) -> Option<PathBuf> {
    let text = ["config", "config.toml"]
        .into_iter()
        .find_map(|name| std::fs::read_to_string(folder.join(name)).ok())?;
    let settings: Table = toml::from_str(&text).ok()?;
    let name = settings.get("build")?.get("rustc-wrapper").and_then(Value::as_str)?;
    match name.contains('/') {
        true => Some(folder.parent().unwrap_or(folder).join(name)),
        false => Some(name.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_where_cargo_finds_it() {
        let dir = tempfile::tempdir().unwrap();
        let app = dir.path().join("ws/app");
        for (file, text) in [
            ("ws/.cargo/config.toml", "[build]\nrustc-wrapper = \"tools/wrap\"\n"),
            ("ws/app/.cargo/config.toml", "[build]\njobs = 2\n"),
        ] {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let found = |set: &[(&str, &str)]| {
            let set: Vec<_> = set.to_vec();
            find(&app, |name| set.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into()))
        };
        let in_settings = dir.path().join("ws/tools/wrap");
        for (set, expected) in [
            (&[][..], Some(in_settings)),
            (&[("RUSTC_WRAPPER", "sccache")], Some("sccache".into())),
            (&[("CARGO_BUILD_RUSTC_WRAPPER", "cachepot")], Some("cachepot".into())),
            (&[("RUSTC_WRAPPER", "")], None),
        ] {
            assert_eq!(found(set), expected, "{set:?}");
        }
        std::fs::write(app.join(".cargo/config"), "[build]\nrustc-wrapper = \"sccache\"\n")
            .unwrap();
        assert_eq!(found(&[]), Some("sccache".into()));
    }
}
