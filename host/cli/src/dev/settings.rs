//! `.env` and `nova.toml`: what holds for a whole process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nova_route_template::{PartialSettings, Settings, SettingsError};

/// Variables that a process gets besides those of this one.
pub(crate) type Environment = Vec<(OsString, OsString)>;

/// The name of the file with variables for development.
pub(crate) const ENVIRONMENT: &str = ".env";

/// Why a process could not start with these files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevSettingsError {
    #[error("{}: {source}; a line is NAME=value, or NAME=\"a value\"", .path.display())]
    Environment { path: PathBuf, source: dotenvy::Error },
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// The variables that the app's `.env` sets and this process does not have; none without a file.
pub(crate) fn variables(dir: &Path) -> Result<Environment, DevSettingsError> {
    let path = dir.join(ENVIRONMENT);
    let unfit = |source| DevSettingsError::Environment { path: path.clone(), source };
    let variables = match dotenvy::from_path_iter(&path) {
        Ok(variables) => variables,
        Err(error) if error.not_found() => return Ok(Environment::new()),
        Err(error) => return Err(unfit(error)),
    };
    let mut environment = Environment::new();
    for variable in variables {
        let (name, value) = variable.map_err(unfit)?;
        let (name, value) = (OsString::from(name), OsString::from(value));
        // The environment that we were started in has the first word, and then the first line of the file.
        if std::env::var_os(&name).is_none() && environment.iter().all(|(it, _)| *it != name) {
            environment.push((name, value));
        }
    }
    Ok(environment)
}

/// A variable of `environment` or of this process.
pub(crate) fn variable(environment: &Environment, name: &str) -> Option<OsString> {
    let own = environment.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone());
    own.or_else(|| std::env::var_os(name))
}

/// The files as they are.
pub(crate) fn read(
    dir: &Path,
    flags: PartialSettings,
) -> Result<(Settings, Environment), DevSettingsError> {
    let environment = variables(dir)?;
    let settings = Settings::load(dir, |name| variable(&environment, name), flags)?;
    Ok((settings, environment))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfit(file: &str, text: &str) -> Option<String> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join(file), text).expect("a file");
        let error = read(dir.path(), PartialSettings::default()).err()?.to_string();
        Some(error.replace(&format!("{}/", dir.path().display()), ""))
    }

    #[test]
    fn the_process_has_the_first_word_and_then_the_first_line() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join(".env"), "PATH=none\nNOVA_TEST_A=1\nNOVA_TEST_A=2\n")
            .expect("a file");
        let environment = variables(dir.path()).expect("variables");
        assert_eq!(environment, [("NOVA_TEST_A".into(), "1".into())]);
        assert_eq!(variable(&environment, "NOVA_TEST_A"), Some("1".into()));
        assert_eq!(variable(&environment, "PATH"), std::env::var_os("PATH"));
    }

    #[test]
    fn mistakes_are_found_before_they_end_a_session() {
        assert_eq!(unfit(".env", "# comment\nA=1\nexport B='two words'\n"), None);
        assert_eq!(unfit("nova.toml", "port = 3000\n"), None);
        let environment = unfit(".env", "A=1\nno value here\n").expect("a mistake");
        assert!(
            environment.starts_with(".env: ") && environment.contains("no value here"),
            "{environment}"
        );
        let settings = unfit("nova.toml", "port = \n").expect("a mistake");
        assert!(settings.starts_with("nova.toml: "), "{settings}");
    }
}
