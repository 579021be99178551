//! A new app: a template with another name, and the SDK in `vendor/nova`.

use std::io;
use std::path::{Component, Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Item, Table, Value, value};

use crate::files::write_atomically;
use crate::scaffold::dependency::{AppSdk, Dependent, dependents};
use crate::scaffold::embedded::Template;
use crate::scaffold::name::{AppName, NameError};
use crate::scaffold::vendor::{Files, VENDORED, sources};
use crate::scaffold::workspace::{Membership, common_workspace, membership};

/// A new app on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApp {
    /// Its folder.
    pub dir: PathBuf,
    /// Its name.
    pub name: String,
    /// The manifest of the workspace around it; an app that is a workspace of its own is none.
    pub outer_workspace: Option<PathBuf>,
    /// Whether it is a member of that.
    pub is_member: bool,
    /// The SDK that other members of that have, which it uses in place of one of its own.
    pub shared_sdk: Option<AppSdk>,
}

/// Why an app was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The folder is not empty.
    #[error(
        "{} is not empty\n  help: name a folder that does not exist yet, or an empty one",
        dir.display()
    )]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder's name is invalid for a package.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A file or folder cannot be read or written.
    #[error("{} cannot be {action}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Makes an app in a folder, which must be empty or not there yet. Without a name it gets that
/// of the folder.
///
/// # Errors
/// If the folder holds something, if the name is invalid for a package, or if a file cannot be
/// written.
pub fn create(dir: &Path, template: Template, name: Option<&str>) -> Result<NewApp, CreateError> {
    let failed = |path: &Path, action| {
        let path = path.to_owned();
        move |source| CreateError::Io { path, action, source }
    };
    let dir = resolved(dir).map_err(failed(dir, "read"))?;
    let name = match name {
        Some(name) => AppName::parse(name)?,
        None => AppName::of_folder(&dir)?,
    };
    if !is_free(&dir).map_err(failed(&dir, "read"))? {
        return Err(CreateError::NotEmpty { dir });
    }
    let mut files = render(template, &name);
    let outer_workspace = common_workspace(&dir);
    let membership = match &outer_workspace {
        Some(root) => membership(root, &dir).map_err(failed(root, "read"))?,
        None => Membership::Excluded,
    };
    let joined = outer_workspace.as_ref().filter(|_| membership != Membership::Excluded);
    let shared_sdk = joined.and_then(|root| dependents(root).find(Dependent::has_sdk));
    let shared_sdk = shared_sdk.map(|it| AppSdk::at(&it.sdk, &dir));
    if joined.is_some() {
        make_member(&mut files, shared_sdk.as_ref());
    }
    let is_member = joined.is_some();
    for (file, content) in files {
        let path = dir.join(file);
        write_atomically(&path, &content).map_err(failed(&path, "written"))?;
    }
    // Last: a workspace with a member that is not there does not build.
    if let (Some(root), Membership::Added(manifest)) = (&outer_workspace, membership) {
        write_atomically(root, manifest.as_bytes()).map_err(failed(root, "written"))?;
    }
    Ok(NewApp { outer_workspace, is_member, shared_sdk, name: name.as_str().to_owned(), dir })
}

/// The path of a folder that need not be there yet, without links and `..`: which folders are around
/// it must be true.
fn resolved(dir: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(dir)?;
    for known in absolute.ancestors() {
        let mut path = match known.canonicalize() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found?,
        };
        let rest = absolute.strip_prefix(known).expect("an ancestor is a part of the path");
        for part in rest.components() {
            match part {
                // What is not there is no link.
                Component::ParentDir => {
                    path.pop();
                }
                part => path.push(part),
            }
        }
        return Ok(path);
    }
    Ok(absolute)
}

/// Leaves out what is the workspace's to say: which packages it has, how they are compiled, and
/// their versions; and the SDK, if others have it there.
fn make_member(files: &mut Files, shared_sdk: Option<&AppSdk>) {
    files.remove("Cargo.lock");
    if let Some(sdk) = shared_sdk {
        files.retain(|path, _| !path.starts_with(VENDORED));
        if let Some(readme) = files.get_mut("README.md") {
            *readme = String::from_utf8_lossy(readme).replace(VENDORED, &sdk.path).into_bytes();
        }
    }
    if let Some(manifest) = files.get_mut("Cargo.toml") {
        let text = std::str::from_utf8(manifest).expect("a template's Cargo.toml is UTF-8");
        let mut member: DocumentMut = text.parse().expect("a template's Cargo.toml is TOML");
        for of_workspace in ["workspace", "profile"] {
            member.remove(of_workspace);
        }
        if let Some(sdk) = shared_sdk {
            member["dependencies"]["nova"]["path"] = value(&sdk.path);
        }
        *manifest = member.to_string().into_bytes();
    }
}

/// The files of a new app, the SDK's among them.
pub fn render(template: Template, name: &AppName) -> Files {
    let mut files = Files::new();
    for (path, content) in template.files() {
        let content = match path.as_str() {
            "Cargo.toml" => manifest(&content, name).into_bytes(),
            _ => renamed(content, template, name),
        };
        files.insert(path, content);
    }
    for (path, content) in sources() {
        files.insert(format!("{VENDORED}/{path}"), content);
    }
    files
}

/// The template's manifest with the app's name, and the SDK where a new app has it.
fn manifest(template: &[u8], name: &AppName) -> String {
    let text = std::str::from_utf8(template).expect("a template's Cargo.toml is UTF-8");
    let mut manifest: DocumentMut = text.parse().expect("a template's Cargo.toml is TOML");
    manifest["package"]["name"] = value(name.as_str());
    let mut nova = InlineTable::new();
    nova.insert("package", Value::from("nova-plugin-sdk"));
    nova.insert("path", Value::from(format!("{VENDORED}/plugin-sdk")));
    manifest["dependencies"]["nova"] = value(nova);
    // Cargo takes a path dependency below a workspace for a member of it.
    let mut workspace = Table::new();
    workspace["exclude"] = value(Value::from_iter(["vendor"]));
    manifest["workspace"] = Item::Table(workspace);
    manifest.to_string()
}

/// The content with the app's name for the template's, in both ways of writing it.
fn renamed(content: Vec<u8>, template: Template, name: &AppName) -> Vec<u8> {
    match String::from_utf8(content) {
        Ok(text) => {
            let package = template.package();
            let text = text.replace(&package.replace('-', "_"), &name.krate());
            text.replace(package, name.as_str()).into_bytes()
        }
        Err(binary) => binary.into_bytes(),
    }
}

/// Whether nothing is in the folder that matters: a fresh repository counts as empty.
fn is_free(dir: &Path) -> io::Result<bool> {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => {
            Ok(entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == ".git")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
