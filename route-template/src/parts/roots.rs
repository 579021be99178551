//! The crate roots of an app in parts: one for the app library, one for each page.
//!
//! The first is the app's own `lib.rs` with another generated block, line for line where it was,
//! so that every position in it stays true. It stands in a mirror of the app's folder, made of
//! links, where `mod` and `#[path]` find what they find beside the original. A page's root
//! declares that page and takes all else from the app library.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::codegen::calls::{attached, page_calls};
use crate::codegen::crate_root::{BEGIN, END, Origins};
use crate::codegen::writer::CodeWriter;
use crate::codegen::{Destination, GeneratedCode, RootKind, generate_as};
use crate::files::write_atomically;
use crate::project::Project;
use crate::routes::route::Page;
use crate::routes::tree::RouteTree;

/// The name under which units know the sys image.
pub(crate) const SYS: &str = "__nova_sys";
/// The name under which pages know the app library.
pub(crate) const APP: &str = "__nova_app";

/// A crate root that was written.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    pub(crate) origins: Origins,
}

/// Writes the root of the app library, with the pages of `tree` alone, in the mirror at `mirror`.
pub(crate) fn app(project: &Project, tree: &RouteTree, mirror: &Path) -> io::Result<Root> {
    let crate_root = project.crate_root();
    let path = mirror.join(crate_root);
    link(project.dir(), mirror, crate_root)?;
    let own = std::fs::read_to_string(project.dir().join(crate_root))?;
    let GeneratedCode { text, origins } =
        generate_as(tree, &Destination::CrateRoot(crate_root), RootKind::Open);
    let (text, above) = splice(&own, &text);
    write_if_changed(&path, &text)?;
    let origins = origins.into_iter().map(|(line, place)| (line + above, place)).collect();
    Ok(Root { path, origins: Origins::new(crate_root, origins) })
}

/// Writes the root of a page, whose exported function is `symbol`, to `path`.
pub(crate) fn page(
    project: &Project,
    tree: &RouteTree,
    page: &Page,
    symbol: &str,
    app_has_pages: bool,
    path: PathBuf,
) -> io::Result<Root> {
    let mut out = CodeWriter::default();
    out.line(&format!("//! The page `{}`.", page.file));
    let attributes = inner_attributes(project).unwrap_or_default();
    for attribute in &attributes {
        out.line(attribute);
    }
    out.line(&format!("extern crate {SYS} as _;"));
    out.line("#[allow(unused_imports)]");
    out.line("#[macro_use]");
    out.line(&format!("extern crate {APP};"));
    out.line("#[allow(unused_imports)]");
    out.line(&format!("pub use {APP}::*;"));
    out.blank();
    let root = project.dir().join(tree.pages_root.as_deref().unwrap_or("pages"));
    let file = project.dir().join(&page.file);
    let file = file.strip_prefix(&root).unwrap_or(&file);
    out.line("/// This page, and those that others name.");
    out.line(&format!("#[path = {root:?}]"));
    out.line("pub mod pages {");
    if app_has_pages {
        out.line("#[allow(unused_imports)]");
        out.line(&format!("pub use ::{APP}::pages::*;"));
    }
    out.line(&format!("#[path = {file:?}]"));
    out.line(&format!("pub mod {};", page.module));
    out.line("}");
    out.blank();
    out.line(&format!("nova::export_page!({symbol}, __nova_page);"));
    out.blank();
    out.line("#[rustfmt::skip]");
    out.line("fn __nova_page(pages: &mut nova::parts::Pages<'_>) {");
    let calls = page_calls(page);
    out.handler_functions(&calls);
    attached(tree.app.as_ref()).iter().chain(&calls).for_each(|call| out.call(call));
    out.line("}");
    let GeneratedCode { text, origins } = out.generated;
    write_if_changed(&path, &text)?;
    let name = path.strip_prefix(project.dir()).unwrap_or(&path).display().to_string();
    let origins = origins.into_iter().map(|(line, place)| (line + 1, place)).collect();
    Ok(Root { path, origins: Origins::new(&name, origins) })
}

/// Puts another block between the markers, without moving a line below them. Gives back how many
/// lines are above the block's line 0, counted from 1.
fn splice(own: &str, block: &str) -> (String, usize) {
    let lines: Vec<&str> = own.lines().collect();
    let marker = |wanted: &str| lines.iter().position(|line| line.trim() == wanted);
    let (Some(begin), Some(end)) = (marker(BEGIN), marker(END)) else {
        // Without markers there is no block to leave out; `sync` has said so before.
        return (format!("{own}\n{block}"), lines.len() + 2);
    };
    let mut text = String::new();
    for line in &lines[..begin] {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "extern crate {SYS} as _;");
    text.push_str(block);
    for _ in begin + 1 + block.lines().count()..end {
        text.push('\n');
    }
    for line in &lines[end..] {
        let _ = writeln!(text, "{line}");
    }
    (text, begin + 2)
}

/// The attributes of the whole crate, which hold for its pages too.
fn inner_attributes(project: &Project) -> io::Result<Vec<String>> {
    let own = std::fs::read_to_string(project.dir().join(project.crate_root()))?;
    // They stand at the top; the block of a thousand routes below takes its time to be parsed.
    let top = own.split(BEGIN).next().unwrap_or(&own);
    let Ok(file) = syn::parse_file(top) else { return Ok(Vec::new()) };
    let holds = |attribute: &&syn::Attribute| {
        // `forbid` would forbid the symbol that a page exports, too.
        let others = ["doc", "forbid", "crate_name", "crate_type"];
        !others.iter().any(|name| attribute.path().is_ident(name))
    };
    let attributes = file.attrs.iter().filter(holds);
    let texts = attributes.map(|it| quote::ToTokens::to_token_stream(it).to_string()).collect();
    proc_macro2::extra::invalidate_current_thread_spans();
    Ok(texts)
}

/// What is no source at the top of an app; a folder of that name below it is a module.
const NOT_SOURCE: [&str; 4] = [".nova", ".git", "target", "build"];

/// Fills the mirror: a link for everything in the app's folder, and in the folders between it and
/// the crate root, but for the crate root itself.
fn link(dir: &Path, mirror: &Path, crate_root: &str) -> io::Result<()> {
    let (mut from, mut to) = (dir.to_owned(), mirror.to_owned());
    for own in crate_root.split('/').filter(|part| !part.is_empty()) {
        std::fs::create_dir_all(&to)?;
        let mut wanted = BTreeMap::new();
        for entry in std::fs::read_dir(&from)?.flatten() {
            let name = entry.file_name();
            let is_source = from != dir || !NOT_SOURCE.iter().any(|it| *name == **it);
            if *name != *own && is_source {
                wanted.insert(name, entry.path());
            }
        }
        link_all(wanted, own, &to)?;
        from.push(own);
        to.push(own);
    }
    Ok(())
}

/// Makes links of these names in a folder of the mirror, and leaves nothing else in it but `own`,
/// the crate root or a folder on the way to it.
fn link_all(mut wanted: BTreeMap<OsString, PathBuf>, own: &str, folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)?.flatten() {
        let (name, path, kind) = (entry.file_name(), entry.path(), entry.file_type()?);
        if !kind.is_symlink() && *name == *own {
            continue;
        }
        // A link that leads nowhere may be right: `read_link` does not follow it.
        let is_right = wanted
            .get(&name)
            .is_some_and(|target| std::fs::read_link(&path).is_ok_and(|at| at == *target));
        if is_right {
            wanted.remove(&name);
        } else if kind.is_dir() {
            // The crate root was somewhere else before.
            std::fs::remove_dir_all(path)?;
        } else {
            std::fs::remove_file(path)?;
        }
    }
    for (name, target) in wanted {
        std::os::unix::fs::symlink(target, folder.join(name))?;
    }
    Ok(())
}

fn write_if_changed(path: &Path, text: &str) -> io::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    write_atomically(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything in a mirror: a link as `name -> target`, from the app's folder.
    fn mirrored(app: &Path, mirror: &Path) -> Vec<String> {
        let walk = walkdir::WalkDir::new(mirror).min_depth(1).sort_by_file_name();
        let entries = walk.into_iter().map(Result::unwrap).map(|entry| {
            let name = entry.path().strip_prefix(mirror).unwrap().display().to_string();
            match std::fs::read_link(entry.path()) {
                Ok(target) => format!("{name} -> {}", target.strip_prefix(app).unwrap().display()),
                Err(_) => name,
            }
        });
        entries.collect()
    }

    #[test]
    fn a_mirror_holds_all_sources_wherever_the_crate_root_was_before() {
        let folder = tempfile::tempdir().unwrap();
        let (app, mirror) = (folder.path().join("app"), folder.path().join("mirror"));
        for file in ["Cargo.toml", "pages/index.rs", "build/start", "target/x", "src/build/mod.rs"]
        {
            let path = app.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::fs::create_dir(app.join("src/target")).unwrap();
        let in_src = [
            "Cargo.toml -> Cargo.toml",
            "pages -> pages",
            "src",
            "src/build -> src/build",
            "src/lib.rs",
            "src/target -> src/target",
        ];
        let at_top = ["Cargo.toml -> Cargo.toml", "lib.rs", "pages -> pages", "src -> src"];
        // Each twice, because a mirror is filled again at each build.
        for (crate_root, expected) in
            [("src/lib.rs", &in_src[..]), ("lib.rs", &at_top), ("src/lib.rs", &in_src)]
        {
            std::fs::write(app.join(crate_root), "").unwrap();
            for _ in 0..2 {
                link(&app, &mirror, crate_root).unwrap();
                std::fs::write(mirror.join(crate_root), "").unwrap();
                assert_eq!(mirrored(&app, &mirror), expected, "{crate_root}");
            }
            std::fs::remove_file(app.join(crate_root)).unwrap();
        }
        // A file that was the crate root, and is none any more.
        std::fs::write(app.join("lib.rs"), "").unwrap();
        link(&app, &mirror, "lib.rs").unwrap();
        std::fs::write(mirror.join("lib.rs"), "").unwrap();
        link(&app, &mirror, "src/lib.rs").unwrap();
        assert!(mirrored(&app, &mirror).contains(&"lib.rs -> lib.rs".to_owned()));
    }
}
