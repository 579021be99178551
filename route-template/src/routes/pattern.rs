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
    /// `[id=u64]`, `post-[id]`, `[id].json`: one segment that fits.
    Constrained {
        /// The parameter.
        name: String,
        /// The text before it.
        before: String,
        /// What it must be: `u64`, `uuid` and so on.
        ty: Option<String>,
        /// The text behind it.
        after: String,
    },
    /// `[[lang]]`, `[[page=u64]]`: one segment, or none.
    Optional {
        /// The parameter.
        name: String,
        /// What it must be.
        ty: Option<String>,
    },
    /// `[...path]`: one or more segments.
    Rest(String),
    /// `[[...path]]`: any number of segments, none too.
    OptionalRest(String),
}

/// The types that a parameter can have, as the matcher knows them.
const TYPES: [&str; 7] = ["uuid", "u8", "u16", "u32", "u64", "i32", "i64"];

impl Segment {
    /// One segment for a parameter.
    fn one(name: &str, before: &str, ty: Option<&str>, after: &str) -> Self {
        if before.is_empty() && after.is_empty() && ty.is_none() {
            return Self::Param(name.to_owned());
        }
        Self::Constrained {
            name: name.to_owned(),
            before: before.to_owned(),
            ty: ty.map(str::to_owned),
            after: after.to_owned(),
        }
    }

    /// The name of the parameter, if the segment is one.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Static(_) => None,
            Self::Param(name)
            | Self::Constrained { name, .. }
            | Self::Optional { name, .. }
            | Self::Rest(name)
            | Self::OptionalRest(name) => Some(name),
        }
    }

    fn is_optional(&self) -> bool {
        matches!(self, Self::Optional { .. })
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
            Self::Constrained { name, before, ty: Some(ty), after } => {
                write!(f, "{before}{{{name}={ty}}}{after}")
            }
            Self::Constrained { name, before, ty: None, after } => {
                write!(f, "{before}{{{name}}}{after}")
            }
            Self::Optional { name, ty: Some(ty) } => write!(f, "{{{name}={ty}?}}"),
            Self::Optional { name, ty: None } => write!(f, "{{{name}?}}"),
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

    /// The pattern without the names of its parameters, and if one may be missing, with it and
    /// without: two patterns that share a shape match the same paths.
    pub fn shapes(&self) -> Vec<Pattern> {
        let nameless = |segment: &Segment| match segment {
            Segment::Static(text) => Segment::Static(text.clone()),
            Segment::Param(_) => Segment::Param(String::new()),
            Segment::Constrained { before, ty, after, .. } => {
                Segment::one("", before, ty.as_deref(), after)
            }
            Segment::Optional { ty, .. } => Segment::one("", "", ty.as_deref(), ""),
            Segment::Rest(_) => Segment::Rest(String::new()),
            Segment::OptionalRest(_) => Segment::OptionalRest(String::new()),
        };
        let mut shapes = vec![Self(self.0.iter().map(nameless).collect())];
        if self.0.iter().any(Segment::is_optional) {
            let others = self.0.iter().filter(|segment| !segment.is_optional());
            shapes.push(Self(others.map(nameless).collect()));
        }
        shapes
    }

    /// Whether the pattern has no parameter, so that it is a path one can ask for.
    pub fn is_static(&self) -> bool {
        self.0.iter().all(|segment| segment.param().is_none())
    }

    /// Appends a segment.
    ///
    /// # Errors
    /// Nothing may follow a catch-all, a parameter's name may occur once, and one parameter may be
    /// missing.
    pub fn push(&mut self, segment: Segment) -> Result<(), BadName> {
        if let Some(last) = self.0.last().filter(|last| last.is_catch_all()) {
            return Err(BadName::AfterCatchAll { catch_all: file_form(last) });
        }
        if let Some(name) = segment.param()
            && self.0.iter().any(|earlier| earlier.param() == Some(name))
        {
            return Err(BadName::Repeated { name: name.to_owned() });
        }
        if segment.is_optional() && self.0.iter().any(Segment::is_optional) {
            return Err(BadName::TwoOptional);
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
    /// A bracket without its partner, or two parameters in one name.
    #[error("a name has one parameter, in brackets")]
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
    /// `a-[...rest]`, `[[id]].json`.
    #[error("no text can be around a parameter that may be missing or takes the rest of the path")]
    TextAround,
    /// `[id=float]`.
    #[error("`{ty}` is no type that a parameter can have")]
    Type {
        /// What was written.
        ty: String,
    },
    /// Two parameters that may be missing.
    #[error("two parameters of this route may be missing")]
    TwoOptional,
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
                "one segment is `[id].rs`, perhaps with text around it: `post-[id].rs`, \
                 `[id].json.rs`; one that may be missing `[[id]].rs`; the rest of the path \
                 `[...path].rs`, an optional rest `[[...path]].rs`"
            }
            Self::ParameterName { .. } => {
                "use letters, digits and `_`, not a digit first, so that it can name a field"
            }
            Self::TextAround => "give the parameter a folder or a file of its own",
            Self::Type { .. } => {
                "write one of uuid, u8, u16, u32, u64, i32, i64, as in `[id=u64].rs`, or leave it \
                 out and let `Path<T>` refuse what does not fit"
            }
            Self::TwoOptional => {
                "which of them a path has could not be told; make one of them `[name]`"
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
    let (before, rest) = name.split_once('[').ok_or(BadName::Brackets)?;
    let (inner, after) = rest.rsplit_once(']').ok_or(BadName::Brackets)?;
    if before.contains(']') || after.contains('[') {
        return Err(BadName::Brackets);
    }
    for text in [before, after].into_iter().filter(|text| !text.is_empty()) {
        check_static(text)?;
    }
    let is_alone = before.is_empty() && after.is_empty();
    let optional = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let inner = optional.unwrap_or(inner);
    if let Some(rest) = inner.strip_prefix("...") {
        let rest = parameter_name(rest)?;
        return match optional {
            _ if !is_alone => Err(BadName::TextAround),
            Some(_) => Ok(Segment::OptionalRest(rest)),
            None => Ok(Segment::Rest(rest)),
        };
    }
    let (name, ty) = match inner.split_once('=') {
        Some((name, ty)) if TYPES.contains(&ty) => (name, Some(ty)),
        Some((_, ty)) => return Err(BadName::Type { ty: ty.to_owned() }),
        None => (inner, None),
    };
    let name = parameter_name(name)?;
    match optional {
        Some(_) if !is_alone => Err(BadName::TextAround),
        Some(_) => Ok(Segment::Optional { name, ty: ty.map(str::to_owned) }),
        None => Ok(Segment::one(&name, before, ty, after)),
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
        Segment::Rest(name) => format!("[...{name}]"),
        Segment::OptionalRest(name) => format!("[[...{name}]]"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
