//! Where in the app an error was made.

use std::panic::Location;

/// The folder of this crate's own files, as rustc names them.
const SDK: &str = {
    let file = file!().as_bytes();
    let (folder, _) = file.split_at(file.len() - "error/place.rs".len());
    match str::from_utf8(folder) {
        Ok(folder) => folder,
        Err(_) => panic!("`file!()` is UTF-8, and what is cut off is ASCII"),
    }
};

/// `caller`, unless it is in this crate or in std, as for `map_err(Error::internal)`: that says
/// nothing about the app.
pub(super) fn in_app(caller: &'static Location<'static>) -> Option<&'static Location<'static>> {
    let file = caller.file();
    (!file.starts_with(SDK) && !file.starts_with("/rustc/")).then_some(caller)
}

/// Whether a file, as rustc names it, is one of this crate's own.
pub(crate) fn is_of_sdk(file: &str) -> bool {
    file.starts_with(SDK)
}
