//! CSS, by lightningcss: mistakes are found, and it is written for development, to be small, or
//! for older browsers.

use std::fmt;

use lightningcss::error::{Error, ParserError};
use lightningcss::printer::PrinterOptions;
use lightningcss::rules::{CssRule, CssRuleList, Location};
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, StyleSheet};

use super::error::StyleError;
use super::{Compiler, Style};
use crate::source::place::Position;

/// A rule behind the last one. If it is not found there, something before it is not closed, which
/// CSS itself would not mind.
const END: &str = "\nnova-end{}";

/// The CSS of one file, in the order in which it has to come.
#[derive(Debug)]
pub(super) struct Sheet {
    /// `@import`, with the `@layer` statements before it.
    pub(super) imports: String,
    /// `@namespace`.
    pub(super) namespaces: String,
    /// Everything else.
    pub(super) rules: String,
}

impl Compiler<'_> {
    /// Compiles `text`, which `file` holds or which Sass made of it.
    pub(super) fn css(&self, file: &str, text: &str) -> Result<Sheet, StyleError> {
        let source = Source { file, text };
        let whole = format!("{text}{END}");
        let options = ParserOptions { filename: file.to_owned(), ..ParserOptions::default() };
        let mut sheet = StyleSheet::parse(&whole, options).map_err(|it| source.invalid(&it))?;
        let last = sheet.rules.0.pop();
        let end = text.matches('\n').count() + 1;
        let location = last.as_ref().and_then(location);
        if location.is_none_or(|it| (it.line as usize) < end) {
            let position =
                location.map_or(Position { line: 1, column: 1 }, |it| source.position(it));
            let message = "a block, comment or string that begins here or below is not closed";
            return Err(source.mistake(position, message.to_owned()));
        }
        self.warn_of_imports(file, &sheet.rules);

        let targets = self.browsers.targets();
        if let Some(targets) = targets {
            let options = MinifyOptions { targets, ..MinifyOptions::default() };
            sheet.minify(options).map_err(|it| source.unfit(&it))?;
        }
        let print = |sheet: &StyleSheet<'_>| {
            let minify = self.style == Style::Compressed;
            let targets = targets.unwrap_or_default();
            let options = PrinterOptions { minify, targets, ..PrinterOptions::default() };
            sheet.to_css(options).map(|css| css.code).map_err(|it| source.unfit(&it))
        };
        let comments = std::mem::take(&mut sheet.license_comments);
        let (imports, namespaces, rules) = split(std::mem::take(&mut sheet.rules.0));
        sheet.rules = CssRuleList(imports);
        let imports = print(&sheet)?;
        sheet.rules = CssRuleList(namespaces);
        let namespaces = print(&sheet)?;
        sheet.rules = CssRuleList(rules);
        sheet.license_comments = comments;
        Ok(Sheet { imports, namespaces, rules: print(&sheet)? })
    }

    /// An `@import` is left to the browser, which knows the stylesheet by an address of its own.
    fn warn_of_imports(&self, file: &str, rules: &CssRuleList<'_>) {
        for rule in &rules.0 {
            let CssRule::Import(import) = rule else { continue };
            let url = &import.url;
            if !url.starts_with('/') && !url.contains("://") && !url.starts_with("data:") {
                let message = format!(
                    "`{url}` is not served beside the stylesheet: files at the top of `styles/` \
                     are joined without an `@import`, and what a tool such as Tailwind's compiles \
                     is its output"
                );
                self.warn(file, import.loc.line as usize + 1, &message);
            }
        }
    }
}

type Rules<'i> = Vec<CssRule<'i>>;

/// Imports with the statements before them, namespaces, and everything else.
fn split(rules: Rules<'_>) -> (Rules<'_>, Rules<'_>, Rules<'_>) {
    let imports = rules.iter().rposition(|rule| matches!(rule, CssRule::Import(_)));
    let mut rest = rules.into_iter();
    let imports = rest.by_ref().take(imports.map_or(0, |last| last + 1)).collect();
    let (namespaces, rest) = rest.partition(|rule| matches!(rule, CssRule::Namespace(_)));
    (imports, namespaces, rest)
}

/// Where a rule begins, if that is a rule that may hold others.
fn location(rule: &CssRule<'_>) -> Option<Location> {
    Some(match rule {
        CssRule::Style(rule) => rule.loc,
        CssRule::Media(rule) => rule.loc,
        CssRule::Supports(rule) => rule.loc,
        CssRule::Container(rule) => rule.loc,
        CssRule::LayerBlock(rule) => rule.loc,
        CssRule::Scope(rule) => rule.loc,
        CssRule::StartingStyle(rule) => rule.loc,
        CssRule::Keyframes(rule) => rule.loc,
        CssRule::FontFace(rule) => rule.loc,
        CssRule::Unknown(rule) => rule.loc,
        _ => return None,
    })
}

/// The text that is compiled.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    /// What the parser does not understand.
    fn invalid(self, error: &Error<ParserError<'_>>) -> StyleError {
        let position = self.place_of(error);
        let rest = self.rest(position);
        let message = match error.kind {
            _ if rest.starts_with('}') => "unexpected `}`".to_owned(),
            ParserError::EndOfInput => "the last rule has no block".to_owned(),
            ParserError::UnexpectedToken(_) if rest.is_empty() => {
                "the rule ends too early".to_owned()
            }
            ParserError::UnexpectedToken(_) => format!("unexpected `{}`", first_word(rest)),
            ref other => other.to_string(),
        };
        let mistake = self.mistake(position, message);
        if self.is_sass() {
            return mistake;
        }
        // A comment of another language may end in the line before.
        let mut lines = self.text.lines().skip(position.line.saturating_sub(2)).take(2);
        if lines.clone().any(|line| line.contains("//") && !line.contains("://")) {
            mistake.with_help("a comment in CSS is `/* … */`")
        } else if lines.any(|line| line.trim_start().starts_with('$')) {
            mistake.with_help("Sass is compiled in files whose names end with `.scss` or `.sass`")
        } else {
            mistake
        }
    }

    /// What cannot be written for the browsers that were named.
    fn unfit<K: fmt::Display>(self, error: &Error<K>) -> StyleError {
        self.mistake(self.place_of(error), error.kind.to_string())
    }

    fn mistake(self, position: Position, message: String) -> StyleError {
        let mistake = StyleError::at(self.file, self.text, position, message);
        match mistake {
            StyleError::Mistake { message, rendered, .. } if self.is_sass() => {
                let what = format!("{}, in the CSS that Sass made of it", self.file);
                let rendered =
                    rendered.replacen(&format!("\n{}:", self.file), &format!("\n{what}:"), 1);
                StyleError::Mistake { message, place: None, rendered }
            }
            other => other,
        }
    }

    fn is_sass(self) -> bool {
        !self.file.ends_with(".css")
    }

    fn place_of<K>(self, error: &Error<K>) -> Position {
        let Some(location) = &error.loc else { return Position { line: 1, column: 1 } };
        self.position(Location { source_index: 0, line: location.line, column: location.column })
    }

    /// A place as editors count it, never behind the end of the text.
    fn position(self, location: Location) -> Position {
        let lines = self.text.trim_end().lines().count().max(1);
        let line = location.line as usize + 1;
        if line > lines {
            let last = self.text.lines().nth(lines - 1).unwrap_or_default();
            return Position { line: lines, column: last.chars().count().max(1) };
        }
        let text = self.text.lines().nth(line - 1).unwrap_or_default();
        let units = text.chars().scan(1, |column, c| {
            let begins = *column;
            *column += c.len_utf16();
            Some(begins)
        });
        let before = units.take_while(|begins| *begins < location.column as usize).count();
        // The parser points at the white space before what it does not understand.
        let blank = text.chars().skip(before).take_while(|c| c.is_whitespace()).count();
        Position { line, column: before + blank + 1 }
    }

    fn rest(&self, position: Position) -> &str {
        let line = self.text.lines().nth(position.line - 1).unwrap_or_default();
        line.char_indices().nth(position.column - 1).map_or("", |(index, _)| &line[index..])
    }
}

/// The word, or the character, at the beginning of a text.
fn first_word(text: &str) -> &str {
    let word = text.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_');
    match word.unwrap_or(text.len()) {
        0 => text.chars().next().map_or("", |c| &text[..c.len_utf8()]),
        length => &text[..length],
    }
}
