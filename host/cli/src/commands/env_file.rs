//! `.env`, for commands that do not read it: which of its variables they lack.

use std::path::Path;

use anyhow::anyhow;

use crate::dev::settings::{ENVIRONMENT, variables};

/// What an error about `init` begins with.
const INIT: &str = "`init` of app.rs";

/// The outcome of a command in the app in `dir`. Where `init` failed, and `.env` sets what this
/// process does not have, the error says so: the values are not read, because those of production
/// are others.
///
/// # Errors
/// Those of the outcome.
pub(super) fn explain<T>(
    dir: &Path,
    command: &str,
    outcome: anyhow::Result<T>,
) -> anyhow::Result<T> {
    outcome.map_err(|error| {
        let Some(advice) = advice(dir, command) else { return error };
        let text = format!("{error:#}");
        if text.contains(INIT) { anyhow!("{text}\n  help: {advice}") } else { error }
    })
}

fn advice(dir: &Path, command: &str) -> Option<String> {
    let variables = variables(dir).ok().filter(|variables| !variables.is_empty())?;
    let names: Vec<_> = variables.iter().map(|(name, _)| name.to_string_lossy()).collect();
    Some(format!(
        "{ENVIRONMENT} sets {}, and `{command}` does not read it, because it is for development; \
         to have what it says for once: (set -a; . ./{ENVIRONMENT}; {command})",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failed_init_names_the_variables_that_were_not_read() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let fails = |text: &'static str| {
            let outcome: anyhow::Result<()> = (|| bail!(text))();
            explain(dir.path(), "nova build", outcome).unwrap_err().to_string()
        };
        let init = "`init` of app.rs returned an error: NOVA_TEST_SECRET is not set";
        assert_eq!(fails(init), init, "there is no .env");
        std::fs::write(
            dir.path().join(ENVIRONMENT),
            "PATH=x\nNOVA_TEST_SECRET=hush\nNOVA_TEST_DB=y\n",
        )
        .expect("a file");
        assert_eq!(fails("something else"), "something else");
        let said = fails(init);
        let help =
            "help: .env sets NOVA_TEST_SECRET, NOVA_TEST_DB, and `nova build` does not read it";
        assert!(said.starts_with(init) && said.contains(help), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}
