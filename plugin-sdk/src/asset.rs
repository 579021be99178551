//! Links to public files.

use std::borrow::Cow;

use crate::info;

/// The URL of a file of `public/`, to link it in a page.
///
/// In development it is the file's own: `/logo.svg`. In a release of `nova build` it is that of a
/// copy whose name carries a hash of its content, `/logo-3f2a1b4c5d6e7f80.svg`, which browsers keep
/// for ever: a file that changes has another URL, so a browser never shows an old one.
///
/// What stands behind a `?` or `#` stays. The path of any other file is only made absolute.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn get() -> Html {
///     page(
///         "Home",
///         html! {
///             img src=(nova::asset("logo.svg")) alt="Our logo";
///             svg { use href=(nova::asset("img/icons.svg#menu")) {} }
///         },
///     )
/// }
/// # assert_eq!(nova::asset("logo.svg"), "/logo.svg");
/// # let _ = get();
/// ```
#[must_use]
pub fn asset(path: &str) -> Cow<'static, str> {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let (file, rest) = path.split_at(end);
    let url = if file.starts_with('/') { file.to_owned() } else { format!("/{file}") };
    match info::hashed(&url) {
        Some(hashed) if rest.is_empty() => Cow::Borrowed(hashed),
        Some(hashed) => Cow::Owned(format!("{hashed}{rest}")),
        None => Cow::Owned(url + rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_release_is_linked_by_its_hashed_name() {
        let public = [("/img/a.svg".to_owned(), "/img/a-0f.svg".to_owned())].into();
        let _inside = info::enter(info::started("links", false, public, None));
        assert_eq!(asset("img/a.svg"), "/img/a-0f.svg");
        assert_eq!(asset("/img/a.svg"), "/img/a-0f.svg");
        assert_eq!(asset("img/a.svg?x=1#b"), "/img/a-0f.svg?x=1#b");
        assert_eq!(asset("#top"), "/#top");
        assert_eq!(asset("other.svg#b"), "/other.svg#b");
    }
}
