//! A compiler that panics on a stylesheet in the middle of an edit must neither end a development
//! server nor write to its terminal.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::error::StyleError;

thread_local! {
    static COMPILING: Cell<bool> = const { Cell::new(false) };
}

/// What `compile` makes of `file`; a panic in it is an error.
pub(super) fn caught<T>(
    file: &str,
    compile: impl FnOnce() -> Result<T, StyleError>,
) -> Result<T, StyleError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !COMPILING.get() {
                others(panic);
            }
        }));
    });
    COMPILING.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(compile));
    COMPILING.set(false);
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let message = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
        let help = if file.ends_with(".css") {
            ""
        } else {
            "\nhelp: CSS that Sass need not read belongs into a file whose name ends with `.css`"
        };
        Err(StyleError::Crashed { file: file.to_owned(), message: message.to_owned(), help })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_a_way_out() {
        let text = |file| caught::<()>(file, || panic!("lost at {}", 3)).unwrap_err().to_string();
        assert_eq!(
            text("styles/a.scss"),
            "the stylesheet compiler failed on styles/a.scss: lost at 3\nhelp: CSS that Sass need \
             not read belongs into a file whose name ends with `.css`"
        );
        assert_eq!(
            text("styles/a.css"),
            "the stylesheet compiler failed on styles/a.css: lost at 3"
        );
    }
}
