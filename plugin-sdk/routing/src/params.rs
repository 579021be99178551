//! The parameter values of one match.

use std::borrow::Cow;
use std::fmt;

use super::pattern::Pattern;

/// How many values fit without an allocation; few routes have more.
const INLINE: usize = 2;

/// The values of a route's parameters, percent-decoded, in the pattern's order.
///
/// A value is borrowed from the path unless it had to be decoded. The value of an empty
/// `{*path?}`, and of a `{lang?}` that is missing, is `""`; no other value is empty.
#[derive(Clone)]
pub struct Params<'r, 'p> {
    pattern: &'r Pattern,
    values: Values<'p>,
}

impl<'r, 'p> Params<'r, 'p> {
    pub(super) fn new(pattern: &'r Pattern, values: Values<'p>) -> Self {
        Params { pattern, values }
    }

    /// How many parameters the pattern has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len
    }

    /// Whether the pattern has no parameter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.len == 0
    }

    /// The value of the parameter called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(candidate, value)| (candidate == name).then_some(value))
    }

    /// The value at `index`, counted from the left.
    #[must_use]
    pub fn value(&self, index: usize) -> Option<&str> {
        self.values.get(index).map(AsRef::as_ref)
    }

    /// Names and values from left to right.
    pub fn iter(&self) -> impl Iterator<Item = (&'r str, &str)> {
        self.pattern
            .names()
            .enumerate()
            .filter_map(|(index, name)| Some((name, self.value(index)?)))
    }
}

impl fmt::Debug for Params<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Values alone: a stack while the trie is searched.
#[derive(Clone)]
pub(super) struct Values<'p> {
    inline: [Cow<'p, str>; INLINE],
    more: Vec<Cow<'p, str>>,
    len: usize,
}

impl<'p> Values<'p> {
    pub(super) const fn new() -> Self {
        Values { inline: [const { Cow::Borrowed("") }; INLINE], more: Vec::new(), len: 0 }
    }

    pub(super) fn push(&mut self, value: Cow<'p, str>) {
        match self.inline.get_mut(self.len) {
            Some(slot) => *slot = value,
            None => self.more.push(value),
        }
        self.len += 1;
    }

    /// Puts a value before that at `index`, which is at most the number of values.
    pub(super) fn insert(&mut self, index: usize, value: &'p str) {
        self.push(Cow::Borrowed(value));
        let mut carried: Option<Cow<'p, str>> = None;
        for slot in self.iter_mut().skip(index) {
            let next = carried.take().unwrap_or(Cow::Borrowed(value));
            carried = Some(std::mem::replace(slot, next));
        }
    }

    pub(super) fn pop(&mut self) {
        self.len -= 1;
        self.more.truncate(self.len.saturating_sub(INLINE));
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Cow<'p, str>> {
        self.inline.iter_mut().take(self.len).chain(&mut self.more)
    }

    fn get(&self, index: usize) -> Option<&Cow<'p, str>> {
        if index >= self.len {
            return None;
        }
        self.inline.get(index).or_else(|| self.more.get(index - INLINE))
    }
}
