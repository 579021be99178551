//! The shape of a route's path: `/users/{id}`.

use std::fmt;
use std::str::FromStr;

use super::constraint::{Constraint, ParamType};

/// One part of a [`Pattern`], between two slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// `users`: this text, compared after percent-decoding.
    Literal(Box<str>),
    /// `{id}`: any one segment.
    Param(Box<str>),
    /// `{id=u64}`, `post-{id}`, `{id}.json`: one segment that fits. The name, and what is asked.
    Constrained(Box<str>, Constraint),
    /// `{lang?}`, `{page=u64?}`: one segment, or none. One parameter of a pattern may be missing.
    Optional(Box<str>, Option<ParamType>),
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
            Segment::Param(name)
            | Segment::Constrained(name, _)
            | Segment::Optional(name, _)
            | Segment::Rest(name)
            | Segment::OptionalRest(name) => Some(name),
        }
    }

    fn nameless(&self) -> Segment {
        let mut segment = self.clone();
        match &mut segment {
            Segment::Literal(_) => {}
            Segment::Param(name)
            | Segment::Constrained(name, _)
            | Segment::Optional(name, _)
            | Segment::Rest(name)
            | Segment::OptionalRest(name) => *name = Box::default(),
        }
        segment
    }

    /// One segment for a parameter of this name.
    fn param(name: &str, constraint: Constraint) -> Segment {
        match constraint.is_empty() {
            true => Segment::Param(name.into()),
            false => Segment::Constrained(name.into(), constraint),
        }
    }

    fn parse(text: &str) -> Result<Segment, Cause> {
        let Some((before, rest)) = text.split_once('{') else {
            return match text {
                "" => Err(Cause::Empty),
                "." | ".." => Err(Cause::Dots),
                _ if text.contains('}') => Err(Cause::Braces),
                _ => Ok(Segment::Literal(text.into())),
            };
        };
        let (inner, after) = rest.split_once('}').ok_or(Cause::Braces)?;
        if before.contains('}') || after.contains(['{', '}']) {
            return Err(Cause::Braces);
        }
        let is_alone = before.is_empty() && after.is_empty();
        let (inner, is_optional) = match inner.strip_suffix('?') {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        if let Some(name) = inner.strip_prefix('*') {
            let name = param_name(name)?;
            return match (is_alone, is_optional) {
                (false, _) => Err(Cause::Mixed),
                (true, true) => Ok(Segment::OptionalRest(name)),
                (true, false) => Ok(Segment::Rest(name)),
            };
        }
        let (name, ty) = match inner.split_once('=') {
            Some((name, ty)) => (name, Some(ParamType::of_name(ty).ok_or(Cause::Type)?)),
            None => (inner, None),
        };
        let name = param_name(name)?;
        match (is_alone, is_optional) {
            (false, true) => Err(Cause::Mixed),
            (true, true) => Ok(Segment::Optional(name, ty)),
            (_, false) => {
                let constraint = Constraint { before: before.into(), ty, after: after.into() };
                Ok(Segment::param(&name, constraint))
            }
        }
    }
}

fn param_name(name: &str) -> Result<Box<str>, Cause> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(Cause::Name);
    }
    Ok(name.into())
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Literal(text) => f.write_str(text),
            Segment::Param(name) => write!(f, "{{{name}}}"),
            Segment::Constrained(name, Constraint { before, ty, after }) => match ty {
                Some(ty) => write!(f, "{before}{{{name}={ty}}}{after}"),
                None => write!(f, "{before}{{{name}}}{after}"),
            },
            Segment::Optional(name, Some(ty)) => write!(f, "{{{name}={ty}?}}"),
            Segment::Optional(name, None) => write!(f, "{{{name}?}}"),
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
    /// When the text is no pattern: it does not begin with `/`, has an empty segment, two parameters
    /// in one segment, an unknown type, text around a parameter that may be missing or takes the
    /// rest, two parameters that may be missing, a name twice, or goes on after `{*rest}`.
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
            let is_optional = |segment: &Segment| matches!(segment, Segment::Optional(..));
            if is_optional(&segment) && segments.iter().any(is_optional) {
                return Err(error(Cause::TwoOptional));
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

    /// The patterns without a parameter that may be missing which this one stands for: itself, or
    /// that with the parameter and that without. The second of a pair is which parameter is missing,
    /// counted from the left.
    pub(super) fn variants(&self) -> impl Iterator<Item = (Vec<Segment>, Option<usize>)> {
        let optional = self.segments.iter().position(|it| matches!(it, Segment::Optional(..)));
        let with = self.segments.iter().map(|segment| match segment {
            Segment::Optional(name, ty) => {
                Segment::param(name, Constraint { ty: *ty, ..Constraint::default() })
            }
            segment => segment.clone(),
        });
        let without = optional.map(|at| {
            let before = self.segments[..at].iter().filter(|segment| segment.name().is_some());
            let others = [&self.segments[..at], &self.segments[at + 1..]].concat();
            (others, Some(before.count()))
        });
        std::iter::once((with.collect(), None)).chain(without)
    }

    /// The names of its parameters from left to right.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::name)
    }

    /// The pattern without the names of its parameters: equal for patterns that match the same paths.
    ///
    /// ```
    /// use nova_routing::Pattern;
    ///
    /// assert_eq!(Pattern::parse("/users/{id=u64}/{*path}")?.shape(), "/users/{=u64}/{*}");
    /// # Ok::<(), nova_routing::PatternError>(())
    /// ```
    #[must_use]
    pub fn shape(&self) -> String {
        self.segments.iter().map(|segment| format!("/{}", segment.nameless())).collect()
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
    Braces,
    Mixed,
    Name,
    Type,
    Twice,
    TwoOptional,
    AfterRest,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match self.cause {
            Cause::NotAbsolute => "it must begin with `/`",
            Cause::Empty => "it has an empty segment",
            Cause::Dots => "`.` and `..` never reach a route",
            Cause::Braces => "a segment has at most one parameter, as in `/files/{name}.json`",
            Cause::Mixed => {
                "no text can be around a parameter that may be missing or takes the rest"
            }
            Cause::Name => "a parameter's name is made of letters, digits, `_` and `-`",
            Cause::Type => {
                "a parameter's type is one of uuid, u8, u16, u32, u64, i32, i64, as in `{id=u64}`"
            }
            Cause::Twice => "it uses one parameter name twice",
            Cause::TwoOptional => "only one of its parameters may be missing",
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
            "/{id}.json",
            "/post-{id=u64}.html/x",
            "/{id=uuid}",
            "/{lang?}/about",
            "/{page=u64?}",
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
            ("/file-{*id}", Cause::Mixed),
            ("/{id?}.json", Cause::Mixed),
            ("/{id", Cause::Braces),
            ("/id}", Cause::Braces),
            ("/{a}{b}", Cause::Braces),
            ("/{id=float}", Cause::Type),
            ("/{id=}", Cause::Type),
            ("/{*rest=u64}", Cause::Name),
            ("/{a?}/x/{b?}", Cause::TwoOptional),
            ("/{}", Cause::Name),
            ("/{*}", Cause::Name),
            ("/{a b}", Cause::Name),
            ("/{?}", Cause::Name),
            ("/{id}/{id}", Cause::Twice),
            ("/{*rest}/x", Cause::AfterRest),
            ("/{*rest?}/{x}", Cause::AfterRest),
        ];
        for (text, cause) in table {
            assert_eq!(Pattern::parse(text).expect_err(text).cause, cause, "{text}");
        }
    }
}
