//! Terminal text as HTML, for the overlay.
//!
//! Compilers colour their messages with SGR escapes. [`to_html`] escapes the text and turns
//! those colours into `<span class>`es whose classes the overlay's stylesheet defines for
//! light and dark (`c0` to `c15` for the foreground, `g0` to `g15` for the background, `b` bold,
//! `d` dim, `i` italic, `u` underlined, `s` struck). Every other escape sequence is dropped.
//!
//! `ansi-to-html` writes each colour into a `style` attribute, which the policy of the page that the
//! overlay lies on may forbid (`Content-Security-Policy`), and `anstyle-svg` a document of its own.

use std::fmt::Write as _;

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};

/// `text` as HTML that is safe to place inside an element.
pub(crate) fn to_html(text: &str) -> String {
    let mut writer = Writer::default();
    let mut parser = Parser::<DefaultCharAccumulator>::new();
    for &byte in text.as_bytes() {
        parser.advance(&mut writer, byte);
    }
    writer.wear(Style::default());
    writer.html
}

/// Appends `char` so that it is safe inside an element and inside a quoted attribute.
fn escape(char: char, html: &mut String) {
    match char {
        '&' => html.push_str("&amp;"),
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '"' => html.push_str("&quot;"),
        '\'' => html.push_str("&#39;"),
        _ => html.push(char),
    }
}

/// `text`, safe inside an element and inside a quoted attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    text.chars().for_each(|char| escape(char, &mut html));
    html
}

#[derive(Default)]
struct Writer {
    html: String,
    /// What the text that follows shall look like.
    style: Style,
    /// What the open span looks like; the default is no span.
    worn: Style,
}

impl Writer {
    fn wear(&mut self, style: Style) {
        if self.worn == style {
            return;
        }
        if self.worn != Style::default() {
            self.html.push_str("</span>");
        }
        if style != Style::default() {
            style.open(&mut self.html);
        }
        self.worn = style;
    }
}

impl Perform for Writer {
    fn print(&mut self, char: char) {
        self.wear(self.style);
        escape(char, &mut self.html);
    }

    fn execute(&mut self, byte: u8) {
        if matches!(byte, b'\n' | b'\t') {
            self.html.push(byte.into());
        }
    }

    fn csi_dispatch(&mut self, parameters: &Params, _: &[u8], ignore: bool, action: u8) {
        if action == b'm' && !ignore {
            self.style.apply(parameters.iter().flatten().copied());
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Colour {
    Named(u8),
    Rgb(u8, u8, u8),
}

impl Colour {
    /// One of the 256 colours of a terminal: 16 names, a 6×6×6 cube, 24 greys.
    fn indexed(index: u8) -> Self {
        let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
        match index {
            0..=15 => Self::Named(index),
            16..=231 => {
                let cube = index - 16;
                Self::Rgb(level(cube / 36), level(cube / 6 % 6), level(cube % 6))
            }
            232.. => {
                let grey = 8 + 10 * (index - 232);
                Self::Rgb(grey, grey, grey)
            }
        }
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Style {
    foreground: Option<Colour>,
    background: Option<Colour>,
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    struck: bool,
}

impl Style {
    fn apply(&mut self, codes: impl Iterator<Item = u16>) {
        let mut codes = codes;
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underlined = true,
                9 => self.struck = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underlined = false,
                29 => self.struck = false,
                30..=37 => self.foreground = Some(Colour::Named(low(code - 30))),
                38 => self.foreground = extended(&mut codes).or(self.foreground),
                39 => self.foreground = None,
                40..=47 => self.background = Some(Colour::Named(low(code - 40))),
                48 => self.background = extended(&mut codes).or(self.background),
                49 => self.background = None,
                90..=97 => self.foreground = Some(Colour::Named(low(code - 82))),
                100..=107 => self.background = Some(Colour::Named(low(code - 92))),
                _ => {}
            }
        }
    }

    fn open(self, html: &mut String) {
        let mut classes = Vec::new();
        let mut css = String::new();
        for (colour, class, property) in
            [(self.foreground, 'c', "color"), (self.background, 'g', "background")]
        {
            match colour {
                Some(Colour::Named(index)) => classes.push(format!("{class}{index}")),
                Some(Colour::Rgb(r, g, b)) => {
                    let _ = write!(css, "{property}:#{r:02x}{g:02x}{b:02x};");
                }
                None => {}
            }
        }
        let flags = [
            (self.bold, "b"),
            (self.dim, "d"),
            (self.italic, "i"),
            (self.underlined, "u"),
            (self.struck, "s"),
        ];
        classes.extend(flags.iter().filter(|(on, _)| *on).map(|(_, class)| (*class).to_owned()));
        html.push_str("<span");
        if !classes.is_empty() {
            let _ = write!(html, " class=\"{}\"", classes.join(" "));
        }
        if !css.is_empty() {
            let _ = write!(html, " style=\"{css}\"");
        }
        html.push('>');
    }
}

/// What follows 38 and 48: `5;index` or `2;red;green;blue`.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<Colour> {
    match codes.next()? {
        5 => Some(Colour::indexed(low(codes.next()?))),
        2 => Some(Colour::Rgb(low(codes.next()?), low(codes.next()?), low(codes.next()?))),
        _ => None,
    }
}

fn low(code: u16) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_classes_and_text_is_escaped() {
        for (ansi, html) in [
            ("plain", "plain"),
            ("Vec<u8> & \"x\"", "Vec&lt;u8&gt; &amp; &quot;x&quot;"),
            (
                "\x1b[1m\x1b[38;5;9merror[E0308]\x1b[0m\x1b[1m: mismatched\x1b[0m",
                "<span class=\"c9 b\">error[E0308]</span><span class=\"b\">: mismatched</span>",
            ),
            ("\x1b[31mred\x1b[39m after", "<span class=\"c1\">red</span> after"),
            ("\x1b[94mbright", "<span class=\"c12\">bright</span>"),
            ("\x1b[1;4;41mx\x1b[22;24;49my", "<span class=\"g1 b u\">x</span>y"),
            ("\x1b[38;2;255;0;16mx", "<span style=\"color:#ff0010;\">x</span>"),
            ("\x1b[38;5;196mx", "<span style=\"color:#ff0000;\">x</span>"),
            ("\x1b[48;5;232mx", "<span style=\"background:#080808;\">x</span>"),
            ("\x1b[mx\x1b[0my", "xy"),
            (
                "<script>\x1b[31m</script>",
                "&lt;script&gt;<span class=\"c1\">&lt;/script&gt;</span>",
            ),
        ] {
            assert_eq!(to_html(ansi), html, "{ansi:?}");
        }
    }

    #[test]
    fn other_and_broken_sequences_vanish() {
        for (ansi, text) in [
            ("\x1b[2Kline", "line"),
            ("\x1b]8;;https://x\x1b\\E0308\x1b]8;;\x1b\\!", "E0308!"),
            ("\x1b]0;title\x07body", "body"),
            ("cut \x1b[38;5", "cut "),
            ("cut \x1b", "cut "),
            ("\x1b(Bé", "é"),
            ("two\r\n\tlines\u{8}", "two\n\tlines"),
        ] {
            assert_eq!(to_html(ansi), text, "{ansi:?}");
        }
    }
}
