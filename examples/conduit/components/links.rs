//! Addresses of pages, with what users typed in them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::articles::Article;

pub fn article(article: &Article) -> String {
    format!("/article/{}", article.slug)
}

pub fn profile(username: &str) -> String {
    format!("/profile/{}", encoded(username))
}

/// The list of what has this tag.
pub fn tagged(tag: &str) -> String {
    format!("/?tag={}", encoded(tag))
}

pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
