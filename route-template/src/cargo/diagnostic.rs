//! What rustc says: its rendered text, untouched, and the same as values.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::codegen::crate_root::Origins;
use crate::source::place::{Place, Position};

/// A message of rustc.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// Such as `E0308` or `unused_variables`.
    pub code: Option<String>,
    /// The first line.
    pub message: String,
    /// What it is about. A mistake that rustc sees in the generated part of the crate root is
    /// about a function of the user's, and that is the place then.
    pub place: Option<Place>,
    /// rustc's own text, with its colours as ANSI sequences.
    pub rendered: String,
}

/// How bad a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// There will be no library.
    Error,
    /// There may be one.
    Warning,
    /// Anything else, such as the closing lines that count errors.
    Note,
}

impl Diagnostic {
    /// rustc's text without colours.
    pub fn plain(&self) -> String {
        anstream::adapter::strip_str(&self.rendered).to_string()
    }

    /// What to add below rustc's text if that shows a line of the crate root: which function is
    /// meant, and where it stands.
    pub fn note(&self) -> Option<String> {
        let place = self.place.as_ref()?;
        let function = place.function.as_ref()?;
        Some(format!("note: the function is `{function}` in {place}"))
    }
}

/// rustc's JSON, as far as it is read here.
#[derive(Deserialize)]
pub(crate) struct RustcMessage {
    message: String,
    code: Option<Code>,
    level: String,
    spans: Vec<Span>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: usize,
    column_start: usize,
    is_primary: bool,
    expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize)]
struct Expansion {
    span: Span,
}

impl RustcMessage {
    pub(crate) fn diagnostic(self, dir: &Path, origins: &Origins) -> Diagnostic {
        let place = self.spans.iter().find(|span| span.is_primary).map(|span| span.place(dir));
        let place = place.map(|place| match origins.find(&place.file, place.position.line) {
            Some(origin) => origin.clone(),
            None => place,
        });
        let level = match self.level.as_str() {
            level if level.starts_with("error") => Level::Error,
            "warning" => Level::Warning,
            _ => Level::Note,
        };
        Diagnostic {
            level,
            code: self.code.map(|code| code.code),
            rendered: self.rendered.unwrap_or_else(|| format!("{}\n", self.message)),
            message: self.message,
            place,
        }
    }
}

impl Span {
    /// The place in the text of the author: for what a macro expanded to, its call.
    fn place(&self, dir: &Path) -> Place {
        match &self.expansion {
            Some(expansion) => expansion.span.place(dir),
            None => Place {
                file: relative(dir, &self.file_name),
                position: Position { line: self.line_start, column: self.column_start },
                function: None,
            },
        }
    }
}

/// rustc names files from the root of the workspace, which may be above the app.
fn relative(dir: &Path, file: &str) -> String {
    let found = dir.ancestors().map(|folder| folder.join(file)).find(|path| path.is_file());
    match found {
        Some(path) => path.strip_prefix(dir).unwrap_or(&path).display().to_string(),
        None => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> RustcMessage {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_place_of_a_macros_text_is_its_call() {
        let message = message(
            r#"{"message":"mismatched types","code":{"code":"E0308"},"level":"error","rendered":"\u001b[1merror\u001b[0m",
            "spans":[{"file_name":"/registry/maud/lib.rs","line_start":7,"column_start":1,"is_primary":true,
              "expansion":{"span":{"file_name":"pages/index.rs","line_start":3,"column_start":5,"is_primary":false,"expansion":null}}}]}"#,
        );
        let diagnostic = message.diagnostic(Path::new("/nowhere"), &Origins::default());
        let place = diagnostic.place.clone().unwrap();
        assert_eq!(place.file, "pages/index.rs");
        assert_eq!(place.position, Position { line: 3, column: 5 });
        assert_eq!(diagnostic.level, Level::Error);
        assert_eq!(diagnostic.plain(), "error");
    }

    #[test]
    fn closing_lines_are_notes_without_a_place() {
        let message = message(
            r#"{"message":"aborting due to 1 previous error","code":null,"level":"failure-note","spans":[],"rendered":null}"#,
        );
        let diagnostic = message.diagnostic(Path::new("/nowhere"), &Origins::default());
        assert_eq!(diagnostic.level, Level::Note);
        assert_eq!(diagnostic.place, None);
        assert_eq!(diagnostic.rendered, "aborting due to 1 previous error\n");
    }
}
