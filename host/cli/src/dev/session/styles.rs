//! The app's stylesheet in development: always under one address, compiled in memory.
//!
//! The page shell links the address that a library was given when it started. It must lead to
//! the newest styles although the library knows nothing of them, so it names no content; what is
//! sent to open pages does, and thereby passes every cache.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nova_route_template::{
    Browsers, PartialSettings, Project, Settings, Style, StyleError, compile_styles,
};

/// Where the stylesheet is served.
pub(crate) const URL: &str = "/__nova/style.css";

/// A stylesheet that compiled.
#[derive(Debug)]
pub(crate) struct CompiledStyles {
    /// Its address, which is another one for another content.
    pub(crate) href: String,
    /// The CSS.
    pub(crate) css: String,
    /// What the compiler had to say.
    pub(crate) warnings: Vec<String>,
}

/// The files that the stylesheet is made of, by absolute paths, wherever they are.
#[derive(Debug, Default)]
pub(crate) struct StyleInputs(BTreeSet<PathBuf>);

impl StyleInputs {
    /// Whether the stylesheet is made of this file.
    pub(crate) fn contains(&self, path: &Path) -> bool {
        self.0.contains(path)
    }

    /// All of them.
    pub(crate) fn paths(&self) -> &BTreeSet<PathBuf> {
        &self.0
    }

    /// These files were read. Up to a mistake, those that were read before count on: the mistake
    /// hides what comes behind it, and a partial that is gone may come back.
    fn update(&mut self, read: BTreeSet<PathBuf>, is_mistake: bool) {
        if !is_mistake {
            self.0.clear();
        }
        self.0.extend(read);
    }
}

/// Compiles the styles of an app, and finds out what they are made of; an app without any has an
/// empty stylesheet.
///
/// # Errors
/// With what is wrong with them.
pub(crate) fn compile(
    project: &Project,
    inputs: &mut StyleInputs,
) -> Result<CompiledStyles, StyleError> {
    let compiled = compile_styles(project, Style::Expanded, browsers(project));
    inputs.update(compiled.inputs, compiled.sheet.is_err());
    let (css, hash, warnings) = match compiled.sheet? {
        Some(sheet) => (sheet.css, sheet.hash, sheet.warnings),
        None => (String::new(), "none".to_owned(), Vec::new()),
    };
    Ok(CompiledStyles { href: format!("{URL}?{hash}"), css, warnings })
}

/// The browsers that the settings name. A mistake in them is told elsewhere.
fn browsers(project: &Project) -> Browsers {
    let settings = Settings::load(project.dir(), |_| None, PartialSettings::default());
    settings.map(|settings| settings.build.browsers).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn inputs_are_those_of_the_last_stylesheet_and_of_mistakes_since() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let root = dir.path().canonicalize().expect("a path");
        let write = |file: &str, text: &str| {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        write("app/Cargo.toml", "[package]\nname = \"app\"\n");
        write("app/node_modules/x/_a.scss", "a { top: 0 }\n");
        write("ui/_colours.scss", "$ink: red;\n");
        let mut inputs = StyleInputs::default();
        for (text, is_well, expected) in [
            ("@use '../node_modules/x/a';\n", true, &["app/node_modules/x/_a.scss"][..]),
            ("@use '../../ui/colours';\n", true, &["ui/_colours.scss"]),
            // What is missing now is looked for still, and what is new counts as well.
            (
                "@use '../node_modules/x/a';\n@use 'none';\n",
                false,
                &["app/node_modules/x/_a.scss", "ui/_colours.scss"],
            ),
            ("a { top: 0 }\n", true, &[]),
        ] {
            write("app/styles/main.scss", text);
            let project = Project::open(&root.join("app")).expect("an app");
            assert_eq!(compile(&project, &mut inputs).is_ok(), is_well, "{text}");
            let expected = expected.iter().chain(&["app/styles/main.scss"]);
            let expected: BTreeSet<_> = expected.map(|file| root.join(file)).collect();
            assert_eq!(*inputs.paths(), expected, "{text}");
            assert!(expected.iter().all(|path| inputs.contains(path)));
        }
    }
}
