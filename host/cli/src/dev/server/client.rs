//! The script that open pages run: the files of `client/` and the library that they need, in one
//! function, so that nothing of them is visible to the page.

/// The script.
pub(crate) const CLIENT: &str = concat!(
    "(() => {\n",
    include_str!("client/start.js"),
    include_str!("../../../vendor/idiomorph/idiomorph.min.js"),
    "\n",
    include_str!("client/connection.js"),
    include_str!("client/update.js"),
    include_str!("client/morph.js"),
    include_str!("client/overlay.js"),
    include_str!("client/finish.js"),
    "})();\n",
);

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_library_is_the_one_that_the_note_names() {
        let library = include_bytes!("../../../vendor/idiomorph/idiomorph.min.js");
        let hash: String =
            Sha256::digest(library).iter().map(|byte| format!("{byte:02x}")).collect();
        let note = include_str!("../../../vendor/README.md");
        assert!(note.contains(&format!("`{hash}`")), "{hash}");
    }

    #[test]
    fn nothing_of_it_is_visible_to_the_page() {
        assert!(CLIENT.starts_with("(() => {\n") && CLIENT.ends_with("})();\n"));
        // The library is a variable of the function that is around it.
        assert_eq!(CLIENT.matches("var Idiomorph=").count(), 1);
    }
}
