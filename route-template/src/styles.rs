//! `styles/` as one stylesheet: every `.css`, `.scss` and `.sass` file at its top, in the order of
//! their names, each compiled on its own. A name that begins with `_` is a partial, for `@use`.
//!
//! A `.css` file never meets Sass. What Sass makes of the others is CSS, and goes the same way.

mod browsers;
mod css;
mod error;
mod panics;
mod sass;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

pub use browsers::{BrowserVersion, Browsers};
pub use error::StyleError;

use crate::digest::sha256;
use crate::project::Project;
use css::Sheet;

/// How a stylesheet is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// To be read, in development.
    Expanded,
    /// To be small.
    Compressed,
}

/// The stylesheet of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stylesheet {
    /// The CSS.
    pub css: String,
    /// Names the content: the first 16 digits of its SHA-256.
    pub hash: String,
    /// What `@warn`, `@debug` and the compilers had to say, with its place.
    pub warnings: Vec<String>,
}

/// What became of an app's styles.
#[derive(Debug)]
pub struct CompiledStyles {
    /// The files that were read, wherever they are, by absolute paths: partials too, and also those
    /// that were read before a mistake.
    pub inputs: BTreeSet<PathBuf>,
    /// The stylesheet; `None` for an app without styles.
    pub sheet: Result<Option<Stylesheet>, StyleError>,
}

impl Stylesheet {
    /// The name of its file: `style-` and the hash.
    pub fn file_name(&self) -> String {
        format!("style-{}.css", self.hash)
    }

    pub(crate) fn is_file_name(name: &str) -> bool {
        let hash = name.strip_prefix("style-").and_then(|name| name.strip_suffix(".css"));
        hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
    }
}

/// Compiles the app's styles, for `browsers` if any are named.
pub fn compile_styles(project: &Project, style: Style, browsers: Browsers) -> CompiledStyles {
    let Some(folder) = project.styles() else {
        return CompiledStyles { inputs: BTreeSet::new(), sheet: Ok(None) };
    };
    let compiler = Compiler {
        dir: project.dir(),
        style,
        browsers,
        inputs: RefCell::default(),
        warnings: RefCell::default(),
    };
    let sheet = compiler.sheet(folder);
    CompiledStyles { inputs: compiler.inputs.into_inner(), sheet }
}

/// One run over the styles of an app.
#[derive(Debug)]
struct Compiler<'a> {
    /// The app's folder.
    dir: &'a Path,
    style: Style,
    browsers: Browsers,
    inputs: RefCell<BTreeSet<PathBuf>>,
    warnings: RefCell<Vec<String>>,
}

impl Compiler<'_> {
    fn sheet(&self, folder: &str) -> Result<Option<Stylesheet>, StyleError> {
        let files = entries(self.dir, folder)?;
        if files.is_empty() {
            return Ok(None);
        }
        let sheets = files.iter().map(|file| panics::caught(file, || self.file(file)));
        let css = join(&sheets.collect::<Result<Vec<_>, _>>()?);
        let hash = sha256(css.as_bytes())[..16].to_owned();
        Ok(Some(Stylesheet { css, hash, warnings: self.warnings.take() }))
    }

    fn file(&self, file: &str) -> Result<Sheet, StyleError> {
        if file.ends_with(".css") {
            let bytes = self
                .read(Path::new(file))
                .map_err(|source| StyleError::Unreadable { file: file.to_owned(), source })?;
            let text = String::from_utf8(bytes).map_err(|_| StyleError::not_utf8(file))?;
            self.css(file, &text)
        } else {
            let text = self.sass(file)?;
            self.css(file, &text)
        }
    }

    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let path = self.dir.join(path);
        self.inputs.borrow_mut().insert(without_dots(&path));
        std::fs::read(path)
    }

    fn warn(&self, file: &str, line: usize, message: &str) {
        self.warnings.borrow_mut().push(format!("{file}:{line}: {message}"));
    }
}

/// The files to compile, from the app's folder and sorted.
fn entries(dir: &Path, folder: &str) -> Result<Vec<String>, StyleError> {
    let unreadable = |source| StyleError::Unreadable { file: folder.to_owned(), source };
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir.join(folder)).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        // The compilers know files by text, so a name that is not UTF-8 cannot be one of them.
        let Some(name) = name.to_str() else { continue };
        let stem = [".css", ".scss", ".sass"].iter().find_map(|end| name.strip_suffix(end));
        let Some(stem) = stem.filter(|stem| !stem.starts_with(['_', '.'])) else { continue };
        let file = format!("{folder}/{name}");
        if let Some(other) = files.insert(stem.to_owned(), file.clone()) {
            let (first, second) = if other < file { (other, file) } else { (file, other) };
            return Err(StyleError::Twice { first, second });
        }
    }
    let mut files: Vec<_> = files.into_values().collect();
    files.sort();
    Ok(files)
}

/// One sheet after the other. An `@import` counts only before all rules, and a `@namespace` only
/// after imports, so those of all sheets go there.
fn join(sheets: &[Sheet]) -> String {
    let parts = sheets.iter().map(|sheet| &sheet.imports);
    let parts = parts.chain(sheets.iter().map(|sheet| &sheet.namespaces));
    let parts = parts.chain(sheets.iter().map(|sheet| &sheet.rules));
    let mut css = String::new();
    for part in parts.map(|part| part.trim_end()).filter(|part| !part.is_empty()) {
        css.push_str(part);
        css.push('\n');
    }
    css
}

/// `/app/styles/../theme/_a.scss` as `/app/theme/_a.scss`, unless `styles` is a link to a folder that
/// has another one around it.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    let is_same = clean.canonicalize().ok() == path.canonicalize().ok();
    if is_same { clean } else { path.to_owned() }
}

#[cfg(test)]
mod tests;
