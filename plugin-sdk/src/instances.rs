//! Generic code as pages use it, compiled once, with this crate.
//!
//! In a build without optimisation rustc takes an instance of a generic function from a crate below
//! that has it. Two thirds of what a page with serde's derives consists of does not depend on its
//! types: how serde_json reads a `u64`, how a query gives an `Option<String>`. Without the
//! functions here each page would compile all of it, at every save. They are never called.

use std::collections::{BTreeMap, HashMap};

use maud::{Markup, html};
use serde_core::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_core::ser::SerializeStruct;
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

use crate::extract::{Form, Json, Path, Query};
use crate::handler::{Handler, async_0, sync_0, sync_1};
use crate::html::document::Html;
use crate::html::page;
use crate::response::{Response, Result};

/// A struct as derives read and write one, with a field of every usual type.
struct Sample;

struct SampleVisitor;

macro_rules! fields {
    ($($type:ty,)*) => {
        impl<'de> Visitor<'de> for SampleVisitor {
            type Value = Sample;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a struct")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sample, A::Error> {
                while let Some(key) = map.next_key::<String>()? {
                    match &*key {
                        $(stringify!($type) => drop(map.next_value::<$type>()?),)*
                        "missing" => return Err(A::Error::missing_field("missing")),
                        "twice" => return Err(A::Error::duplicate_field("twice")),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Sample)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sample, A::Error> {
                $(if seq.next_element::<$type>()?.is_none() {
                    return Err(A::Error::invalid_length(0, &"a struct"));
                })*
                Ok(Sample)
            }
        }

        impl Serialize for Sample {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut fields = serializer.serialize_struct("Sample", 0)?;
                $(fields.serialize_field(stringify!($type), &<$type>::default())?;)*
                fields.end()
            }
        }
    };
}

fields! {
    bool, u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64, char, String,
    Option<bool>, Option<u8>, Option<u16>, Option<u32>, Option<u64>, Option<usize>, Option<i32>,
    Option<i64>, Option<f32>, Option<f64>, Option<String>, Vec<String>, Vec<u32>, Vec<u64>,
    Vec<i32>, Vec<i64>, Vec<f64>, Option<Vec<String>>, HashMap<String, String>,
    BTreeMap<String, String>, serde_json::Value,
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Sample", &[], SampleVisitor)
    }
}

/// Bodies, queries and forms.
pub fn data() -> [Handler<()>; 5] {
    [
        sync_1(|Json(sample): Json<Sample>| Json(sample)),
        sync_1(|Json(samples): Json<Vec<Sample>>| Json(samples)),
        sync_1(|_: Query<Sample>| Json(serde_json::Value::Null)),
        sync_1(|_: Form<Sample>| -> Result<Json<Vec<String>>> { Ok(Json(Vec::new())) }),
        sync_1(|_: Option<Query<HashMap<String, String>>>| ()),
    ]
}

/// Parameters.
pub fn paths() -> [Handler<()>; 9] {
    [
        sync_1(|_: Path<Sample>| ()),
        sync_1(|_: Path<String>| ()),
        sync_1(|_: Path<u32>| ()),
        sync_1(|_: Path<u64>| ()),
        sync_1(|_: Path<usize>| ()),
        sync_1(|_: Path<i32>| ()),
        sync_1(|_: Path<i64>| ()),
        sync_1(|_: Path<(String, String)>| ()),
        sync_1(|_: Path<(u64, u64)>| ()),
    ]
}

/// Markup, and what pages return.
pub fn markup() -> [Handler<()>; 5] {
    fn markup(text: &str, owned: &String, number: u64, index: usize, signed: i64) -> Markup {
        html! {
            p class=(text) { (text) (owned) (number) (index) (signed) (html! {}) }
        }
    }
    [
        sync_0(|| page("A page", markup("", &String::new(), 1, 1, 1))),
        sync_0(|| -> Result<Html> { Ok(page(String::from("A page"), html! {})) }),
        async_0(|| async { page("A page", html! {}) }),
        async_0(|| async { Ok::<Html, crate::Error>(page("A page", html! {})) }),
        sync_0(|| -> Result<Response> { Ok(Response::default()) }),
    ]
}
