//! What a session starts on the developer's desktop: the browser, and the editor at a line.
//!
//! The programs are named by the developer's environment and are given their arguments as they
//! are, without a shell in between. They run by themselves: nothing here waits for them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Opens `url` in the browser that `BROWSER` names, or in the desktop's.
///
/// # Errors
/// If there is no program to do so.
pub(crate) fn browse(url: &str) -> io::Result<()> {
    let desktop = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let is_set = |name| std::env::var_os(name).is_some_and(|it| !it.is_empty());
    let program = std::env::var_os("BROWSER").filter(|it| !it.is_empty());
    let has_desktop = cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    if program.is_none() && !has_desktop {
        // The program would start, fail, and say so where it is not seen.
        return Err(io::Error::other("there is no desktop here; BROWSER names a program"));
    }
    let mut command = Command::new(program.as_deref().unwrap_or(OsStr::new(desktop)));
    command.arg(url);
    detach(command)
}

/// A place in a file, one-based.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// How an editor is called: a program and its arguments, in which `{file}`, `{line}` and
/// `{column}` stand for the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Editor(Vec<String>);

/// Why a place is not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditorError {
    #[error(
        "no editor is named: set NOVA_EDITOR, such as NOVA_EDITOR='code -g {{file}}:{{line}}:{{column}}'"
    )]
    NotNamed,
    #[error("{0} is not a file of this app")]
    Foreign(String),
    #[error("{program} does not start: {source}")]
    Start { program: String, source: io::Error },
}

/// Editors with a window of their own, and how they are told a place. Those that run in a terminal
/// (vim, nano, helix) cannot be opened from here: the terminal is taken.
const KNOWN: [(&[&str], &str); 7] = [
    (
        &["code", "code-insiders", "codium", "vscodium", "cursor", "windsurf"],
        "-g {file}:{line}:{column}",
    ),
    (&["zed", "zeditor", "subl", "sublime_text"], "{file}:{line}:{column}"),
    (&["idea", "rustrover", "clion", "webstorm"], "--line {line} --column {column} {file}"),
    (&["gvim", "mvim"], "--remote-silent +{line} {file}"),
    (&["emacsclient"], "-n +{line}:{column} {file}"),
    (&["kate"], "-l {line} -c {column} {file}"),
    (&["gedit", "gnome-text-editor"], "+{line}:{column} {file}"),
];

impl Editor {
    /// The editor that the environment names: `NOVA_EDITOR` as it is, or `VISUAL` or `EDITOR` if
    /// that one is known to have a window.
    pub(crate) fn named(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let variable = |name| variable(name)?.into_string().ok();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        if let Some(template) = variable("NOVA_EDITOR") {
            let mut words = words(&template);
            if words.is_empty() {
                return None;
            }
            if words.len() == 1 {
                let known = place_arguments(&words[0]).unwrap_or("{file}");
                words.extend(known.split(' ').map(str::to_owned));
            } else if !template.contains("{file}") {
                words.push("{file}".to_owned());
            }
            return Some(Self(words));
        }
        let mut given = ["VISUAL", "EDITOR"].into_iter().filter_map(variable).map(|it| words(&it));
        given.find_map(|mut words| {
            let place = place_arguments(words.first()?)?;
            // Editors that are asked to wait would; we do not.
            words.retain(|word| !matches!(word.as_str(), "--wait" | "-w"));
            words.extend(place.split(' ').map(str::to_owned));
            Some(Self(words))
        })
    }

    /// The program and its arguments for one place.
    fn call(&self, file: &Path, at: At) -> Vec<OsString> {
        let fill = |word: &String| {
            let word = word
                .replace("{line}", &at.line.to_string())
                .replace("{column}", &at.column.to_string());
            match word.split_once("{file}") {
                None => OsString::from(word),
                Some((before, after)) => {
                    let mut filled = OsString::from(before);
                    filled.push(file);
                    filled.push(after);
                    filled
                }
            }
        };
        self.0.iter().map(fill).collect()
    }

    /// Shows `file`, which is absolute.
    ///
    /// # Errors
    /// If the program does not start.
    pub(crate) fn open(&self, file: &Path, at: At) -> Result<(), EditorError> {
        let words = self.call(file, at);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        let program = self.0[0].clone();
        detach(command).map_err(|source| EditorError::Start { program, source })
    }
}

/// The file that `name`, from the app's folder, stands for: one that exists below `dir`, links
/// followed.
///
/// # Errors
/// For every other name.
pub(crate) fn file_of_app(dir: &Path, name: &str) -> Result<PathBuf, EditorError> {
    let foreign = || EditorError::Foreign(name.to_owned());
    let dir = dir.canonicalize().map_err(|_| foreign())?;
    let file = dir.join(name).canonicalize().map_err(|_| foreign())?;
    if file.starts_with(&dir) && file.is_file() { Ok(file) } else { Err(foreign()) }
}

fn place_arguments(program: &str) -> Option<&'static str> {
    let name = Path::new(program).file_name()?.to_str()?;
    KNOWN.iter().find(|(names, _)| names.contains(&name)).map(|(_, arguments)| *arguments)
}

/// Starts a program that neither shares our terminal nor ends with us.
fn detach(mut command: Command) -> io::Result<()> {
    let null = Stdio::null;
    let mut child = command.stdin(null()).stdout(null()).stderr(null()).process_group(0).spawn()?;
    // A process that nobody waits for stays in the table after its end.
    std::thread::Builder::new().name("desktop".to_owned()).spawn(move || child.wait())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(variables: &[(&str, &str)]) -> Option<Vec<String>> {
        let editor = Editor::named(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })?;
        let call = editor.call(Path::new("/app/pages/[id] a.rs"), At { line: 3, column: 9 });
        Some(call.into_iter().map(|word| word.into_string().expect("UTF-8")).collect())
    }

    #[test]
    fn every_editor_is_called_its_own_way() {
        let file = "/app/pages/[id] a.rs";
        let place = format!("{file}:3:9");
        for (variables, words) in [
            (&[("NOVA_EDITOR", "my -x {line} {file}")][..], Some(&["my", "-x", "3", file][..])),
            (&[("NOVA_EDITOR", "my -n")], Some(&["my", "-n", file])),
            (&[("NOVA_EDITOR", "my")], Some(&["my", file])),
            (&[("NOVA_EDITOR", "/opt/code")], Some(&["/opt/code", "-g", &place])),
            (&[("NOVA_EDITOR", "zed {file}:{line}:{column}")], Some(&["zed", &place])),
            (&[("EDITOR", "code --wait")], Some(&["code", "-g", &place])),
            (&[("VISUAL", "vim"), ("EDITOR", "subl -w")], Some(&["subl", &place])),
            (&[("EDITOR", "idea")], Some(&["idea", "--line", "3", "--column", "9", file])),
            (&[("EDITOR", "vim")], None),
            (&[("EDITOR", "")], None),
            (&[("NOVA_EDITOR", "")], None),
            (&[], None),
        ] {
            let words = words.map(|words| words.iter().map(|&it| it.to_owned()).collect());
            assert_eq!(call(variables), words, "{variables:?}");
        }
    }

    #[test]
    fn only_files_of_the_app_are_opened() {
        let outer = tempfile::tempdir().expect("a temporary folder");
        let dir = outer.path().join("app");
        std::fs::create_dir_all(dir.join("pages")).expect("a folder");
        std::fs::write(dir.join("pages/index.rs"), "").expect("a file");
        std::fs::write(outer.path().join("secret"), "").expect("a file");
        std::os::unix::fs::symlink(outer.path().join("secret"), dir.join("link")).expect("a link");
        let found = file_of_app(&dir, "pages/index.rs").expect("a file of the app");
        assert!(found.is_absolute() && found.ends_with("app/pages/index.rs"));
        let outside = outer.path().join("secret");
        let outside = outside.to_str().expect("UTF-8");
        for name in ["pages", "pages/none.rs", "../secret", "link", "", "/etc/passwd", outside] {
            assert!(file_of_app(&dir, name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let editor = Editor(vec!["no-such-editor-anywhere".into(), "{file}".into()]);
        let error =
            editor.open(Path::new("/x"), At { line: 1, column: 1 }).expect_err("no program");
        assert!(error.to_string().starts_with("no-such-editor-anywhere does not start"), "{error}");
    }
}
