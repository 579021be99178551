//! File names as URL patterns: `users/[id].rs` is `/users/{id}`.
//!
//! A name is checked here alone, so that an error can say which part of which name is wrong
//! and what to write instead. What a pattern matches is `nova::routing`'s business.

use std::fmt;

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// `users`: itself.
    Static(String),
    /// `[id]`: exactly one segment.
    Param(String),
    /// `[...path]`: one or more segments.
    Rest(String),
    /// `[[...path]]`: any number of segments, none too.
    OptionalRest(String),
}

impl Segment {
    /// The name of the parameter, if the segment is one.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Static(_) => None,
            Self::Param(name) | Self::Rest(name) | Self::OptionalRest(name) => Some(name),
        }
    }

    /// Whether it may take in more than one segment of a path.
    pub fn is_catch_all(&self) -> bool {
        matches!(self, Self::Rest(_) | Self::OptionalRest(_))
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(text) => f.write_str(text),
            Self::Param(name) => write!(f, "{{{name}}}"),
            Self::Rest(name) => write!(f, "{{*{name}}}"),
            Self::OptionalRest(name) => write!(f, "{{*{name}?}}"),
        }
    }
}

/// The path of a route, such as `/users/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pattern(Vec<Segment>);

impl Pattern {
    /// The segments from left to right; none for `/`.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The pattern without the names of its parameters: two patterns of one shape match the
    /// same paths.
    pub fn shape(&self) -> Pattern {
        let nameless = |segment: &Segment| match segment {
            Segment::Static(text) => Segment::Static(text.clone()),
            Segment::Param(_) => Segment::Param(String::new()),
            Segment::Rest(_) => Segment::Rest(String::new()),
            Segment::OptionalRest(_) => Segment::OptionalRest(String::new()),
        };
        Self(self.0.iter().map(nameless).collect())
    }

    /// Whether the pattern has no parameter, so that it is a path one can ask for.
    pub fn is_static(&self) -> bool {
        self.0.iter().all(|segment| segment.param().is_none())
    }

    /// Appends a segment.
    ///
    /// # Errors
    /// Nothing may follow a catch-all, and a parameter's name may occur once.
    pub fn push(&mut self, segment: Segment) -> Result<(), BadName> {
        if let Some(last) = self.0.last().filter(|last| last.is_catch_all()) {
            return Err(BadName::AfterCatchAll { catch_all: file_form(last) });
        }
        if let Some(name) = segment.param()
            && self.0.iter().any(|earlier| earlier.param() == Some(name))
        {
            return Err(BadName::Repeated { name: name.to_owned() });
        }
        self.0.push(segment);
        Ok(())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

/// What one part of a page's path adds to its pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamePart {
    /// A segment of the URL.
    Segment(Segment),
    /// `(name)`: a folder that groups pages and does not show in the URL.
    Group,
}

/// Why a file or folder name cannot be part of a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// A character that has no place in a name.
    #[error("`{found}` cannot be in the name of a page or a folder")]
    Character {
        /// The character.
        found: char,
    },
    /// A bracket without its partner, or brackets around a part of the name only.
    #[error("brackets must enclose the whole name")]
    Brackets,
    /// `[]`, `[...]`.
    #[error("the parameter has no name")]
    Nameless,
    /// A parameter's name that is not an identifier.
    #[error("`{name}` cannot be the name of a parameter")]
    ParameterName {
        /// The name.
        name: String,
    },
    /// `[[id]]`.
    #[error("a single segment cannot be optional")]
    OptionalSingle,
    /// `(name).rs`, or `(` and `)` elsewhere.
    #[error("only a whole folder can be a group")]
    Group,
    /// A segment after a catch-all.
    #[error("nothing can follow `{catch_all}`, which takes the rest of the path")]
    AfterCatchAll {
        /// The catch-all as its file is named.
        catch_all: String,
    },
    /// One parameter name twice in one pattern.
    #[error("the parameter `{name}` occurs twice in this route")]
    Repeated {
        /// The name.
        name: String,
    },
}

impl BadName {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Character { found: '{' | '}' | ':' | '<' | '>' | '*' } => {
                "parameters are written in brackets: `[id].rs`, `[...path].rs`"
            }
            Self::Character { .. } => {
                "use letters, digits and `-`, `_`, `.`, `~`, `@`, `+`; other files belong \
                 outside of pages/, or in a name that begins with `_`"
            }
            Self::Brackets | Self::Nameless => {
                "one segment is `[id].rs`, the rest of the path `[...path].rs`, an optional \
                 rest `[[...path]].rs`"
            }
            Self::ParameterName { .. } => {
                "use letters, digits and `_`, not a digit first, so that it can name a field"
            }
            Self::OptionalSingle => {
                "add an `index.rs` beside `[id].rs`, or write `[[...path]].rs` for any number \
                 of segments"
            }
            Self::Group => "a group is a folder: `(name)/page.rs`",
            Self::AfterCatchAll { .. } => "move the page out of the catch-all folder",
            Self::Repeated { .. } => "give each parameter a name of its own",
        }
    }
}

/// Reads one folder name, or one file name without its `.rs`.
pub(crate) fn parse_part(name: &str, is_folder: bool) -> Result<NamePart, BadName> {
    if is_folder && let Some(group) = name.strip_prefix('(').and_then(|n| n.strip_suffix(')')) {
        check_static(group)?;
        return Ok(NamePart::Group);
    }
    if name.contains(['[', ']']) {
        return parameter(name).map(NamePart::Segment);
    }
    check_static(name)?;
    Ok(NamePart::Segment(Segment::Static(name.to_owned())))
}

fn parameter(name: &str) -> Result<Segment, BadName> {
    let inner = |text: &str| {
        let text = text.strip_prefix('[')?.strip_suffix(']')?;
        Some(text.to_owned())
    };
    let once = inner(name).ok_or(BadName::Brackets)?;
    match inner(&once) {
        Some(twice) => match twice.strip_prefix("...") {
            Some(rest) => Ok(Segment::OptionalRest(parameter_name(rest)?)),
            None => Err(BadName::OptionalSingle),
        },
        None => match once.strip_prefix("...") {
            Some(rest) => Ok(Segment::Rest(parameter_name(rest)?)),
            None => Ok(Segment::Param(parameter_name(&once)?)),
        },
    }
}

fn parameter_name(name: &str) -> Result<String, BadName> {
    if name.is_empty() {
        return Err(BadName::Nameless);
    }
    if name.contains(['[', ']']) {
        return Err(BadName::Brackets);
    }
    let first_is_digit = name.starts_with(|c: char| c.is_ascii_digit());
    if first_is_digit || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(BadName::ParameterName { name: name.to_owned() });
    }
    Ok(name.to_owned())
}

/// Letters of every script are allowed: a matcher compares decoded segments.
fn check_static(name: &str) -> Result<(), BadName> {
    let allowed = |c: char| c.is_alphanumeric() || "-_.~@+".contains(c);
    match name.chars().find(|&c| !allowed(c)) {
        Some('(' | ')') => Err(BadName::Group),
        Some(found) => Err(BadName::Character { found }),
        None if name.is_empty() => Err(BadName::Group),
        None => Ok(()),
    }
}

fn file_form(segment: &Segment) -> String {
    match segment {
        Segment::Static(text) => text.clone(),
        Segment::Param(name) => format!("[{name}]"),
        Segment::Rest(name) => format!("[...{name}]"),
        Segment::OptionalRest(name) => format!("[[...{name}]]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> Result<NamePart, BadName> {
        parse_part(name, false)
    }

    fn segment(segment: Segment) -> Result<NamePart, BadName> {
        Ok(NamePart::Segment(segment))
    }

    #[test]
    fn names_become_segments() {
        for (name, expected) in [
            ("users", Segment::Static("users".into())),
            ("sitemap.xml", Segment::Static("sitemap.xml".into())),
            (".well-known", Segment::Static(".well-known".into())),
            ("über-uns", Segment::Static("über-uns".into())),
            ("@me", Segment::Static("@me".into())),
            ("[id]", Segment::Param("id".into())),
            ("[type]", Segment::Param("type".into())),
            ("[...path]", Segment::Rest("path".into())),
            ("[[...path]]", Segment::OptionalRest("path".into())),
        ] {
            assert_eq!(file(name), segment(expected), "{name}");
        }
        assert_eq!(parse_part("(shop)", true), Ok(NamePart::Group));
    }

    #[test]
    fn bad_names_say_what_is_wrong() {
        let parameter = |name: &str| BadName::ParameterName { name: name.into() };
        let character = |found| BadName::Character { found };
        for (name, expected) in [
            ("[id", BadName::Brackets),
            ("id]", BadName::Brackets),
            ("user-[id]", BadName::Brackets),
            ("[a][b]", BadName::Brackets),
            ("[[...a]", BadName::Brackets),
            ("[]", BadName::Nameless),
            ("[...]", BadName::Nameless),
            ("[[...]]", BadName::Nameless),
            ("[[id]]", BadName::OptionalSingle),
            ("[user-id]", parameter("user-id")),
            ("[1st]", parameter("1st")),
            ("[..path]", parameter("..path")),
            ("{id}", character('{')),
            (":id", character(':')),
            ("a b", character(' ')),
            ("100%", character('%')),
            ("a?b", character('?')),
            ("(shop)", BadName::Group),
            ("()", BadName::Group),
        ] {
            assert_eq!(file(name), Err(expected), "{name}");
        }
    }

    #[test]
    fn patterns_print_as_urls_and_compare_by_shape() {
        let pattern = |names: &[&str]| {
            let mut pattern = Pattern::default();
            for name in names {
                let Ok(NamePart::Segment(segment)) = file(name) else { panic!("{name}") };
                pattern.push(segment).unwrap();
            }
            pattern
        };
        assert_eq!(pattern(&[]).to_string(), "/");
        assert_eq!(pattern(&["a", "[b]", "[...c]"]).to_string(), "/a/{b}/{*c}");
        assert_eq!(pattern(&["[[...c]]"]).to_string(), "/{*c?}");
        assert_eq!(pattern(&["a", "[x]"]).shape(), pattern(&["a", "[y]"]).shape());
        assert_ne!(pattern(&["[...x]"]).shape(), pattern(&["[[...x]]"]).shape());
    }

    #[test]
    fn a_pattern_refuses_what_cannot_match() {
        let mut pattern = Pattern::default();
        pattern.push(Segment::Param("id".into())).unwrap();
        assert_eq!(
            pattern.push(Segment::Param("id".into())),
            Err(BadName::Repeated { name: "id".into() }),
        );
        pattern.push(Segment::Rest("rest".into())).unwrap();
        assert_eq!(
            pattern.push(Segment::Static("edit".into())),
            Err(BadName::AfterCatchAll { catch_all: "[...rest]".into() }),
        );
    }
}
