//! The trie of patterns.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use super::params::{Params, Values};
use super::path::{self, BadPath};
use super::pattern::{Pattern, Segment};

/// Routes by pattern; see the [module](super) for the rules.
#[derive(Clone, Debug)]
pub struct Router<T> {
    routes: Vec<(Pattern, T)>,
    root: Node,
}

/// Indices into [`Router::routes`], one per way a pattern can end here.
#[derive(Clone, Debug, Default)]
struct Node {
    exact: Option<usize>,
    literals: HashMap<Box<str>, Node, BuildHasherDefault<Fnv>>,
    param: Option<Box<Node>>,
    rest: Option<usize>,
    optional_rest: Option<usize>,
}

/// What [`Router::find`] found.
#[derive(Clone, Debug)]
pub struct Match<'r, 'p, T> {
    /// What was inserted for the route.
    pub value: &'r T,
    /// The pattern that matched.
    pub pattern: &'r Pattern,
    /// The values of its parameters.
    pub params: Params<'r, 'p>,
    /// The path without its trailing slash, when it had one: the answer is then a permanent
    /// redirect (308) to this path. It is still percent-encoded and never begins with `//`.
    pub canonical: Option<&'p str>,
}

/// Two patterns that match the same paths with the same precedence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The pattern that was to be inserted.
    pub new: Pattern,
    /// The pattern that is already there.
    pub existing: Pattern,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route `{}` matches the same paths as `{}`", self.new, self.existing)
    }
}

impl std::error::Error for Conflict {}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Router::new()
    }
}

impl<T> Router<T> {
    /// A router without routes.
    #[must_use]
    pub const fn new() -> Self {
        let literals = HashMap::with_hasher(BuildHasherDefault::new());
        let root = Node { exact: None, literals, param: None, rest: None, optional_rest: None };
        Router { routes: Vec::new(), root }
    }

    /// Adds a route.
    ///
    /// # Errors
    /// When a route is there that matches the same paths: the same pattern, or one that differs
    /// only in the names of its parameters. The router is then as it was.
    pub fn insert(&mut self, pattern: Pattern, value: T) -> Result<(), Conflict> {
        let new = self.routes.len();
        let slot = self.root.slot(pattern.segments());
        if let Some(existing) = *slot {
            return Err(Conflict { new: pattern, existing: self.routes[existing].0.clone() });
        }
        *slot = Some(new);
        self.routes.push((pattern, value));
        Ok(())
    }

    /// All routes in the order they were inserted.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = (&Pattern, &T)> {
        self.routes.iter().map(|(pattern, value)| (pattern, value))
    }

    /// The route for a request's path (still percent-encoded, without a query).
    ///
    /// The path is cut at its slashes first and decoded after, so `%2F` stays inside its segment.
    /// A path with an empty segment (`//`) has no route.
    ///
    /// # Errors
    /// When the path cannot be read at all; the answer is 400.
    ///
    /// ```
    /// use nova_routing::{Pattern, Router};
    ///
    /// let mut router = Router::new();
    /// router.insert(Pattern::parse("/files/{*path}")?, ())?;
    ///
    /// let found = router.find("/files/a%2Fb/c/")?.expect("a route");
    /// assert_eq!(found.params.get("path"), Some("a/b/c"));
    /// assert_eq!(found.canonical, Some("/files/a%2Fb/c"));
    /// assert!(router.find("/files")?.is_none());
    /// assert!(router.find("/files/..").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find<'r, 'p>(&'r self, path: &'p str) -> Result<Option<Match<'r, 'p, T>>, BadPath> {
        let Some(segments) = path::read(path)? else {
            return Ok(None);
        };
        let mut values = Values::new();
        let Some(index) = self.root.find(segments.rest, segments.escaped, &mut values) else {
            return Ok(None);
        };
        if segments.escaped {
            for value in values.iter_mut() {
                if let Cow::Borrowed(raw) = *value {
                    *value = path::decode(raw)?;
                }
            }
        }
        let (pattern, value) = &self.routes[index];
        let params = Params::new(pattern, values);
        Ok(Some(Match { value, pattern, params, canonical: segments.canonical }))
    }
}

impl Node {
    /// The place where a pattern ends, made on the way.
    fn slot(&mut self, segments: &[Segment]) -> &mut Option<usize> {
        let Some((first, rest)) = segments.split_first() else {
            return &mut self.exact;
        };
        match first {
            Segment::Literal(text) => self.literals.entry(text.clone()).or_default().slot(rest),
            Segment::Param(_) => self.param.get_or_insert_default().slot(rest),
            Segment::Rest(_) => &mut self.rest,
            Segment::OptionalRest(_) => &mut self.optional_rest,
        }
    }

    /// Depth first in the order of precedence. Each node is visited at most once, since one trie
    /// path consumes one known part of `rest`: the search is bounded by the size of the trie.
    fn find<'p>(&self, rest: &'p str, escaped: bool, values: &mut Values<'p>) -> Option<usize> {
        if rest.is_empty() {
            return self.exact.or_else(|| {
                let index = self.optional_rest?;
                values.push("");
                Some(index)
            });
        }
        let (segment, tail) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some(node) = self.literal(segment, escaped)
            && let Some(index) = node.find(tail, escaped, values)
        {
            return Some(index);
        }
        if let Some(node) = &self.param {
            values.push(segment);
            if let Some(index) = node.find(tail, escaped, values) {
                return Some(index);
            }
            values.pop();
        }
        let index = self.rest.or(self.optional_rest)?;
        values.push(rest);
        Some(index)
    }

    fn literal(&self, segment: &str, escaped: bool) -> Option<&Node> {
        if self.literals.is_empty() {
            return None;
        }
        let decoded;
        let text = if escaped {
            decoded = path::decode(segment).ok()?;
            &*decoded
        } else {
            segment
        };
        self.literals.get(text)
    }
}

/// FNV-1a. Clients choose what is looked up but not what is in the table, so nothing has to be
/// hard to guess, and for words of this length it is much faster than std's.
#[derive(Clone)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
