//! Names for apps: what cargo takes for a package, and rustc for a crate.

use std::path::Path;

use crate::sdk;

/// The name of an app's package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppName(String);

/// Why a name is invalid for an app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The folder has no name, as `/` has none.
    #[error("this folder has no name\n  help: say how the app is called: `--name my-app`")]
    Nameless,
    /// A character that cannot be in it, or not at its beginning.
    #[error(
        "`{name}` cannot be the name of an app: use letters, digits, `-` and `_`, a letter \
         first{}",
        help(name)
    )]
    Characters {
        /// The name.
        name: String,
    },
    /// A name that stands for something else in the app's code.
    #[error("`{name}` cannot be the name of an app: it is {what}{}", help(name))]
    Taken {
        /// The name.
        name: String,
        /// What has this name.
        what: &'static str,
    },
}

/// A name that would do.
fn help(name: &str) -> String {
    let mut near = String::new();
    for c in name.to_ascii_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' => near.push(c),
            _ if near.ends_with('-') => {}
            _ => near.push('-'),
        }
    }
    let near = match near.trim_matches('-') {
        "" => "my-app".to_owned(),
        near if AppName::parse(near).is_ok() => near.to_owned(),
        near => format!("my-{near}"),
    };
    format!("\n  help: `--name {near}` would do")
}

impl AppName {
    /// Checks a name.
    ///
    /// # Errors
    /// If cargo or rustc would not take it.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let is_first = |c: char| c.is_ascii_alphabetic();
        let is_rest = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !name.starts_with(is_first) || !name.chars().all(is_rest) {
            return Err(NameError::Characters { name: name.to_owned() });
        }
        let what = match name.replace('-', "_").as_str() {
            "nova_plugin_sdk" => "the SDK's",
            name if sdk::is_crate(name) => "the SDK's",
            "serde" | "serde_json" => "a dependency's",
            "std" | "core" | "alloc" | "proc_macro" | "test" => "a library of Rust",
            "build" | "deps" | "examples" | "incremental" => "a folder of cargo's",
            krate if syn::parse_str::<syn::Ident>(krate).is_err() => "a keyword of Rust",
            _ => return Ok(Self(name.to_owned())),
        };
        Err(NameError::Taken { name: name.to_owned(), what })
    }

    /// The name of a folder as that of the app in it.
    ///
    /// # Errors
    /// If the folder has no name, or an invalid one.
    pub fn of_folder(dir: &Path) -> Result<Self, NameError> {
        let name = dir.file_name().ok_or(NameError::Nameless)?;
        Self::parse(&name.to_string_lossy())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it stands in code: `my_app` for `my-app`.
    pub(super) fn krate(&self) -> String {
        self.0.replace('-', "_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_takes() {
        for name in ["site", "my-site", "my_site", "Site2", "a"] {
            assert_eq!(AppName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(AppName::of_folder(Path::new("/home/me/my-site")).unwrap().krate(), "my_site");
    }

    #[test]
    fn other_names_get_a_proposal() {
        for (name, expected) in [
            ("My Site!", "`--name my-site` would do"),
            ("2024", "`--name my-2024` would do"),
            ("nova", "it is the SDK's\n  help: `--name my-nova` would do"),
            ("test", "it is a library of Rust\n  help: `--name my-test` would do"),
            ("async", "it is a keyword of Rust\n  help: `--name my-async` would do"),
            ("网站", "`--name my-app` would do"),
            ("", "`--name my-app` would do"),
            ("-x", "`--name x` would do"),
        ] {
            let error = AppName::parse(name).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        assert_eq!(AppName::of_folder(Path::new("/")), Err(NameError::Nameless));
    }
}
