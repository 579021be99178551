//! The choice: how a release is swapped, and why so.

use serde::{Deserialize, Serialize};

use super::library::LinkedLibrary;
use super::mode::SwapMode;
use super::packages::Package;
use super::table::{ROWS, Row, STATIC_TLS, Sign};
use crate::cargo::build::BuildOutput;
use crate::release::error::ReleaseError;
use crate::release::library::{LibraryError, LibraryInfo};

/// How a release is swapped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SwapPlan {
    /// The mode.
    pub mode: SwapMode,
    /// Whether `app.rs` asks for it; else it follows from what was found.
    pub declared: bool,
    /// What was found that forbids an easier mode, a sentence each. Where the mode is declared:
    /// what forbids that one.
    pub because: Vec<String>,
}

/// Finds out how a library is to be swapped that has just been built, and that has its names still.
///
/// # Errors
/// If it cannot be read, or is not a route library.
pub fn swap_plan(built: &BuildOutput) -> Result<SwapPlan, ReleaseError> {
    let library = std::fs::read(&built.library).map_err(|source| ReleaseError::Io {
        path: built.library.clone(),
        action: "read",
        source,
    })?;
    Ok(SwapPlan::of(&library, &built.packages)?)
}

impl SwapPlan {
    fn of(bytes: &[u8], packages: &[Package]) -> Result<Self, LibraryError> {
        let info = LibraryInfo::read(bytes)?;
        let mut findings = Vec::new();
        if let (Some(mode), false) = (info.swap, info.swap_declared) {
            findings.push(Finding {
                mode,
                sentence: "app.rs exports its state: what is written while two generations are \
                           alive would be lost"
                    .into(),
            });
        }
        findings.extend(look(&LinkedLibrary::read(bytes)?, packages));
        Ok(Self::choose(info.swap.filter(|_| info.swap_declared), findings))
    }

    /// What an app declares comes first; without that, the mode that does all that is asked for.
    fn choose(declared: Option<SwapMode>, mut findings: Vec<Finding>) -> Self {
        let found = findings.iter().fold(SwapMode::default(), |mode, it| mode.with(it.mode));
        if let Some(mode) = declared {
            findings.retain(|finding| !mode.covers(finding.mode));
        }
        Self {
            mode: declared.unwrap_or(found),
            declared: declared.is_some(),
            because: findings.into_iter().map(|finding| finding.sentence).collect(),
        }
    }

    /// What the app's owner has to know: `app.rs` asks for less than is safe.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let Self { mode, declared: true, because } = self else { return None };
        (!because.is_empty()).then(|| {
            format!(
                "`SWAP` in app.rs asks for {mode}, which is not safe for what the library holds\n  \
                 {}\n  help: remove `SWAP`, and the mode follows from that; keep it if no two \
                 generations can use it at once",
                because.join("\n  ")
            )
        })
    }
}

/// Something that asks for a mode.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    mode: SwapMode,
    sentence: String,
}

/// Everything in a library that is known of.
fn look(library: &LinkedLibrary<'_>, packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(size) = library.static_tls {
        let brought = brought(STATIC_TLS, packages);
        findings.push(Finding {
            mode: SwapMode::Process,
            sentence: format!(
                "it has {size} bytes of static TLS{}: a process has little room for that, and \
                 never gets it back",
                in_brackets(&brought)
            ),
        });
    }
    for row in ROWS {
        let found = findings.iter().fold(SwapMode::default(), |mode, it| mode.with(it.mode));
        if let Some(clause) = row.clause(library, packages, found) {
            let sentence = format!("{clause}: {}", row.reason);
            findings.push(Finding { mode: row.mode, sentence });
        }
    }
    findings
}

impl Row {
    /// What was found, if anything was. `found` is what the rows before ask for together.
    fn clause(
        &self,
        library: &LinkedLibrary<'_>,
        packages: &[Package],
        found: SwapMode,
    ) -> Option<String> {
        let own = [self.name];
        let names = if self.packages.is_empty() { &own } else { self.packages };
        let brought = || in_brackets(&brought(names, packages));
        let linked = |symbols: &[&str], text: &str| match library.has_names() {
            true => symbols.iter().any(|symbol| library.defines(symbol)),
            false => library.holds(text.as_bytes()),
        };
        match &self.sign {
            Sign::Defines(symbols, text) | Sign::Uses(symbols, text) if linked(symbols, text) => {
                Some(format!("{} is linked in{}", self.name, brought()))
            }
            Sign::Uses(symbols, _) if symbols.iter().any(|symbol| library.calls(symbol)) => {
                Some(format!("{} is used{}", self.name, brought()))
            }
            Sign::Calls(function, unless) => {
                let is_excused = || unless.is_some_and(|it| linked_in(library, packages, it));
                let is_news = library.calls(function) && !found.covers(self.mode);
                (is_news && !is_excused()).then(|| self.name.to_owned())
            }
            Sign::Package(feature) => {
                let package = packages.iter().find(|package| {
                    names.contains(&&*package.name)
                        && feature.is_none_or(|it| package.features.iter().any(|has| has == it))
                        && is_in(library, package)
                })?;
                Some(format!("{} {} is linked in", package.name, package.version))
            }
            Sign::Defines(..) | Sign::Uses(..) => None,
        }
    }
}

/// Whether code of a package is in the library; that it was compiled is enough where there are no
/// names to look for.
fn is_in(library: &LinkedLibrary<'_>, package: &Package) -> bool {
    !library.has_names() || library.names_crate(&package.crate_name())
}

/// Whether code of the package of this name is.
fn linked_in(library: &LinkedLibrary<'_>, packages: &[Package], name: &str) -> bool {
    packages.iter().any(|package| package.name == name && is_in(library, package))
}

/// Those of the packages that have one of these names, with the feature that makes C code a part of
/// them.
fn brought(names: &[&str], packages: &[Package]) -> Vec<String> {
    let found = packages.iter().filter(|package| names.contains(&&*package.name));
    let mut found: Vec<_> = found
        .map(|Package { name, version, features }| {
            let bundled = features.iter().any(|feature| feature == "bundled");
            format!("{name} {version}{}", if bundled { ", bundled" } else { "" })
        })
        .collect();
    found.dedup();
    found
}

fn in_brackets(words: &[String]) -> String {
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

#[cfg(test)]
mod tests;
