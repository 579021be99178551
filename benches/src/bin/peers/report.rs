//! What is shown of the rounds: tables as they are done, then JSON and a plot where they are asked for.

mod json;
mod plot;
pub(crate) mod table;

use std::path::PathBuf;

use nova_tests::client::Failure;

use self::table::Table;
use crate::options::Options;

/// All tables of a run.
pub(crate) struct Report {
    tables: Vec<Table>,
    seconds: f64,
    json: Option<PathBuf>,
    svg: Option<PathBuf>,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            tables: Vec::new(),
            seconds: options.seconds.as_secs_f64(),
            json: options.json.clone(),
            svg: options.svg.clone(),
        }
    }

    pub(crate) fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Writes the files that were asked for.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        if let Some(file) = &self.json {
            std::fs::write(file, json::all(&self.tables, self.seconds)?)?;
        }
        if let Some(file) = &self.svg {
            std::fs::write(file, plot::svg(&self.tables))?;
        }
        Ok(())
    }
}
