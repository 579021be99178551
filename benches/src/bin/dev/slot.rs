//! The place in a source file that the edits change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nova_tests::client::Failure;

/// A file, split around the text that each edit replaces.
#[derive(Clone)]
pub(crate) struct Slot {
    path: PathBuf,
    before: String,
    after: String,
}

impl Slot {
    /// The slot where `text` stands in `file`.
    ///
    /// # Errors
    /// If it does not stand there exactly once.
    pub(crate) fn find(app: &Path, file: &str, text: &str) -> Result<Self, Failure> {
        let path = app.join(file);
        let content = fs::read_to_string(&path)?;
        match content.split(text).collect::<Vec<_>>()[..] {
            [before, after] => {
                let (before, after) = (before.to_owned(), after.to_owned());
                Ok(Self { path, before, after })
            }
            _ => Err(format!("{text:?} does not stand in {file} exactly once").into()),
        }
    }

    /// Writes the file with `text` in its slot, as an editor does that saves in place.
    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        fs::write(&self.path, [&self.before, text, &self.after].concat())
    }
}

/// A text that no other edit writes, and that is a name in Rust and in CSS.
pub(crate) fn marker(number: usize) -> String {
    format!("marker_{number:05}")
}
