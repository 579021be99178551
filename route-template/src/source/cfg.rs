//! Conditions of items, as in `#[cfg(feature = "admin")]`: generated code that names an item is there
//! when the item is.

use quote::ToTokens as _;
use syn::{Attribute, Meta};

/// The condition of an item with all of these attributes: its own, and those of its file. `None`:
/// it is always there.
pub(super) fn of<'a>(lists: impl IntoIterator<Item = &'a Vec<Attribute>>) -> Option<String> {
    let mut conditions = Vec::new();
    for attribute in lists.into_iter().flatten().filter(|it| it.path().is_ident("cfg")) {
        if let Meta::List(list) = &attribute.meta {
            conditions.push(text(&list.tokens.to_token_stream().to_string()));
        }
    }
    joined(&conditions)
}

/// The condition that all of these make.
pub(crate) fn all<'a>(conditions: impl IntoIterator<Item = &'a Option<String>>) -> Option<String> {
    joined(&conditions.into_iter().flatten().cloned().collect::<Vec<_>>())
}

fn joined(conditions: &[String]) -> Option<String> {
    match conditions {
        [] => None,
        [condition] => Some(condition.clone()),
        several => Some(format!("all({})", several.join(", "))),
    }
}

/// The condition of which one of these is enough; `None`: it holds always.
pub(crate) fn any<'a>(conditions: impl IntoIterator<Item = &'a Option<String>>) -> Option<String> {
    let conditions: Vec<&str> =
        conditions.into_iter().map(Option::as_deref).collect::<Option<_>>()?;
    match conditions[..] {
        [condition] => Some(condition.to_owned()),
        _ => Some(format!("any({})", conditions.join(", "))),
    }
}

/// Whether an item is there for tests alone.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// A condition as rustfmt would write it; the tokens have a space between each two.
fn text(tokens: &str) -> String {
    let mut text = String::new();
    let mut rest = tokens;
    while let Some(next) = rest.chars().next() {
        if next == '"' {
            // A value stays as it is.
            let end = rest[1..].find('"').map_or(rest.len(), |end| end + 2);
            text.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let is_loose =
            next == ' ' && (text.ends_with('(') || rest[1..].starts_with(['(', ')', ',']));
        if !is_loose && next != '\n' {
            text.push(next);
        }
        rest = &rest[next.len_utf8()..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_written_once_and_joined() {
        for (attributes, expected) in [
            ("", None),
            ("#[doc = \"cfg(unix)\"]", None),
            ("#[cfg(unix)]", Some("unix")),
            ("#[cfg( feature = \"a (b\" )]", Some("feature = \"a (b\"")),
            ("#[cfg(not(any(unix,windows)))] #[cfg(x)]", Some("all(not(any(unix, windows)), x)")),
        ] {
            let item: syn::ItemFn = syn::parse_str(&format!("{attributes} fn get() {{}}")).unwrap();
            assert_eq!(of([&item.attrs]).as_deref(), expected, "{attributes}");
        }
        let [unix, none] = [Some("unix".to_owned()), None];
        assert_eq!(any([&unix, &none]), None);
        assert_eq!(any([&unix]), unix);
        assert_eq!(any([&unix, &unix]).as_deref(), Some("any(unix, unix)"));
    }
}
