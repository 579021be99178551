//! The functions that Nova looks for in a file: handlers, layouts, hooks.

use crate::routes::problem::Problem;
use crate::source::file::SourceFile;
use crate::source::items::{Function, ItemName, Items, PrivateType};

/// The most arguments that a handler, layout or middleware can have.
pub(crate) const MOST_ARGUMENTS: usize = 8;

/// The items of a file.
///
/// # Errors
/// If the file could not be read.
pub(crate) fn items(file: &SourceFile) -> Result<&Items, Problem> {
    let unreadable =
        |cause: &String| Problem::Unreadable { path: file.path.clone(), cause: cause.clone() };
    Ok(&file.content.as_ref().map_err(unreadable)?.items)
}

/// The most arguments that a function can have that is called once, when the app starts.
pub(crate) const MOST_ARGUMENTS_AT_START: usize = 1;

/// The exported functions of this name, which build something when the app starts.
///
/// # Errors
/// If generated code cannot call one of them.
pub(crate) fn building(items: &Items, path: &str, name: &str) -> Result<Vec<Function>, Problem> {
    let functions = exported(items, path, name, MOST_ARGUMENTS_AT_START)?;
    match functions.iter().find(|function| function.is_async) {
        Some(Function { name, position, .. }) => {
            let (file, name, position) = (path.to_owned(), name.clone(), *position);
            Err(Problem::AsyncBuild { file, name, position })
        }
        None => Ok(functions),
    }
}

/// The exported functions of this name in the file at `path`: one, unless they have conditions.
///
/// # Errors
/// If generated code cannot call one of them with at most `most` arguments.
pub(crate) fn exported(
    items: &Items,
    path: &str,
    name: &str,
    most: usize,
) -> Result<Vec<Function>, Problem> {
    let file = path.to_owned();
    if let Some(reexport) = items.reexports.iter().find(|reexport| reexport.name == name) {
        let ItemName { name, position } = reexport.clone();
        return Err(Problem::Reexport { file, name, position });
    }
    if let Some(PrivateType { function, ty }) =
        items.private_types.iter().find(|it| it.function == name)
    {
        let ItemName { name, position } = ty.clone();
        return Err(Problem::HiddenType { file, function: function.clone(), name, position });
    }
    let functions = items.functions(name);
    match functions.iter().find(|function| function.arity > most) {
        Some(Function { name, position, arity, .. }) => {
            let (name, position, found) = (name.clone(), *position, *arity);
            Err(Problem::TooManyArguments { file, name, position, found, most })
        }
        None => Ok(functions),
    }
}
