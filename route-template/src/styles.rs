//! `styles/` as one stylesheet: every `.scss` and `.css` file at its top, in the order of their
//! names, each compiled on its own. A name that begins with `_` is a partial, for `@use`.

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use codemap::SpanLoc;
use grass::{ErrorKind, Fs, Logger, Options, OutputStyle};

use crate::digest::sha256;
use crate::project::Project;
use crate::source::place::{Place, Position};

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
    /// What `@warn`, `@debug` and the compiler had to say, with its place.
    pub warnings: Vec<String>,
}

/// Why there is no stylesheet.
#[derive(Debug, thiserror::Error)]
pub enum StyleError {
    /// A mistake in a file.
    #[error("{rendered}")]
    Sass {
        /// The first line of what the compiler said.
        message: String,
        /// Where the mistake is, if that is known.
        place: Option<Place>,
        /// The compiler's own text, with the line and a mark below it.
        rendered: String,
    },
    /// A file or the folder cannot be read.
    #[error("{file} cannot be read")]
    Unreadable {
        /// The file or folder, from the app's folder.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The compiler gave up in a way that it does not explain.
    #[error("the Sass compiler failed on {file}: {message}")]
    Crashed {
        /// The file, from the app's folder.
        file: String,
        /// What it panicked with.
        message: String,
    },
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

/// Compiles the app's styles; gives none if there are none.
///
/// # Errors
/// If a file cannot be read, or if the compiler finds a mistake.
pub fn compile_styles(project: &Project, style: Style) -> Result<Option<Stylesheet>, StyleError> {
    let Some(folder) = project.styles() else { return Ok(None) };
    let files = entries(project.dir(), folder)?;
    if files.is_empty() {
        return Ok(None);
    }
    let warnings = Warnings::default();
    let mut sheets = Vec::new();
    for file in &files {
        sheets.push(compile_file(project.dir(), file, style, &warnings)?);
    }
    let css = join(&sheets);
    let hash = sha256(css.as_bytes())[..16].to_owned();
    Ok(Some(Stylesheet { css, hash, warnings: warnings.0.into_inner() }))
}

/// The files to compile, from the app's folder and sorted.
fn entries(dir: &Path, folder: &str) -> Result<Vec<String>, StyleError> {
    let unreadable = |source| StyleError::Unreadable { file: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir.join(folder)).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        // The compiler knows files by text, so a name that is not UTF-8 cannot be one of them.
        let Some(name) = name.to_str() else { continue };
        let is_style = [".scss", ".css"].iter().any(|suffix| name.ends_with(suffix));
        if is_style && !name.starts_with(['_', '.']) {
            files.push(format!("{folder}/{name}"));
        }
    }
    files.sort();
    Ok(files)
}

fn compile_file(
    dir: &Path,
    file: &str,
    style: Style,
    warnings: &Warnings,
) -> Result<String, StyleError> {
    let fs = AppFolder(dir.to_owned());
    let options =
        Options::default().fs(&fs).logger(warnings).allows_charset(false).style(match style {
            Style::Expanded => OutputStyle::Expanded,
            Style::Compressed => OutputStyle::Compressed,
        });
    // A stylesheet in the middle of an edit must not end a development server.
    match catch_unwind(AssertUnwindSafe(|| grass::from_path(file, &options))) {
        Ok(Ok(css)) => Ok(css),
        Ok(Err(error)) => Err(style_error(file, *error)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let message = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            Err(StyleError::Crashed { file: file.to_owned(), message: message.to_owned() })
        }
    }
}

fn style_error(file: &str, error: grass::Error) -> StyleError {
    let rendered = error.to_string().trim_end().to_owned();
    match error.kind() {
        ErrorKind::ParseError { message, loc, .. } => {
            let position = Position { line: loc.begin.line + 1, column: loc.begin.column + 1 };
            let place = Place { file: loc.file.name().to_owned(), position, function: None };
            StyleError::Sass { message, place: Some(place), rendered }
        }
        ErrorKind::IoError(source) => {
            let source = io::Error::new(source.kind(), source.to_string());
            StyleError::Unreadable { file: file.to_owned(), source }
        }
        _ => StyleError::Sass {
            message: "it is not UTF-8".to_owned(),
            place: None,
            rendered: format!("{file} is not UTF-8"),
        },
    }
}

/// One sheet after the other. An `@import` of a URL counts only at the very beginning, so those
/// of all sheets go there.
fn join(sheets: &[String]) -> String {
    let (mut imports, mut rest) = (String::new(), String::new());
    for sheet in sheets {
        let mut sheet = sheet.as_str();
        while sheet.starts_with("@import") {
            let (import, after) = sheet.split_at(statement_end(sheet));
            imports.push_str(import);
            imports.push('\n');
            sheet = after.trim_start();
        }
        rest.push_str(sheet);
        if !sheet.is_empty() && !sheet.ends_with('\n') {
            rest.push('\n');
        }
    }
    imports + &rest
}

/// The length of the statement at the beginning of a text. Strings and addresses may hold `;`.
fn statement_end(text: &str) -> usize {
    let mut quote = None;
    let mut in_parentheses = false;
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => in_parentheses = true,
            (None, ')') => in_parentheses = false,
            (None, ';') if !in_parentheses => return index + 1,
            (None, _) => {}
        }
    }
    text.len()
}

/// The app's folder as the only one there is, so that messages name files from it.
#[derive(Debug)]
struct AppFolder(PathBuf);

impl Fs for AppFolder {
    fn is_dir(&self, path: &Path) -> bool {
        self.0.join(path).is_dir()
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.join(path).is_file()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(self.0.join(path))
    }
}

/// What the compiler says on the way.
#[derive(Debug, Default)]
struct Warnings(RefCell<Vec<String>>);

impl Warnings {
    fn push(&self, location: &SpanLoc, message: &str) {
        let (file, line) = (location.file.name(), location.begin.line + 1);
        self.0.borrow_mut().push(format!("{file}:{line}: {message}"));
    }
}

impl Logger for Warnings {
    fn debug(&self, location: SpanLoc, message: &str) {
        self.push(&location, message);
    }

    fn warn(&self, location: SpanLoc, message: &str) {
        self.push(&location, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An app with these files.
    fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
        let dir = tempfile::tempdir().unwrap();
        let manifest = ("Cargo.toml", "[package]\nname = \"styles\"\n");
        for (path, text) in files.iter().chain([&manifest]) {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let project = Project::open(dir.path()).unwrap();
        (dir, project)
    }

    fn compiled(files: &[(&str, &str)], style: Style) -> Stylesheet {
        let (_dir, project) = project(files);
        compile_styles(&project, style).unwrap_or_else(|error| panic!("{error}")).unwrap()
    }

    #[test]
    fn sass_is_compiled_with_its_partials() {
        let files = [
            ("styles/_colours.scss", "$ink: #123456;\n@mixin soft { opacity: .5; }\n"),
            ("styles/parts/_card.scss", "@use '../colours';\n.card { color: colours.$ink; }\n"),
            (
                "styles/main.scss",
                "@use 'colours' as c;\n@use 'parts/card';\n$gap: 4px;\n.a { .b { margin: $gap * 2; \
                 @include c.soft; } &:hover { color: c.$ink; } }\n",
            ),
        ];
        assert_eq!(
            compiled(&files, Style::Compressed).css,
            ".card{color:#123456}.a .b{margin:8px;opacity:.5}.a:hover{color:#123456}\n",
        );
        assert!(compiled(&files, Style::Expanded).css.contains("\n  margin: 8px;\n"));
    }

    #[test]
    fn files_are_joined_in_the_order_of_their_names() {
        let sheet = compiled(
            &[
                ("styles/b.css", "@import url(\"x;y.css\") screen;\n.b { color: red }\n"),
                ("styles/a.scss", ".a { content: \"ü\" }\n"),
                ("styles/_c.scss", ".c { color: red }\n"),
                ("styles/deep/d.scss", ".d { color: red }\n"),
                ("styles/notes.md", "# Notes\n"),
            ],
            Style::Compressed,
        );
        assert_eq!(
            sheet.css,
            "@import url(\"x;y.css\") screen;\n.a{content:\"ü\"}\n.b{color:red}\n"
        );
        assert!(Stylesheet::is_file_name(&sheet.file_name()));
    }

    #[test]
    fn equal_styles_have_equal_names() {
        let name = |text| compiled(&[("styles/a.scss", text)], Style::Compressed).file_name();
        assert_eq!(name("a { top: 0 }"), name("a{top:0}\n"));
        assert_ne!(name("a { top: 0 }"), name("a { top: 1px }"));
    }

    #[test]
    fn styles_in_src_count_and_no_styles_are_none() {
        assert!(!compiled(&[("src/styles/a.css", "a{top:0}")], Style::Expanded).css.is_empty());
        for files in [&[][..], &[("styles/_partial.scss", "a { top: 0 }")]] {
            let (_dir, project) = project(files);
            assert_eq!(compile_styles(&project, Style::Expanded).unwrap(), None);
        }
    }

    #[test]
    fn a_mistake_is_shown_at_its_place() {
        let (_dir, project) = project(&[
            ("styles/_inner.scss", "a {\n  top: $missing;\n}\n"),
            ("styles/main.scss", "@use 'inner';\n"),
        ]);
        let error = compile_styles(&project, Style::Expanded).unwrap_err();
        insta::assert_snapshot!(error, @"
        Error: Undefined variable.
          ╷
        2 │   top: $missing;
          │        ^^^^^^^^
          ╵
        ./styles/_inner.scss:2:8
        ");
        let StyleError::Sass { place: Some(place), .. } = error else { panic!("{error:?}") };
        assert_eq!(place.to_string(), "styles/_inner.scss:2:8");
    }

    #[test]
    fn other_failures_name_the_file() {
        for (text, expected) in [
            ("@use 'nothing';\n", "styles/main.scss:1:"),
            ("a { top: 0;\n", "styles/main.scss:1:12"),
        ] {
            let (_dir, project) = project(&[("styles/main.scss", text)]);
            let error = compile_styles(&project, Style::Expanded).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let (dir, project) = project(&[("styles/main.scss", "")]);
        std::fs::write(dir.path().join("styles/main.scss"), b"a { top: \xff }").unwrap();
        let error = compile_styles(&project, Style::Expanded).unwrap_err().to_string();
        assert_eq!(error, "styles/main.scss is not UTF-8");
    }

    #[test]
    fn warnings_are_kept() {
        let sheet = compiled(
            &[("styles/main.scss", "@warn 'old';\n@debug 1 + 1;\na { top: 0 }\n")],
            Style::Compressed,
        );
        assert_eq!(sheet.warnings, ["styles/main.scss:1: \"old\"", "styles/main.scss:2: 2"]);
    }
}
