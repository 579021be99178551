//! `.env` and `nova.toml`: what holds for a whole process.

use std::path::{Path, PathBuf};

use nova_route_template::{PartialSettings, Settings, SettingsError};

/// The name of the file with variables for development.
pub(crate) const ENVIRONMENT: &str = ".env";

/// Why a process could not start with these files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("{}: {source}; a line is NAME=value, or NAME=\"a value\"", .path.display())]
    Environment { path: PathBuf, source: dotenvy::Error },
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// The names that the app's `.env` gives a value; none without one.
pub(crate) fn variables(dir: &Path) -> Result<Vec<String>, Unfit> {
    let path = dir.join(ENVIRONMENT);
    let unfit = |source| Unfit::Environment { path: path.clone(), source };
    match dotenvy::from_path_iter(&path) {
        Ok(variables) => variables.map(|it| it.map(|(name, _)| name).map_err(unfit)).collect(),
        Err(error) if error.not_found() => Ok(Vec::new()),
        Err(error) => Err(unfit(error)),
    }
}

/// Whether a process could start with the files as they are.
pub(crate) fn check(dir: &Path) -> Result<(), Unfit> {
    variables(dir)?;
    Settings::load(dir, |_| None, PartialSettings::default())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfit(file: &str, text: &str) -> Option<String> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join(file), text).expect("a file");
        let error = check(dir.path()).err()?.to_string();
        Some(error.replace(&format!("{}/", dir.path().display()), ""))
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
