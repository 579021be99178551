//! `app.rs`: the state of an app, the functions that make it, hand it over and end it, and how the
//! app is swapped.

use crate::routes::exports::{exported, items};
use crate::routes::problem::Problem;
use crate::source::file::SourceFile;
use crate::source::items::{Constant, Function, Items};
use crate::source::place::Position;

/// What `app.rs` exports. Of each hook there is one function at most, unless they have conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// Its path from the app's folder.
    pub file: String,
    /// `init`: makes the state. Without it there is none, nor any other hook.
    pub init: Vec<Function>,
    /// `subscriber`: makes what takes the events of `tracing`.
    pub subscriber: Vec<Function>,
    /// `shutdown`: takes the state when its generation is retired.
    pub shutdown: Vec<Function>,
    /// `export`: what the next generation is to have of the state.
    pub export: Vec<Function>,
    /// `import`: makes the state from what was exported.
    pub import: Vec<Function>,
    /// Where `SWAP` stands, which says how the app is swapped; none where that is left to Nova.
    pub swap: Option<Position>,
}

/// The constant that says how the app is swapped.
const SWAP: &str = "SWAP";

impl Hooks {
    /// Reads `app.rs`.
    pub(crate) fn read(source: &SourceFile) -> Result<Self, Problem> {
        let file = source.path.clone();
        let items = items(source)?;
        let hook = |name: &str, most: usize| exported(items, &file, name, most);
        let hooks = Self {
            init: hook("init", 1)?,
            subscriber: hook("subscriber", 1)?,
            shutdown: hook("shutdown", 1)?,
            export: hook("export", 1)?,
            import: hook("import", 2)?,
            swap: swap(items, &file)?,
            file: file.clone(),
        };
        match hooks.without_partner() {
            Some(problem) if items.complete => Err(problem),
            _ => Ok(hooks),
        }
    }

    /// A hook that can never be called, since another one is missing.
    fn without_partner(&self) -> Option<Problem> {
        let alone = |present: &[Function], name, absent_hook: &[Function], absent| {
            let position = present.first()?.position;
            absent_hook.is_empty().then(|| Problem::HookAlone {
                file: self.file.clone(),
                present: name,
                absent,
                position,
            })
        };
        alone(&self.subscriber, "subscriber", &self.init, "init")
            .or_else(|| alone(&self.shutdown, "shutdown", &self.init, "init"))
            .or_else(|| alone(&self.export, "export", &self.init, "init"))
            .or_else(|| alone(&self.import, "import", &self.init, "init"))
            .or_else(|| alone(&self.export, "export", &self.import, "import"))
            .or_else(|| alone(&self.import, "import", &self.export, "export"))
    }
}

/// Where `SWAP` stands. It may come from elsewhere with `pub use`; what it is, rustc says then.
fn swap(items: &Items, file: &str) -> Result<Option<Position>, Problem> {
    let reexport = items.reexports.iter().find(|it| it.name == SWAP).map(|it| it.position);
    let Some(Constant { name, ty, is_public, is_static, .. }) =
        items.consts.iter().find(|it| it.name.name == SWAP)
    else {
        return Ok(reexport);
    };
    let position = name.position;
    let what = match ty.rsplit("::").next() {
        _ if *is_static => "is a `static`".to_owned(),
        _ if !is_public => "is not public".to_owned(),
        Some("Swap") => return Ok(Some(position)),
        _ => format!("has the type `{ty}`"),
    };
    Err(Problem::SwapConst { file: file.to_owned(), what, position })
}
