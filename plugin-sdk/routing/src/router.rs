//! The trie of patterns.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use super::constraint::Constraint;
use super::params::{Params, Values};
use super::path::{self, BadPath};
use super::pattern::{Pattern, Segment};

/// Routes by pattern; see the [module](super) for the rules.
#[derive(Clone, Debug)]
pub struct Router<T> {
    routes: Vec<(Pattern, T)>,
    ends: Vec<End>,
    root: Node,
}

/// The end of a way through the trie.
#[derive(Clone, Copy, Debug)]
struct End {
    /// An index into [`Router::routes`].
    route: usize,
    /// Which parameter is missing on this way, counted from the left.
    missing: Option<usize>,
}

/// Indices into [`Router::ends`], one per way a pattern can end here.
#[derive(Clone, Debug, Default)]
struct Node {
    exact: Option<usize>,
    literals: HashMap<Box<str>, Node, BuildHasherDefault<Fnv>>,
    /// In the order of precedence.
    constrained: Vec<(Constraint, Node)>,
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
        let root = Node {
            exact: None,
            literals,
            constrained: Vec::new(),
            param: None,
            rest: None,
            optional_rest: None,
        };
        Router { routes: Vec::new(), ends: Vec::new(), root }
    }

    /// Adds a route.
    ///
    /// # Errors
    /// When a route is there that matches the same paths: the same pattern, or one that differs
    /// only in the names of its parameters, or in one that may be missing. The router is then as it
    /// was.
    pub fn insert(&mut self, pattern: Pattern, value: T) -> Result<(), Conflict> {
        let variants: Vec<_> = pattern.variants().collect();
        for (segments, _) in &variants {
            if let Some(end) = *self.root.slot(segments) {
                let existing = self.routes[self.ends[end].route].0.clone();
                return Err(Conflict { new: pattern, existing });
            }
        }
        for (segments, missing) in variants {
            *self.root.slot(&segments) = Some(self.ends.len());
            self.ends.push(End { route: self.routes.len(), missing });
        }
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
        let End { route, missing } = self.ends[index];
        if let Some(missing) = missing {
            values.insert(missing, "");
        }
        let (pattern, value) = &self.routes[route];
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
            Segment::Constrained(_, constraint) => self.constrained(constraint).slot(rest),
            // Variants of a pattern have none of the optional ones.
            Segment::Param(_) | Segment::Optional(..) => {
                self.param.get_or_insert_default().slot(rest)
            }
            Segment::Rest(_) => &mut self.rest,
            Segment::OptionalRest(_) => &mut self.optional_rest,
        }
    }

    fn constrained(&mut self, constraint: &Constraint) -> &mut Node {
        let at = match self.constrained.binary_search_by(|(it, _)| it.cmp(constraint)) {
            Ok(at) => at,
            Err(at) => {
                self.constrained.insert(at, (constraint.clone(), Node::default()));
                at
            }
        };
        &mut self.constrained[at].1
    }

    /// Depth first in the order of precedence. Each node is visited at most once, since one trie
    /// path consumes one known part of `rest`: the search is bounded by the size of the trie.
    fn find<'p>(&self, rest: &'p str, escaped: bool, values: &mut Values<'p>) -> Option<usize> {
        if rest.is_empty() {
            return self.exact.or_else(|| {
                let index = self.optional_rest?;
                values.push(Cow::Borrowed(""));
                Some(index)
            });
        }
        let (segment, tail) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some(node) = self.literal(segment, escaped)
            && let Some(index) = node.find(tail, escaped, values)
        {
            return Some(index);
        }
        if !self.constrained.is_empty()
            && let Some(index) = self.find_constrained(segment, tail, escaped, values)
        {
            return Some(index);
        }
        if let Some(node) = &self.param {
            values.push(Cow::Borrowed(segment));
            if let Some(index) = node.find(tail, escaped, values) {
                return Some(index);
            }
            values.pop();
        }
        let index = self.rest.or(self.optional_rest)?;
        values.push(Cow::Borrowed(rest));
        Some(index)
    }

    fn find_constrained<'p>(
        &self,
        segment: &'p str,
        tail: &'p str,
        escaped: bool,
        values: &mut Values<'p>,
    ) -> Option<usize> {
        let text = if escaped { path::decode(segment).ok()? } else { Cow::Borrowed(segment) };
        for (constraint, node) in &self.constrained {
            let value = match &text {
                Cow::Borrowed(text) => constraint.value(text).map(Cow::Borrowed),
                Cow::Owned(text) => {
                    constraint.value(text).map(|value| Cow::Owned(value.to_owned()))
                }
            };
            let Some(value) = value else { continue };
            values.push(value);
            if let Some(index) = node.find(tail, escaped, values) {
                return Some(index);
            }
            values.pop();
        }
        None
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
