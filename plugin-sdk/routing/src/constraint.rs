//! What a segment must look like for a parameter to take it: text around it, and a type.

use std::cmp::Reverse;
use std::fmt;

/// The type of a parameter, which decides whether a route matches: `{id=u64}`.
///
/// ```
/// use nova_routing::ParamType;
///
/// assert!(ParamType::U8.matches("255") && !ParamType::U8.matches("256"));
/// assert!(ParamType::I64.matches("-7") && !ParamType::U64.matches("+7"));
/// assert!(ParamType::Uuid.matches("67e55044-10b1-426f-9247-bb680e5fe0c8"));
/// ```
// In the order of precedence: what fits fewer texts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ParamType {
    /// `uuid`: 32 hexadecimal digits in five groups, as in RFC 9562, section 4.
    Uuid,
    /// `u8`: 0 to 255, in decimal digits.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `i32`: with or without `-` before the digits.
    I32,
    /// `i64`.
    I64,
}

impl ParamType {
    /// Every one, in the order of precedence.
    pub const ALL: [ParamType; 7] = [
        ParamType::Uuid,
        ParamType::U8,
        ParamType::U16,
        ParamType::U32,
        ParamType::U64,
        ParamType::I32,
        ParamType::I64,
    ];

    /// Its name in a pattern.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ParamType::Uuid => "uuid",
            ParamType::U8 => "u8",
            ParamType::U16 => "u16",
            ParamType::U32 => "u32",
            ParamType::U64 => "u64",
            ParamType::I32 => "i32",
            ParamType::I64 => "i64",
        }
    }

    /// The type of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<ParamType> {
        ParamType::ALL.into_iter().find(|ty| ty.name() == name)
    }

    /// Whether a decoded text is a value of this type.
    #[must_use]
    pub fn matches(self, text: &str) -> bool {
        // `parse` would take a plus, which no link of an app has.
        let digits = !text.starts_with('+');
        match self {
            ParamType::Uuid => is_uuid(text.as_bytes()),
            ParamType::U8 => digits && text.parse::<u8>().is_ok(),
            ParamType::U16 => digits && text.parse::<u16>().is_ok(),
            ParamType::U32 => digits && text.parse::<u32>().is_ok(),
            ParamType::U64 => digits && text.parse::<u64>().is_ok(),
            ParamType::I32 => digits && text.parse::<i32>().is_ok(),
            ParamType::I64 => digits && text.parse::<i64>().is_ok(),
        }
    }
}

fn is_uuid(text: &[u8]) -> bool {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, &byte): (usize, &u8)| match is_dash(at) {
        true => byte == b'-',
        false => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.iter().enumerate().all(fits)
}

impl fmt::Display for ParamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is asked of a segment besides being one: `post-{id}`, `{id}.json`, `{id=u64}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Constraint {
    /// The text before the parameter.
    pub before: Box<str>,
    /// What the parameter is.
    pub ty: Option<ParamType>,
    /// The text behind it.
    pub after: Box<str>,
}

impl Constraint {
    /// Whether every segment will do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty() && self.ty.is_none()
    }

    /// What the parameter takes of a decoded segment; at least one character.
    #[must_use]
    pub fn value<'s>(&self, segment: &'s str) -> Option<&'s str> {
        let value = segment.strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        let fits = !value.is_empty() && self.ty.is_none_or(|ty| ty.matches(value));
        fits.then_some(value)
    }
}

/// In the order of precedence: more text first, of equally much that which has more of it before the
/// parameter, then the text itself, and of one text what has a type.
impl Ord for Constraint {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |it: &Self| (Reverse(it.before.len() + it.after.len()), Reverse(it.before.len()));
        key(self)
            .cmp(&key(other))
            .then_with(|| (&self.before, &self.after).cmp(&(&other.before, &other.after)))
            .then_with(|| (self.ty.is_none(), self.ty).cmp(&(other.ty.is_none(), other.ty)))
    }
}

impl PartialOrd for Constraint {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_take_what_they_can_hold() {
        let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let table = [
            ("7", "u8 u16 u32 u64 i32 i64"),
            ("007", "u8 u16 u32 u64 i32 i64"),
            ("256", "u16 u32 u64 i32 i64"),
            ("4294967296", "u64 i64"),
            ("18446744073709551615", "u64"),
            ("18446744073709551616", ""),
            ("-7", "i32 i64"),
            ("+7", ""),
            ("7.0", ""),
            ("\u{661}", ""),
            ("", ""),
            (uuid, "uuid"),
            (&uuid.to_uppercase(), "uuid"),
            (&uuid[1..], ""),
            (&uuid.replace('-', "_"), ""),
        ];
        for (text, expected) in table {
            let fits = ParamType::ALL.into_iter().filter(|ty| ty.matches(text));
            let mut names: Vec<_> = fits.map(ParamType::name).collect();
            names.sort_by_key(|name| (name.starts_with('i'), name.len(), *name));
            assert_eq!(names.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn a_value_is_what_is_between_the_texts() {
        let constraint = |before: &str, after: &str| Constraint {
            before: before.into(),
            ty: None,
            after: after.into(),
        };
        let table = [
            ("post-", "", "post-7", Some("7")),
            ("post-", "", "post-", None),
            ("", ".json", "a.json", Some("a")),
            ("", ".json", ".json", None),
            ("ab", "ba", "aba", None),
            ("ab", "ba", "ab-ba", Some("-")),
        ];
        for (before, after, segment, value) in table {
            assert_eq!(constraint(before, after).value(segment), value, "{segment}");
        }
    }
}
