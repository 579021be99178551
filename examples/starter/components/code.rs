use nova::prelude::*;

/// Source code, with the name of its file.
pub fn listing(file: &str, code: &str) -> Markup {
    html! {
        figure.code {
            figcaption { (file) }
            pre tabindex="0" { code { (code) } }
        }
    }
}

/// What is typed into a terminal, after `$`, and what comes back.
pub fn terminal(text: &str) -> Markup {
    html! {
        figure.code.terminal {
            figcaption { "Terminal" }
            pre tabindex="0" {
                @for line in text.split_inclusive('\n') {
                    @match line.strip_prefix("$ ") {
                        Some(typed) => { kbd { (typed) } }
                        None => { samp { (line) } }
                    }
                }
            }
        }
    }
}
