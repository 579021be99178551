//! `precompile.rs`: what an app wants to have exercised besides its pages.

use crate::routes::exports::{MOST_ARGUMENTS, exported, items};
use crate::routes::problem::Problem;
use crate::source::file::SourceFile;
use crate::source::items::Function;

/// What `precompile.rs` exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exercises {
    /// Its path from the app's folder.
    pub file: String,
    /// Its public functions, in the order of the file: `requests` lists requests, each of the
    /// others is run.
    pub functions: Vec<Function>,
}

impl Exercises {
    /// Reads `precompile.rs`.
    pub(crate) fn read(source: &SourceFile) -> Result<Self, Problem> {
        let file = source.path.clone();
        let items = items(source)?;
        let mut names: Vec<&str> = Vec::new();
        for Function { name, .. } in &items.functions {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let functions = names.into_iter().map(|name| exported(items, &file, name, MOST_ARGUMENTS));
        let functions = functions.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { file, functions: functions.into_iter().flatten().collect() })
    }
}
