//! What was meant by a command that there is not, in the words of other tools.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The error with a tip, where there is one.
pub(super) fn with_tip(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand)
        && let Some(tip) = tip(command)
    {
        // Its own are those that are spelt alike.
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

fn tip(command: &str) -> Option<&'static str> {
    Some(match command {
        "serve" | "server" | "run" | "watch" | "preview" | "s" => {
            "`nova dev` serves an app while you write it, `nova start` a release that was built"
        }
        "init" | "create" => "`nova new PATH` makes an app; PATH may be `.`",
        "deploy" | "publish" | "reload" => {
            "`nova build` writes a release, and `nova swap build` gives it to a running host"
        }
        "test" | "fmt" | "format" | "lint" | "clippy" | "add" | "update" => {
            "an app is an ordinary crate: use cargo for this"
        }
        "generate" | "g" => "a page is a file: write `pages/NAME.rs`, and it answers at /NAME",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    #[test]
    fn words_of_other_tools_are_understood() {
        let said = |command: &str| {
            let error = Cli::command().try_get_matches_from(["nova", command]);
            with_tip(error.expect_err("there is no such command")).to_string()
        };
        for (command, tip) in [
            ("serve", "tip: `nova dev` serves an app while you write it"),
            ("test", "tip: an app is an ordinary crate"),
            ("init", "tip: `nova new PATH`"),
            ("buld", "tip: a similar subcommand exists: 'build'"),
        ] {
            let said = said(command);
            assert!(said.contains(tip), "{said}");
        }
        assert!(!said("frobnicate").contains("tip:"));
    }
}
