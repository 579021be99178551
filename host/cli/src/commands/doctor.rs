//! `nova doctor`: whether this machine and this app have what a build and a host need.
//!
//! Each check is a function that looks at one thing and gives a [`Finding`]; none of them changes
//! anything, and all of them run whatever the others found.

mod app;
mod machine;
mod production;

use std::path::PathBuf;

use super::{Outcome, app_folder};
use crate::terminal::style::{BAD, DIM, GOOD, WARN};

/// Check what a build and a host need, on this machine and in the app
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder
    #[arg(default_value = app_folder::HERE, value_parser = app_folder::parser())]
    dir: PathBuf,
    /// Try to compile the app, too
    #[arg(long)]
    compile: bool,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// What was looked at.
    subject: &'static str,
    verdict: Verdict,
    /// What was found.
    found: String,
    /// What to do about it; empty where nothing is to be done.
    advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Good,
    /// It works, but not as well as it could.
    Weak,
    /// Something does not work.
    Bad,
}

impl Finding {
    fn good(subject: &'static str, found: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Good, found: found.into(), advice: String::new() }
    }

    fn weak(subject: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Weak, found: found.into(), advice: advice.into() }
    }

    fn bad(subject: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Bad, found: found.into(), advice: advice.into() }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut findings = machine::findings();
    findings.extend(production::findings());
    findings.extend(app::findings(&args.dir));
    if args.compile {
        findings.extend(app::compile(&args.dir));
    }
    anstream::print!("{}", render(&findings));
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Bad);
    Ok(if failed { Outcome::Failed } else { Outcome::Done })
}

fn render(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { subject, verdict, found, advice } in findings {
        let (word, style) = match verdict {
            Verdict::Good => ("ok", GOOD),
            Verdict::Weak => ("weak", WARN),
            Verdict::Bad => ("bad", BAD),
        };
        text.push_str(&format!("{style}{word:<4}{style:#}  {subject:width$}  {found}\n"));
        for line in advice.lines() {
            text.push_str(&format!("      {:width$}  {DIM}{line}{DIM:#}\n", ""));
        }
    }
    let count = |wanted| findings.iter().filter(|finding| finding.verdict == wanted).count();
    text.push_str(&match (count(Verdict::Bad), count(Verdict::Weak)) {
        (0, 0) => format!("\n{GOOD}All is well.{GOOD:#}\n"),
        (0, weak) => format!("\nNothing stands in the way; {weak} could be better.\n"),
        (bad, _) => format!("\n{BAD}{bad} of {} must be mended.{BAD:#}\n", findings.len()),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_to_do() {
        let findings = [
            Finding::good("cargo", "1.95.0"),
            Finding::weak(
                "inotify",
                "1024 folders can be watched",
                "raise the limit:\nsudo sysctl x=1",
            ),
            Finding::bad("linker", "`cc` is not on PATH", "install it: apt install gcc"),
        ];
        let plain =
            |findings: &[Finding]| anstream::adapter::strip_str(&render(findings)).to_string();
        insta::assert_snapshot!(plain(&findings));
        insta::assert_snapshot!("all_well", plain(&findings[..1]));
    }
}
