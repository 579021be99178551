//! How wide a terminal is, and text that fits it. Words that are longer than a line stay whole: a path
//! is there to be copied.

use std::os::fd::AsFd;

/// What is between two items.
const BETWEEN: &str = " · ";

/// So much further than the first line of a text the others begin.
const INDENT: usize = 2;

/// The columns of the terminal that this leads to; without one, lines are as long as they are.
pub(crate) fn of(stream: impl AsFd) -> usize {
    let size = rustix::termios::tcgetwinsize(stream).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(usize::MAX)
}

/// How many columns a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Items one after the other, broken between them where they do not fit, and in them where one is
/// longer than a line.
pub(crate) fn items(items: impl IntoIterator<Item = String>, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            None => lines.push(item),
            Some(line) if columns(line) + columns(BETWEEN) + columns(&item) <= width => {
                line.push_str(BETWEEN);
                line.push_str(&item);
            }
            Some(_) => lines.push(format!("{:INDENT$}{item}", "")),
        }
    }
    lines.iter().map(|line| words(line, width)).collect::<Vec<_>>().join("\n")
}

/// A text broken between words where it does not fit.
pub(crate) fn words(text: &str, width: usize) -> String {
    let rest = text.trim_start();
    let indent = text.len() - rest.len();
    let mut lines = vec![" ".repeat(indent)];
    let mut is_begun = false;
    for word in rest.split(' ') {
        let fits = lines.last().is_some_and(|line| columns(line) + 1 + columns(word) <= width);
        if is_begun && !fits {
            lines.push(" ".repeat(indent + INDENT));
            is_begun = false;
        }
        let Some(line) = lines.last_mut() else { continue };
        if is_begun {
            line.push(' ');
        }
        line.push_str(word);
        is_begun = true;
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_between_words() {
        for (text, width, expected) in [
            ("", 10, ""),
            ("one two", usize::MAX, "one two"),
            ("one two", 7, "one two"),
            ("one two three", 7, "one two\n  three"),
            ("  one two three", 7, "  one\n    two\n    three"),
            ("one /a/long/path two", 7, "one\n  /a/long/path\n  two"),
            ("größe größe", 11, "größe größe"),
        ] {
            assert_eq!(words(text, width), expected, "{text} at {width}");
        }
    }

    #[test]
    fn items_stay_whole_as_long_as_they_fit_a_line() {
        for (texts, width, expected) in [
            (&[][..], 10, ""),
            (&["a b", "c d"], usize::MAX, "a b · c d"),
            (&["a b", "c d"], 9, "a b · c d"),
            (&["a b", "c d"], 8, "a b\n  c d"),
            (&["one", "two three", "four"], 12, "one\n  two three\n  four"),
            (&["one", "two three four"], 10, "one\n  two\n    three\n    four"),
        ] {
            let texts = texts.iter().map(|text| (*text).to_owned());
            assert_eq!(items(texts, width), expected, "at {width}");
        }
    }

    #[test]
    fn what_is_not_a_terminal_has_no_width() {
        let file = tempfile::tempfile().expect("a file");
        assert_eq!(of(&file), usize::MAX);
    }
}
