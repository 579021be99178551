//! Pairs for a struct with `#[serde(flatten)]`.
//!
//! What is behind it serde reads twice: first as whatever it is, and a pair is text; then as what the
//! field is, and text is no number. serde says then which text it was that should have been something
//! else, so the pair with this text is read again as the number or the `true` that it looks like. That is
//! paid for by forms that cannot be read in the plain way.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde_core::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde_core::de::{
    DeserializeOwned, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor,
};
use serde_core::forward_to_deserialize_any;

/// How often it is tried. Only pairs with the same text need more than one try for each.
const TRIES: usize = 64;

/// How many pairs are tried at most: each try reads all of them.
const MOST_PAIRS: usize = 1000;

/// What was wrong: the name of the pair, if that is known, and how.
pub(super) type BadPair = (Option<String>, String);

/// Reads pairs such as `a=1&b=2`.
pub(super) fn read<T: DeserializeOwned>(pairs: &[u8]) -> Result<T, BadPair> {
    let split: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        serde_html_form::from_bytes(pairs).map_err(|error| (None, error.to_string()))?;
    if split.len() > MOST_PAIRS {
        let count = split.len();
        let message = format!("a field is not of its type, among {count} of at most {MOST_PAIRS}");
        return Err((None, message));
    }
    let mut tries = TRIES;
    attempt(&grouped(split), &mut BTreeSet::new(), &mut tries)
}

/// The pairs by their names, in the order in which each name comes first.
fn grouped<'a>(pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
    for (name, text) in pairs {
        match places.get(&name) {
            Some(place) => groups[*place].texts.push(text),
            None => {
                places.insert(name.clone(), groups.len());
                groups.push(Group { name, texts: vec![text] });
            }
        }
    }
    groups
}

/// The values of one name.
struct Group<'a> {
    name: Cow<'a, str>,
    texts: Vec<Cow<'a, str>>,
}

/// `typed`: the groups that are read as what they look like.
fn attempt<T: DeserializeOwned>(
    groups: &[Group<'_>],
    typed: &mut BTreeSet<usize>,
    tries: &mut usize,
) -> Result<T, BadPair> {
    let asked = RefCell::new(BTreeSet::new());
    let pairs = groups.iter().enumerate().map(|(index, group)| {
        let value =
            Pair { index, texts: &group.texts, is_typed: typed.contains(&index), asked: &asked };
        (&*group.name, value)
    });
    let failed = match T::deserialize(MapDeserializer::<_, Failed>::new(pairs)) {
        Ok(value) => return Ok(value),
        Err(failed) => failed,
    };
    let text = failed.text.as_deref();
    let asked = asked.into_inner();
    let is_it = |index: usize| groups[index].texts.iter().any(|it| Some(&**it) == text);
    let candidates: Vec<usize> =
        asked.into_iter().filter(|index| is_it(*index) && !typed.contains(index)).collect();
    let mut wrong = None;
    for index in candidates {
        if *tries == 0 || groups[index].texts.iter().any(|text| Typed::of(text).is_none()) {
            wrong.get_or_insert_with(|| {
                (Some(groups[index].name.to_string()), failed.message.clone())
            });
            continue;
        }
        *tries -= 1;
        typed.insert(index);
        match attempt(groups, typed, tries) {
            Ok(value) => return Ok(value),
            // What is wrong with the next pair says more than that this one is text.
            Err(next) => wrong = Some(next),
        }
        typed.remove(&index);
    }
    Err(wrong.unwrap_or((None, failed.message)))
}

/// What a text looks like.
enum Typed {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl Typed {
    fn of(text: &str) -> Option<Self> {
        let boolean = text.parse().map(Self::Bool).ok();
        let whole = || text.parse().map(Self::Unsigned).ok();
        let signed = || text.parse().map(Self::Signed).ok();
        let float = || finite(text).map(Self::Float).ok();
        boolean.or_else(whole).or_else(signed).or_else(float)
    }
}

/// A number that can be compared and added: `NaN` and `inf` pass by the rules of an app.
fn finite(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|error: std::num::ParseFloatError| error.to_string())?;
    if value.is_finite() { Ok(value) } else { Err("the number is not finite".to_owned()) }
}

/// The value of a pair, or those of pairs of one name.
struct Pair<'a> {
    index: usize,
    texts: &'a [Cow<'a, str>],
    is_typed: bool,
    /// The pairs that were read as whatever they are.
    asked: &'a RefCell<BTreeSet<usize>>,
}

impl<'a> Pair<'a> {
    fn text(&self) -> Result<&'a str, Failed> {
        match self.texts {
            [text] => Ok(text),
            _ => Err(serde_core::de::Error::custom("there is more than one")),
        }
    }

    fn each(self) -> impl Iterator<Item = Pair<'a>> {
        let Pair { index, texts, is_typed, asked } = self;
        (0..texts.len()).map(move |at| Pair { index, texts: &texts[at..=at], is_typed, asked })
    }
}

impl<'de> IntoDeserializer<'de, Failed> for Pair<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($deserialize:ident $visit:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
            visitor.$visit(self.text()?.parse().map_err(serde_core::de::Error::custom)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Pair<'_> {
    type Error = Failed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.asked.borrow_mut().insert(self.index);
        if self.texts.len() != 1 {
            return self.deserialize_seq(visitor);
        }
        let text = self.text()?;
        match Some(text).filter(|_| self.is_typed).and_then(Typed::of) {
            Some(Typed::Bool(value)) => visitor.visit_bool(value),
            Some(Typed::Unsigned(value)) => visitor.visit_u64(value),
            Some(Typed::Signed(value)) => visitor.visit_i64(value),
            Some(Typed::Float(value)) => visitor.visit_f64(value),
            None => visitor.visit_str(text),
        }
    }

    parsed! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8
        deserialize_i16 visit_i16
        deserialize_i32 visit_i32
        deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u8
        deserialize_u16 visit_u16
        deserialize_u32 visit_u32
        deserialize_u64 visit_u64
        deserialize_u128 visit_u128
        deserialize_char visit_char
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        visitor.visit_f64(finite(self.text()?).map_err(serde_core::de::Error::custom)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failed> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        visitor.visit_seq(SeqDeserializer::new(self.each()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failed> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failed> {
        visitor.visit_enum(StrDeserializer::<Failed>::new(self.text()?))
    }

    forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct tuple_struct map struct identifier ignored_any
    }
}

/// Why it was not read, with the text that should have been something else.
#[derive(Debug)]
struct Failed {
    message: String,
    text: Option<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

impl serde_core::de::Error for Failed {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Failed { message: message.to_string(), text: None }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let text = match unexpected {
            Unexpected::Str(text) => Some(text.to_owned()),
            _ => None,
        };
        Failed { message: format!("invalid type: {unexpected}, expected {expected}"), text }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Page {
        number: u32,
        size: Option<i8>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Filter {
        code: String,
        price: f32,
        #[serde(default)]
        tag: Vec<u8>,
        exact: bool,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Search {
        q: String,
        #[serde(flatten)]
        page: Page,
        #[serde(flatten)]
        filter: Filter,
    }

    #[test]
    fn numbers_behind_flatten_are_read() {
        let pairs = b"q=7&number=7&size=-7&code=7&price=7&tag=7&tag=8&exact=true";
        let want = Search {
            q: "7".into(),
            page: Page { number: 7, size: Some(-7) },
            filter: Filter { code: "7".into(), price: 7.0, tag: vec![7, 8], exact: true },
        };
        assert_eq!(read::<Search>(pairs), Ok(want));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table: [(&[u8], _, _); 6] = [
            (b"q=&number=x&code=a&price=1&exact=true", Some("number"), "expected u32"),
            (b"q=&number=1&code=a&price=one&exact=true", Some("price"), "expected f32"),
            (b"q=&number=1&code=a&price=NaN&exact=true", Some("price"), "expected f32"),
            (b"q=&number=1&code=a&price=-inf&exact=true", Some("price"), "expected f32"),
            (b"q=&number=1&code=a&price=1&exact=maybe", Some("exact"), "expected a boolean"),
            (b"q=&number=1&price=1&exact=true", None, "missing field `code`"),
        ];
        for (pairs, name, message) in table {
            let (found, said) = read::<Search>(pairs).expect_err("it is wrong");
            assert_eq!(found.as_deref(), name, "{said}");
            assert!(said.contains(message), "{said}");
        }
    }

    #[test]
    fn many_pairs_of_one_text_come_to_an_end() {
        let pairs: String = (0..100).map(|n| format!("k{n}=1&")).collect();
        #[derive(Debug, Deserialize)]
        struct Any {
            #[serde(flatten)]
            #[allow(dead_code, reason = "it is not read")]
            rest: std::collections::BTreeMap<String, Vec<bool>>,
        }
        assert!(read::<Any>(pairs.as_bytes()).is_err());
    }

    #[test]
    fn each_try_reads_so_many_pairs_at_most() {
        let pairs = |count: usize| -> String {
            let others: String = (1..count).map(|n| format!("&k{n}=")).collect();
            format!("number=7{others}")
        };
        #[derive(Debug, Deserialize)]
        struct Flat {
            #[serde(flatten)]
            page: Page,
        }
        let right = read::<Flat>(pairs(MOST_PAIRS).as_bytes()).expect("it is read");
        assert_eq!(right.page.number, 7);
        let (_, said) = read::<Flat>(pairs(MOST_PAIRS + 1).as_bytes()).expect_err("too many");
        assert_eq!(said, "a field is not of its type, among 1001 of at most 1000");
    }
}
