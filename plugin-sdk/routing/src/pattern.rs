//! The shape of a route's path: `/users/{id}`.

use std::fmt;
use std::str::FromStr;

/// One part of a [`Pattern`], between two slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// `users`: this text, compared after percent-decoding.
    Literal(Box<str>),
    /// `{id}`: any one segment.
    Param(Box<str>),
    /// `{*path}`: the rest of the path, one segment or more.
    Rest(Box<str>),
    /// `{*path?}`: the rest of the path, which may be empty.
    OptionalRest(Box<str>),
}

impl Segment {
    /// The parameter's name; `None` for literal text.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Segment::Literal(_) => None,
            Segment::Param(name) | Segment::Rest(name) | Segment::OptionalRest(name) => Some(name),
        }
    }

    fn parse(text: &str) -> Result<Segment, Cause> {
        let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
            return match text {
                "" => Err(Cause::Empty),
                "." | ".." => Err(Cause::Dots),
                _ if text.contains(['{', '}']) => Err(Cause::Mixed),
                _ => Ok(Segment::Literal(text.into())),
            };
        };
        let (name, make): (&str, fn(Box<str>) -> Segment) = match inner.strip_prefix('*') {
            Some(rest) => match rest.strip_suffix('?') {
                Some(name) => (name, Segment::OptionalRest),
                None => (rest, Segment::Rest),
            },
            None => (inner, Segment::Param),
        };
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(Cause::Name);
        }
        Ok(make(name.into()))
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Literal(text) => f.write_str(text),
            Segment::Param(name) => write!(f, "{{{name}}}"),
            Segment::Rest(name) => write!(f, "{{*{name}}}"),
            Segment::OptionalRest(name) => write!(f, "{{*{name}?}}"),
        }
    }
}

/// The path of a route, for example `/users/{id}`.
///
/// Literal text is written decoded: the file `pages/a b.rs` is the pattern `/a b` and answers
/// `/a%20b`.
///
/// ```
/// use nova_routing::Pattern;
///
/// let pattern = Pattern::parse("/docs/{*path}")?;
/// assert_eq!(pattern.names().collect::<Vec<_>>(), ["path"]);
/// assert!(Pattern::parse("/docs/{*path}/edit").is_err());
/// # Ok::<(), nova_routing::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: Box<str>,
    segments: Box<[Segment]>,
}

impl Pattern {
    /// The pattern `/`.
    #[must_use]
    pub fn root() -> Pattern {
        Pattern { text: "/".into(), segments: [].into() }
    }

    /// Reads a pattern from its text.
    ///
    /// # Errors
    /// When the text is no pattern: it does not begin with `/`, has an empty segment, mixes a
    /// parameter with text, uses a name twice, or goes on after `{*rest}`.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        let error = |cause| PatternError { pattern: text.to_owned(), cause };
        let path = text.strip_prefix('/').ok_or_else(|| error(Cause::NotAbsolute))?;
        let mut segments: Vec<Segment> = Vec::new();
        for part in path.split('/').filter(|_| !path.is_empty()) {
            if matches!(segments.last(), Some(Segment::Rest(_) | Segment::OptionalRest(_))) {
                return Err(error(Cause::AfterRest));
            }
            let segment = Segment::parse(part).map_err(error)?;
            if segment.name().is_some_and(|name| segments.iter().any(|s| s.name() == Some(name))) {
                return Err(error(Cause::Twice));
            }
            segments.push(segment);
        }
        Ok(Pattern { text: text.into(), segments: segments.into() })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its segments from left to right; none for `/`.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of its parameters from left to right.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::name)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Pattern, PatternError> {
        Pattern::parse(text)
    }
}

/// A text that is no [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    pattern: String,
    cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    NotAbsolute,
    Empty,
    Dots,
    Mixed,
    Name,
    Twice,
    AfterRest,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match self.cause {
            Cause::NotAbsolute => "it must begin with `/`",
            Cause::Empty => "it has an empty segment",
            Cause::Dots => "`.` and `..` never reach a route",
            Cause::Mixed => "a parameter must be a whole segment, as in `/files/{name}`",
            Cause::Name => "a parameter's name is made of letters, digits, `_` and `-`",
            Cause::Twice => "it uses one parameter name twice",
            Cause::AfterRest => "nothing may follow `{*rest}`",
        };
        write!(f, "bad route pattern `{}`: {cause}", self.pattern)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_prints_every_kind_of_segment() {
        for text in [
            "/",
            "/a",
            "/a b/100%",
            "/users/{id}",
            "/{a}/x/{b}",
            "/{*all}",
            "/d/{*path?}",
            "/{user-id}",
        ] {
            let pattern = Pattern::parse(text).expect(text);
            let printed: String = pattern.segments().iter().map(|s| format!("/{s}")).collect();
            assert_eq!(if printed.is_empty() { "/" } else { &printed }, text);
            assert_eq!(pattern.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        let table = [
            ("", Cause::NotAbsolute),
            ("users", Cause::NotAbsolute),
            ("//", Cause::Empty),
            ("/a//b", Cause::Empty),
            ("/a/", Cause::Empty),
            ("/a/..", Cause::Dots),
            ("/file-{id}", Cause::Mixed),
            ("/{id", Cause::Mixed),
            ("/{}", Cause::Name),
            ("/{*}", Cause::Name),
            ("/{a b}", Cause::Name),
            ("/{id?}", Cause::Name),
            ("/{id}/{id}", Cause::Twice),
            ("/{*rest}/x", Cause::AfterRest),
            ("/{*rest?}/{x}", Cause::AfterRest),
        ];
        for (text, cause) in table {
            assert_eq!(Pattern::parse(text).expect_err(text).cause, cause, "{text}");
        }
    }
}
