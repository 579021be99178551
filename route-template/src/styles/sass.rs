//! Sass, by grass. What grass does not know is said with a way out.

use std::io;
use std::path::Path;

use codemap::SpanLoc;
use grass::{ErrorKind, Fs, Logger, Options};

use super::Compiler;
use super::error::StyleError;
use crate::source::place::{Place, Position};

/// CSS that is younger than grass, by what a line with it holds.
const YOUNGER_CSS: &[&str] =
    &["infinity", "(from ", "round(", "attr(", "if(", "calc-size(", "@function --", "sibling-"];

/// What can be done about it.
const AS_CSS: &str = "grass, the Sass compiler in Nova, does not know all of today's CSS: move \
                      the rule into a file whose name ends with `.css`, which Sass does not read, \
                      or write the value as text: `#{\"calc(infinity * 1px)\"}`";

/// What can be done about a function that grass does not have.
const AS_FRAMEWORK: &str = "grass, the Sass compiler in Nova, lacks functions that Sass got after \
                            1.77, such as `color.channel`: if this file belongs to a framework, \
                            use the `.css` file that its package ships";

impl Compiler<'_> {
    /// The CSS of a Sass file.
    pub(super) fn sass(&self, file: &str) -> Result<String, StyleError> {
        let options = Options::default().fs(self).logger(self).allows_charset(false);
        grass::from_path(file, &options).map_err(|error| mistake(file, *error))
    }
}

fn mistake(file: &str, error: grass::Error) -> StyleError {
    let rendered = error.to_string().trim_end().to_owned();
    match error.kind() {
        ErrorKind::ParseError { message, loc, .. } => {
            let position = Position { line: loc.begin.line + 1, column: loc.begin.column + 1 };
            let place = Place { file: loc.file.name().to_owned(), position, function: None };
            let line = loc.file.source_line(loc.begin.line);
            let help = way_out(&message, line);
            let error = StyleError::Mistake { message, place: Some(place), rendered };
            match help {
                Some(help) => error.with_help(help),
                None => error,
            }
        }
        ErrorKind::IoError(source) => {
            let source = io::Error::new(source.kind(), source.to_string());
            StyleError::Unreadable { file: file.to_owned(), source }
        }
        _ => StyleError::not_utf8(file),
    }
}

/// Help for a mistake that is less the author's than the compiler's.
fn way_out(message: &str, line: &str) -> Option<&'static str> {
    if message == "Undefined function." {
        return Some(AS_FRAMEWORK);
    }
    YOUNGER_CSS.iter().any(|css| line.contains(css)).then_some(AS_CSS)
}

/// The app's folder as the only one there is, so that messages name files from it.
impl Fs for Compiler<'_> {
    fn is_dir(&self, path: &Path) -> bool {
        self.dir.join(path).is_dir()
    }

    fn is_file(&self, path: &Path) -> bool {
        self.dir.join(path).is_file()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Compiler::read(self, path)
    }
}

/// What the compiler says on the way.
impl Logger for Compiler<'_> {
    fn debug(&self, location: SpanLoc, message: &str) {
        Compiler::warn(self, location.file.name(), location.begin.line + 1, message);
    }

    fn warn(&self, location: SpanLoc, message: &str) {
        Compiler::warn(self, location.file.name(), location.begin.line + 1, message);
    }
}
