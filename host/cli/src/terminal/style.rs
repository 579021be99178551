//! How the command line looks. `anstream` drops the colours where there is no terminal.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const NOTE: Style = AnsiColor::Cyan.on_default().bold();

/// clap's help in the same colours.
pub(crate) const HELP: clap::builder::Styles = clap::builder::Styles::styled()
    .header(BOLD)
    .usage(BOLD)
    .literal(AnsiColor::Cyan.on_default())
    .error(BAD)
    .valid(AnsiColor::Cyan.on_default())
    .invalid(AnsiColor::Yellow.on_default());

/// An error with everything that led to it.
pub(crate) fn error(error: &anyhow::Error) -> String {
    let mut text = format!("{BAD}error{BAD:#}: {error}");
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Many errors end with their cause already.
        if !said.contains(&cause) {
            let _ = write!(text, "\n  because: {}", cause.replace('\n', "\n  "));
            said.push_str(&cause);
        }
    }
    text
}

/// An error and what led to it, on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let cause = cause.to_string();
        // Errors of other crates often end with their cause already.
        if !text.contains(&cause) {
            let _ = write!(text, ": {cause}");
        }
    }
    text
}

/// A duration as people say it.
pub(crate) fn took(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds / 1000 % 60),
    }
}

/// `1 route`, `2 routes`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A number of bytes as people say it, in units of a thousand.
pub(crate) fn size(bytes: u64) -> String {
    // More than 2^52 bytes would lose digits that are not printed.
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let kilobytes = bytes as f64 / 1000.0;
    if kilobytes < 999.5 {
        format!("{kilobytes:.0} kB")
    } else {
        format!("{:.2} MB", kilobytes / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn durations_read_well() {
        for (milliseconds, text) in [
            (0, "0 ms"),
            (412, "412 ms"),
            (999, "999 ms"),
            (1000, "1.0 s"),
            (9840, "9.8 s"),
            (72_500, "1 min 12 s"),
        ] {
            assert_eq!(took(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn sizes_read_well() {
        for (bytes, text) in
            [(0, "0 kB"), (970_400, "970 kB"), (999_600, "1.00 MB"), (1_486_000, "1.49 MB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn causes_are_said_once() {
        let io = std::io::Error::other("disk is full");
        let said = anyhow::Error::new(io).context("cannot write: disk is full");
        let unsaid = Err::<(), _>(std::io::Error::other("disk is full"))
            .context("cannot write build/manifest.json")
            .expect_err("it is an error");
        assert_eq!(
            anstream::adapter::strip_str(&error(&said)).to_string(),
            "error: cannot write: disk is full"
        );
        assert_eq!(
            anstream::adapter::strip_str(&error(&unsaid)).to_string(),
            "error: cannot write build/manifest.json\n  because: disk is full"
        );
    }

    #[test]
    fn a_chain_is_one_line() {
        #[derive(Debug, thiserror::Error)]
        #[error("nova.toml cannot be read")]
        struct Outer(#[source] std::io::Error);
        let outer = Outer(std::io::Error::other("disk is full"));
        assert_eq!(chain(&outer), "nova.toml cannot be read: disk is full");
    }
}
