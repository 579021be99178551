//! Which pages other files name: `crate::pages::users_id::Card`, `use super::about::LINKS`.
//!
//! Such a page is a shared module as well, so it is in the app library: its statics and types
//! exist once. This goes by the tokens alone and may take in a page too many, which costs time
//! and nothing else.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The names that stand behind `pages::` and `super::` in the text of a file.
pub fn references(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // Most files name none, and a look at the text is cheap.
    if !["pages", "super"].iter().any(|word| text.contains(word)) {
        return found;
    }
    if let Ok(tokens) = text.parse::<TokenStream>() {
        walk(tokens, &mut found);
    }
    proc_macro2::extra::invalidate_current_thread_spans();
    found
}

fn walk(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => walk(group.stream(), found),
            TokenTree::Ident(ident)
                if (ident == "pages" || ident == "super")
                    && is_path_separator(&tokens[index + 1..]) =>
            {
                take(tokens.get(index + 3), found);
            }
            _ => {}
        }
    }
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    let is_colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    is_colon(tokens.first()) && is_colon(tokens.get(1))
}

/// What stands after `pages::`: a name, or several in braces.
fn take(token: Option<&TokenTree>, found: &mut BTreeSet<String>) {
    match token {
        Some(TokenTree::Ident(ident)) => {
            found.insert(ident.to_string());
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let mut is_first = true;
            for token in group.stream() {
                if is_first {
                    take(Some(&token), found);
                }
                is_first = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_wherever_they_are_named() {
        for (text, expected) in [
            ("use nova::prelude::*;\npub fn get() {}", &[][..]),
            ("use crate::pages::users_id::Card;", &["users_id"]),
            ("use super::about::LINKS;", &["about"]),
            ("use super::{about, index as home};", &["about", "index"]),
            (
                "use crate::{app::Db, pages::{users_id::{Card, Row}, r#type}};",
                &["users_id", "r#type"],
            ),
            ("fn f() { html! { a href=(super::about::URL) {} } }", &["about"]),
            ("mod tests { use super::*; }", &[]),
            ("use super::_layout;", &["_layout"]),
            ("let pages = index;", &[]),
            ("// crate::pages::about\n\"pages::about\"", &[]),
            ("fn broken( { crate::pages::about", &[]),
        ] {
            let expected: BTreeSet<_> = expected.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(references(text), expected, "{text}");
        }
    }
}
