//! A backtrace as far as it is the app's.
//!
//! Between the panic and the page there are the panic's own frames, and below the page a hundred
//! of the framework's. What is shown begins after the former and ends with the page; the app's
//! own frames stand out.

use std::path::Path;

/// The frames of `text` that matter to the author of the app in `dir`, with ANSI colours.
pub(crate) fn trim(text: &str, dir: &Path) -> String {
    let mut frames = frames(text);
    // Everything up to here belongs to panicking itself.
    let machinery = |frame: &Frame<'_>| {
        frame.name.contains("rust_begin_unwind") || frame.name.starts_with("core::panicking::")
    };
    if let Some(last) = frames.iter().rposition(machinery) {
        frames.drain(..=last);
    }
    if let Some(last) = frames.iter().rposition(|frame| frame.place_in(dir).is_some()) {
        frames.truncate(last + 1);
    }
    let lines = frames.iter().map(|frame| match (frame.place_in(dir), frame.place) {
        (Some(own), _) => format!("\x1b[1m{}\x1b[0m\n    at \x1b[1m{own}\x1b[0m", frame.name),
        (None, Some(place)) => format!("\x1b[2m{}\n    at {place}\x1b[0m", frame.name),
        (None, None) => format!("\x1b[2m{}\x1b[0m", frame.name),
    });
    lines.collect::<Vec<_>>().join("\n")
}

struct Frame<'a> {
    name: &'a str,
    place: Option<&'a str>,
}

impl Frame<'_> {
    /// Its place in a file of the app, from the app's folder. std leaves out the folder that the
    /// process runs in.
    fn place_in(&self, dir: &Path) -> Option<&str> {
        let place = self.place?;
        let own = match place.strip_prefix("./") {
            Some(relative) => relative,
            None => Path::new(place).strip_prefix(dir).ok()?.to_str()?,
        };
        // The C library leaves the folder out, too: `./nptl/pthread_create.c`.
        let foreign = ["vendor/", "target/", ".nova/"].iter().any(|it| own.starts_with(it));
        (own.contains(".rs:") && !foreign).then_some(own)
    }
}

/// `3: name` begins a frame, `at file:line:column` belongs to the one before.
fn frames(text: &str) -> Vec<Frame<'_>> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(place) = line.strip_prefix("at ") {
            if let Some(frame) = frames.last_mut() {
                frame.place = Some(place);
            }
        } else if let Some((number, name)) = line.split_once(": ")
            && number.bytes().all(|byte| byte.is_ascii_digit())
        {
            frames.push(Frame { name, place: None });
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
   0: nova::abi::panics::seen_by
             at /sdk/src/abi/panics.rs:61:42
   8: __rustc::rust_begin_unwind
             at /rustc/59/library/std/src/panicking.rs:689:5
   9: core::panicking::panic_fmt
  10: <usize as core::slice::index::SliceIndex<[T]>>::index
             at /rustc/59/library/core/src/slice/index.rs:272:10
  14: deep
             at ./components/deep.rs:1:51
  15: app::pages::boom::get::{{closure}}
             at /home/ada/app/pages/[id].rs:3:43
  16: {async_fn#0}
             at ./vendor/nova/plugin-sdk/src/handler.rs:189:37
  17: start_thread
             at ./nptl/pthread_create.c:442:8
";

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(&trim(text, Path::new("/home/ada/app"))).to_string()
    }

    #[test]
    fn what_is_left_is_the_apps() {
        insta::assert_snapshot!(plain(TEXT), @r"
        <usize as core::slice::index::SliceIndex<[T]>>::index
            at /rustc/59/library/core/src/slice/index.rs:272:10
        deep
            at components/deep.rs:1:51
        app::pages::boom::get::{{closure}}
            at pages/[id].rs:3:43
        ");
    }

    #[test]
    fn without_a_frame_of_the_app_nothing_is_cut_off_below() {
        let text = "0: __rustc::rust_begin_unwind\n1: a::b\n at /x/y.rs:1:1\n2: main\n";
        assert_eq!(plain(text), "a::b\n    at /x/y.rs:1:1\nmain");
        assert_eq!(plain(""), "");
        assert_eq!(plain("disabled backtrace"), "");
    }
}
