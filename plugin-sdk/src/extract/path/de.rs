//! Deserialises the parameters of a route: each is text, and its name and place are known.

use std::fmt::{self, Display};

use nova_routing::Segment;
use serde_core::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde_core::de::{self, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde_core::forward_to_deserialize_any;

use crate::error::{Rejection, RejectionKind};
use crate::request::RequestContext;

/// Why the parameters do not fit.
#[derive(Debug)]
pub(super) enum PathError {
    /// The request's fault: a value, perhaps of a known parameter, is not of the type.
    Value(Option<String>, String),
    /// The page's fault: its type asks for what the route does not have.
    Shape(String),
}

impl PathError {
    fn named(self, name: &str) -> Self {
        match self {
            PathError::Value(None, message) => PathError::Value(Some(name.to_owned()), message),
            named_or_shape => named_or_shape,
        }
    }
}

impl Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathError::Value(Some(name), message) => {
                write!(f, "path parameter `{name}`: {message}")
            }
            PathError::Value(None, message) => write!(f, "path parameters: {message}"),
            PathError::Shape(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for PathError {}

impl de::Error for PathError {
    fn custom<T: Display>(message: T) -> Self {
        PathError::Value(None, message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        PathError::Shape(format!("the route has no parameter `{field}`"))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        PathError::Shape(format!("the route has {length} parameters, expected {expected}"))
    }
}

impl From<PathError> for Rejection {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Value(..) => Rejection::of(RejectionKind::InvalidPath, error.to_string()),
            shape @ PathError::Shape(_) => {
                Rejection::of(RejectionKind::Unavailable, "wrong `Path<..>` for this route")
                    .with_source(shape)
            }
        }
    }
}

/// All parameters of the route.
#[derive(Clone, Copy)]
pub(super) struct Params<'a, 'r>(&'a RequestContext<'r>);

impl<'a, 'r> Params<'a, 'r> {
    pub(super) fn new(head: &'a RequestContext<'r>) -> Self {
        Params(head)
    }

    fn values(self) -> impl Iterator<Item = Param<'a>> {
        let segments = self.0.param_pattern().map_or(&[][..], |pattern| pattern.segments());
        let named = segments.iter().filter_map(|segment| Some((segment, segment.name()?)));
        named.enumerate().filter_map(move |(index, (segment, name))| {
            let rest = matches!(segment, Segment::Rest(_) | Segment::OptionalRest(_));
            Some(Param { name, value: self.0.param_at(index)?, rest })
        })
    }

    fn only(self) -> Result<Param<'a>, PathError> {
        let mut values = self.values();
        match (values.next(), values.count()) {
            (Some(only), 0) => Ok(only),
            (None, _) => Err(PathError::Shape("the route has no parameter".to_owned())),
            (Some(_), more) => Err(PathError::Shape(format!(
                "the route has {} parameters: take a tuple or a struct",
                more + 1
            ))),
        }
    }
}

macro_rules! to_the_only_value {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
            self.only()?.$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Params<'de, '_> {
    type Error = PathError;

    to_the_only_value! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32
        deserialize_i64 deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_option deserialize_identifier
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        match self.only() {
            Ok(only) if only.rest => only.deserialize_seq(visitor),
            _ => {
                let mut values = SeqDeserializer::new(self.values());
                let value = visitor.visit_seq(&mut values)?;
                values.end()?;
                Ok(value)
            }
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        let count = self.values().count();
        if count != length {
            return Err(PathError::invalid_length(count, &visitor));
        }
        visitor.visit_seq(SeqDeserializer::new(self.values()))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_map(MapDeserializer::new(self.values().map(|param| (param.name, param))))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.only()?.deserialize_enum(name, variants, visitor)
    }
}

/// One parameter.
#[derive(Clone, Copy)]
struct Param<'de> {
    name: &'de str,
    value: &'de str,
    /// Whether it is the rest of the path, which may be cut into segments.
    rest: bool,
}

impl Param<'_> {
    fn is_one_segment(self) -> PathError {
        PathError::Shape(format!("the parameter `{}` is one value", self.name))
    }
}

impl<'de> IntoDeserializer<'de, PathError> for Param<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parse {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
            match self.value.parse() {
                Ok(value) => visitor.$visit(value),
                Err(error) => Err(PathError::custom(error).named(self.name)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Param<'de> {
    type Error = PathError;

    parse! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32
        deserialize_i64 visit_i64 deserialize_i128 visit_i128
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32
        deserialize_u64 visit_u64 deserialize_u128 visit_u128
        deserialize_f32 visit_f32 deserialize_f64 visit_f64
        deserialize_char visit_char
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_borrowed_str(self.value).map_err(|error: PathError| error.named(self.name))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        if self.value.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_newtype_struct(self).map_err(|error| error.named(self.name))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        if !self.rest {
            return Err(self.is_one_segment());
        }
        let segments = self.value.split('/').filter(|segment| !segment.is_empty());
        visitor.visit_seq(SeqDeserializer::new(segments.map(|value| Param {
            name: self.name,
            value,
            rest: false,
        })))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        let text: StrDeserializer<'de, PathError> = self.value.into_deserializer();
        text.deserialize_enum(name, variants, visitor).map_err(|error| error.named(self.name))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, PathError> {
        Err(self.is_one_segment())
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        _: V,
    ) -> Result<V::Value, PathError> {
        Err(self.is_one_segment())
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, PathError> {
        Err(self.is_one_segment())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, PathError> {
        Err(self.is_one_segment())
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf unit unit_struct identifier ignored_any
    }
}
