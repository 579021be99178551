//! Which requests were inside a page's code when a server ended: what the session reads off the
//! [record](nova_host::process::record) that the server keeps in a file which both hold open.

use std::fs::File;
use std::io;

use nova_host::generation::GenerationId;
use nova_host::process::record::{self, RecordedActivity};
use serde::{Deserialize, Serialize};

/// What a line of the server's standard error begins with that says that a request begins; the rest
/// of it is such as `GET /users`.
pub(crate) const BEGINS: char = '\u{1e}';

/// A request on its way through the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The page's file, if a page was meant.
    pub(crate) file: Option<String>,
    /// The generation whose code it is.
    pub(crate) generation: GenerationId,
}

impl RunningRequest {
    /// What is answered, as people say it: `GET /users`.
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// What to leave alone if it ended the server: the page, or where there is none the path.
    pub(crate) fn culprit(&self) -> &str {
        self.file.as_deref().unwrap_or(&self.path)
    }

    /// The request that is recorded; `None`: it is a hook of the app.
    pub(crate) fn of(recorded: RecordedActivity) -> Option<Self> {
        let RecordedActivity { generation, method, file, path } = recorded;
        let file = Some(file).filter(|file| !file.is_empty());
        let generation = GenerationId(generation);
        (!path.is_empty()).then_some(Self { method, path, file, generation })
    }
}

/// What the process that wrote `file` was running when it ended.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn running(file: &File) -> io::Result<Vec<RunningRequest>> {
    let recorded = record::running(file)?;
    Ok(recorded.into_iter().filter_map(RunningRequest::of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_blamed_by_its_file_and_a_hook_not_at_all() {
        let recorded = |path: &str, file: &str| RecordedActivity {
            generation: 3,
            method: "GET".into(),
            file: file.into(),
            path: path.into(),
        };
        let request = RunningRequest::of(recorded("/users/1", "pages/users/[id].rs")).unwrap();
        assert_eq!(
            (request.label().as_str(), request.culprit()),
            ("GET /users/1", "pages/users/[id].rs")
        );
        let request = RunningRequest::of(recorded("/none", "")).unwrap();
        assert_eq!((request.culprit(), request.generation), ("/none", GenerationId(3)));
        assert_eq!(RunningRequest::of(recorded("", "")), None);
    }
}
