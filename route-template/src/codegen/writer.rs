//! Writing generated text, line by line, and whose functions the lines name.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::codegen::GeneratedCode;
use crate::codegen::calls::Statement;
use crate::source::place::Place;

/// Text with an indentation.
#[derive(Default)]
pub(crate) struct CodeWriter {
    pub(crate) generated: GeneratedCode,
    lines: usize,
    depth: usize,
}

impl CodeWriter {
    pub(crate) fn line(&mut self, line: &str) {
        if line.starts_with('}') || line.starts_with(']') {
            self.depth -= 1;
        }
        let indent = self.depth * 4;
        let _ = writeln!(self.generated.text, "{:indent$}{line}", "");
        self.lines += 1;
        if line.ends_with('{') || line.ends_with('[') {
            self.depth += 1;
        }
    }

    pub(crate) fn blank(&mut self) {
        self.generated.text.push('\n');
        self.lines += 1;
    }

    /// A line with which something of the user's stands or falls.
    pub(crate) fn line_about(&mut self, place: Place, line: &str) {
        self.generated.origins.insert(self.lines, place);
        self.line(line);
    }

    /// Brings the functions into scope with which these calls hand over others. A list of all of
    /// them, or a glob, would be what some lint warns of.
    pub(crate) fn handler_functions(&mut self, calls: &[Statement<'_>]) {
        let used: BTreeSet<&str> =
            calls.iter().filter_map(|call| call.handler_function.as_deref()).collect();
        let used: Vec<&str> = used.into_iter().collect();
        match used[..] {
            [] => return,
            [one] => self.line(&format!("use nova::handler::{one};")),
            _ => self.line(&format!("use nova::handler::{{{}}};", used.join(", "))),
        }
        self.blank();
    }

    /// A call that hands over a function, and whose function it is.
    pub(crate) fn call(&mut self, call: &Statement<'_>) {
        if let Some(cfg) = &call.cfg {
            self.line(&format!("#[cfg({cfg})]"));
        }
        let Some((file, function)) = call.about else { return self.line(&call.text) };
        let place = Place {
            file: file.to_owned(),
            position: function.position,
            function: Some(function.name.clone()),
        };
        self.line_about(place, &format!("{} // {file}: {}", call.text, function.signature));
    }

    /// `#[path]`, where rustc would look elsewhere.
    pub(crate) fn path_attribute(&mut self, path: &str, default: &str) {
        if path != default {
            self.line(&format!("#[path = {path:?}]"));
        }
    }
}
