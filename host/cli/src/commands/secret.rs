//! `NOVA_SECRET`, which signs and encrypts the cookies of an app: which apps need one, and one to
//! develop with.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use nova_host::library::digest::hex;
use nova_route_template::scaffold::AppSdk;
use zeroize::Zeroizing;

use crate::dev::settings::ENVIRONMENT;

/// The variable.
pub(super) const VARIABLE: &str = "NOVA_SECRET";

/// How one is made.
pub(super) const ADVICE: &str = "`openssl rand -hex 32` prints one";

/// The least number of characters, as the SDK has it.
const LEAST: usize = 32;

/// The features of the SDK that sign or encrypt.
const CERTAIN: [&str; 3] = ["auth", "cookies-private", "sessions"];

/// Those with which an app may do without: its manifest does not say what it uses of all features, nor
/// where its sessions are.
const POSSIBLE: [&str; 2] = ["full", "sessions-store"];

/// Whether an app needs a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    No,
    /// It names a feature with which it may do without.
    Possible,
    Certain,
}

/// Whether the app in this folder signs or encrypts: it names a feature for that.
pub(super) fn need(app: &Path) -> Need {
    let features = AppSdk::of(app).map(|sdk| sdk.features).unwrap_or_default();
    let names = |group: &[&str]| features.iter().any(|feature| group.contains(&feature.as_str()));
    match (names(&CERTAIN), names(&POSSIBLE)) {
        (true, _) => Need::Certain,
        (false, true) => Need::Possible,
        (false, false) => Need::No,
    }
}

/// Whether it is to be told of: an app that does without loses nothing by having one.
pub(super) fn is_needed(app: &Path) -> bool {
    need(app) != Need::No
}

/// Why a value is not fit.
pub(super) fn misfit(value: &str) -> Option<String> {
    let short = value.split(',').map(str::trim).find(|secret| secret.len() < LEAST)?;
    Some(format!("one of {} characters is too short, it takes {LEAST} or more", short.len()))
}

/// Writes a secret for development into `.env` of a new app, which git ignores.
///
/// # Errors
/// If the system gives no random numbers, or the file cannot be written.
pub(super) fn write(app: &Path) -> anyhow::Result<()> {
    let mut bytes = Zeroizing::new([0; LEAST]);
    getrandom::fill(&mut *bytes).context("the system gives no random numbers for a secret")?;
    let path = app.join(ENVIRONMENT);
    let text = Zeroizing::new(format!(
        "# Variables for `nova dev`, which stay out of git. Those of a release are set where it runs.\n\
         # Signs and encrypts cookies.\n{VARIABLE}={}\n",
        hex(&*bytes)
    ));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::dev::settings::variables;

    #[test]
    fn a_new_app_has_one_of_its_own() {
        let values = [(); 2].map(|()| {
            let app = tempfile::tempdir().expect("a folder");
            write(app.path()).expect("written");
            assert!(write(app.path()).is_err(), "what is there is not written over");
            let variables = variables(app.path()).expect("it can be read");
            let [(name, value)] = &variables[..] else { panic!("{variables:?}") };
            assert_eq!(name, VARIABLE);
            value.to_str().expect("text").to_owned()
        });
        assert_eq!((values[0].len(), misfit(&values[0])), (64, None));
        assert_ne!(values[0], values[1]);
    }

    #[test]
    fn it_is_needed_where_the_app_names_a_feature_for_it() {
        for (features, needed) in [
            ("[]", Need::No),
            ("[\"cookies\"]", Need::No),
            ("[\"multipart\", \"sessions\"]", Need::Certain),
            ("[\"full\"]", Need::Possible),
            ("[\"sessions-store\"]", Need::Possible),
            ("[\"full\", \"auth\"]", Need::Certain),
        ] {
            let app = tempfile::tempdir().expect("a folder");
            let manifest = format!(
                "[package]\nname = \"shop\"\n[dependencies]\n\
                 nova = {{ package = \"nova-plugin-sdk\", path = \"x\", features = {features} }}\n"
            );
            fs::write(app.path().join("Cargo.toml"), manifest).expect("written");
            assert_eq!(need(app.path()), needed, "{features}");
            assert_eq!(is_needed(app.path()), needed != Need::No, "{features}");
        }
    }
}
