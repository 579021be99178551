//! How a release is swapped, as the commands say it.

use std::fmt::Write as _;

use super::style::{DIM, GOOD, WARN};

/// A line with the mode, and one for each thing that it follows from. `declared`: `app.rs` asks for
/// the mode, whatever speaks against it.
pub(crate) fn lines(mode: &str, declared: bool, because: &[String]) -> String {
    let why = match (declared, because) {
        (false, []) => "nothing in it forbids two generations at once",
        (false, _) => "because",
        (true, []) => "as app.rs says",
        (true, _) => "as app.rs says, although",
    };
    let mut text = format!("{GOOD}swap{GOOD:#}      {mode}  {DIM}{why}{DIM:#}\n");
    let style = if declared { WARN } else { DIM };
    for sentence in because {
        let _ = writeln!(text, "          {style}{sentence}{style:#}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_said_with_its_reasons() {
        let because =
            ["SQLite is linked in (libsqlite3-sys 0.30.1, bundled): two copies".to_owned()];
        let all = [
            lines("overlap", false, &[]),
            lines("process", false, &because),
            lines("handover", true, &[]),
            lines("overlap", true, &because),
        ];
        let plain = anstream::adapter::strip_str(&all.concat()).to_string();
        insta::assert_snapshot!(plain, @"
        swap      overlap  nothing in it forbids two generations at once
        swap      process  because
                  SQLite is linked in (libsqlite3-sys 0.30.1, bundled): two copies
        swap      handover  as app.rs says
        swap      overlap  as app.rs says, although
                  SQLite is linked in (libsqlite3-sys 0.30.1, bundled): two copies
        ");
    }
}
