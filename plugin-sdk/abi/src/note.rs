//! The note: what a host reads of a library before it runs any of its code.
//!
//! The note is a static that the library exports under [`SYMBOL`]: a magic line and then
//! `key=value` lines, so that `strings` shows it too. Unknown keys are skipped, which lets an SDK
//! say more than a host understands.

use std::fmt;

use crate::SwapMode;

/// The exported symbol that holds the note.
pub const SYMBOL: &str = "nova_library_note";

/// The first line of every note.
pub const MAGIC: &str = "nova route library\n";

/// What a note says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The [`ABI`](crate::ABI) number that the library was built for.
    pub abi: u32,
    /// The version of `nova-plugin-sdk`.
    pub sdk: String,
    /// `rustc --version` of the compiler.
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// `unwind` or `abort`.
    pub panic: String,
    /// The app's package name and version.
    pub app: String,
    /// How it is swapped, as far as that was known when it was compiled.
    pub swap: Option<SwapMode>,
    /// Whether the app itself asks for that mode, whatever its library holds.
    pub swap_declared: bool,
}

/// Why bytes are not a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoteError {
    /// The magic line is missing.
    Magic,
    /// The text is not UTF-8.
    Text,
    /// A key that must be there is missing, or its value does not parse.
    Key(&'static str),
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("it does not begin with the line `nova route library`"),
            Self::Text => f.write_str("it is not UTF-8"),
            Self::Key(key) => write!(f, "its key `{key}` is missing or malformed"),
        }
    }
}

impl std::error::Error for NoteError {}

impl Note {
    /// Reads a note from the bytes of its symbol.
    ///
    /// # Errors
    /// If the magic line or a key is missing.
    ///
    /// ```
    /// use nova_abi::note::{MAGIC, Note, NoteError};
    ///
    /// let text = format!("{MAGIC}abi=1\nsdk=0.1.0\nrustc=rustc 1.95.0\n\
    ///     target=x86_64-unknown-linux-gnu\npanic=unwind\napp=blog 0.1.0\n");
    /// assert_eq!(Note::parse(text.as_bytes()).unwrap().abi, 1);
    /// assert_eq!(Note::parse(b"\x7fELF"), Err(NoteError::Magic));
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let rest = bytes.strip_prefix(MAGIC.as_bytes()).ok_or(NoteError::Magic)?;
        let text = std::str::from_utf8(rest).map_err(|_| NoteError::Text)?;
        let value = |key: &'static str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            lines.find(|(k, _)| *k == key).map(|(_, v)| v)
        };
        let find = |key| value(key).map(str::to_owned).ok_or(NoteError::Key(key));
        let swap = value("swap").map(|mode| mode.parse().map_err(|_| NoteError::Key("swap")));
        Ok(Self {
            abi: find("abi")?.parse().map_err(|_| NoteError::Key("abi"))?,
            sdk: find("sdk")?,
            rustc: find("rustc")?,
            target: find("target")?,
            panic: find("panic")?,
            app: find("app")?,
            swap: swap.transpose()?,
            swap_declared: value("swap-declared") == Some("yes"),
        })
    }
}

/// The length of the joined parts, for a static's type.
#[must_use]
pub const fn joined_len(parts: &[&str]) -> usize {
    let (mut len, mut i) = (0, 0);
    while i < parts.len() {
        len += parts[i].len();
        i += 1;
    }
    len
}

/// Joins the parts of a note at compile time; `N` is their [`joined_len`].
///
/// # Panics
/// If `N` is not the joined length: at compile time, where the macro uses it.
#[must_use]
pub const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut bytes = [0; N];
    let (mut at, mut i) = (0, 0);
    while i < parts.len() {
        let part = parts[i].as_bytes();
        let mut j = 0;
        while j < part.len() {
            bytes[at] = part[j];
            at += 1;
            j += 1;
        }
        i += 1;
    }
    assert!(at == N, "the length is that of the parts");
    bytes
}
