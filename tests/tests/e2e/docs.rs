//! The commands of README and docs: what can be typed is typed, as it stands, and the rest has a
//! reason here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{PipeWriter, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use nova_tests::client::fresh;
use nova_tests::process::Process;
use nova_tests::workspace::{App, apps, binary, root};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

/// Where the commands stand that [`readme_and_proof_can_be_typed`] types.
const TYPED: [(&str, &str); 2] = [("README.md", "## In production"), ("docs/aot.md", "## Proof")];

/// What begins like this is not typed, and why. What runs `nova` or `nova-host` is looked at all
/// the same: its subcommand and its flags are among those that exist.
const NOT_TYPED: &[(&str, &str)] = &[
    (".ci/", "runs this test"),
    ("INSTA_UPDATE", "changes the tree"),
    ("TRYBUILD", "changes the tree"),
    ("benches/peers/setup", "installs servers"),
    ("cargo install", "installs what this tree builds"),
    ("cargo run --release -p nova-benches", "measures for minutes"),
    ("cargo build --profile profiling", "compiles for ten minutes"),
    ("cargo run --profile profiling -p nova-benches", "counts what that has compiled"),
    ("cargo run -p nova-cli -- dev", "serves until it is ended: dev.rs"),
    ("cargo run -- ../starter", "the example's own test"),
    ("(cd ../starter", "the example's own test"),
    ("cargo rustc", "monorepo.rs, and the workflow of the templates"),
    ("cargo test", "runs tests"),
    ("gh release", "needs an account"),
    ("mkdir -p releases", "unpacks what the line before fetched"),
    ("ln -sfn releases", "unpacks what the lines before fetched"),
    ("npx ", "fetches a package"),
    ("gdb ", "debugger.rs"),
    ("cd build && ./start", "serves on all addresses"),
    ("build/my-app", "the program of `nova build --static`: build.rs"),
    ("build/start [", "has a placeholder"),
    ("kill -USR2", "has a placeholder: upgrade.rs"),
    ("nova new", "typed first"),
    ("nova dev", "serves until it is ended: dev.rs"),
    ("nova compile", "cli.rs"),
    ("nova build", "build.rs"),
    ("nova start", "has a placeholder"),
    ("nova precompile", "precompile.rs"),
    ("nova keygen", "trust.rs"),
    ("nova check", "trust.rs"),
    ("nova swap", "swap.rs"),
    ("nova rollback", "rollback/"),
    ("nova status", "swap.rs"),
    ("nova-host", "serves until it is ended: nova_host.rs"),
];

/// A command of a document.
#[derive(Debug)]
struct Typed {
    /// From the repository.
    file: String,
    /// The heading that it stands below.
    heading: String,
    /// With its continuation lines.
    command: String,
}

impl Typed {
    fn is_run(&self) -> bool {
        TYPED.contains(&(&*self.file, &*self.heading))
    }
}

/// The documents with commands.
fn documents() -> Vec<String> {
    let mut files = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    for (folder, below) in [("docs", ""), ("docs/guide", ""), ("examples", "/README.md")] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            let file = format!("{folder}/{name}{below}");
            if file.ends_with(".md") && root().join(&file).is_file() {
                files.push(file);
            }
        }
    }
    files.sort();
    files
}

/// The lines of a document's `console` blocks that begin with a prompt.
fn commands(file: &str) -> Vec<Typed> {
    let text = fs::read_to_string(root().join(file)).expect("a document");
    let (mut found, mut heading, mut fence): (Vec<Typed>, _, _) = (Vec::new(), "", None);
    let mut goes_on = false;
    for line in text.lines() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(language)) => {
                assert!(
                    !["sh", "bash", "shell"].contains(&language),
                    "{file}: commands stand in ```console blocks, behind `$ `"
                );
                fence = Some(language);
            }
            (Some(_), Some(_)) => fence = None,
            (None, None) if line.starts_with('#') => heading = line,
            (Some("console"), None) => {
                if let Some(command) = line.strip_prefix("$ ") {
                    let (file, heading) = (file.to_owned(), heading.to_owned());
                    found.push(Typed { file, heading, command: command.to_owned() });
                } else if let Some(last) = found.last_mut().filter(|_| goes_on) {
                    last.command = format!("{}\n{line}", last.command);
                }
                goes_on = line.ends_with('\\');
            }
            _ => {}
        }
    }
    found
}

/// The programs of Nova that a command runs, each with its subcommand and its flags.
fn calls(command: &str) -> Vec<(&'static str, String, Vec<String>)> {
    let mut calls = Vec::new();
    let command = command.replace("\\\n", " ").replace(['"', '(', ')'], " ").replace('$', " ; ");
    for part in command.split(['|', ';', '&']) {
        let words = part.split_whitespace().take_while(|word| *word != "#" && *word != "--");
        let words: Vec<_> = words.skip_while(|word| *word == "until").collect();
        let program = match words.first().copied() {
            Some("nova") => "nova",
            Some("nova-host" | "build/nova-host" | "build/start" | "./start") => "nova-host",
            _ => continue,
        };
        let flags = words.iter().filter(|word| word.starts_with("--"));
        let flags = flags.map(|flag| flag.split('=').next().unwrap_or(flag).to_string()).collect();
        let subcommand = if program == "nova" { words.get(1).copied() } else { None };
        calls.push((program, subcommand.unwrap_or_default().to_owned(), flags));
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_typed_or_has_a_reason() {
    let all: Vec<_> = documents().iter().flat_map(|file| commands(file)).collect();
    assert!(all.len() > 50, "the blocks of the documents are found");
    let mut used = BTreeSet::new();
    let mut wanted: BTreeMap<_, BTreeMap<String, String>> = BTreeMap::new();
    for Typed { file, command, .. } in &all {
        let reason = NOT_TYPED.iter().find(|(start, _)| command.starts_with(start));
        used.extend(reason.map(|(start, _)| *start));
        for (program, subcommand, flags) in calls(command) {
            let flags = flags.into_iter().map(|flag| (flag, format!("{file}: {command}")));
            wanted.entry((program, subcommand)).or_default().extend(flags);
        }
    }
    let unexplained: Vec<_> = all
        .iter()
        .filter(|it| {
            !it.is_run() && !NOT_TYPED.iter().any(|(start, _)| it.command.starts_with(start))
        })
        .collect();
    assert!(unexplained.is_empty(), "neither typed nor explained: {unexplained:#?}");
    let unused: Vec<_> = NOT_TYPED.iter().filter(|(start, _)| !used.contains(start)).collect();
    assert!(unused.is_empty(), "no document has these any more: {unused:?}");

    for ((program, subcommand), flags) in wanted {
        let mut command = Command::new(binary(program).await);
        command.args(Some(&subcommand).filter(|it| !it.is_empty())).arg("--help");
        let mut help = Process::spawn(command);
        let status = help.read_to_end().await;
        assert!(status.success(), "{flags:?}\n{help}");
        let known = help.output();
        for (flag, place) in flags {
            let is_known = known.split([' ', ',', '\n', '[']).any(|word| word == flag);
            assert!(is_known, "{program} {subcommand} has no {flag}: {place}");
        }
    }
}

/// A shell that is typed into; what it has started ends with it.
struct Shell {
    process: Process,
    group: Option<Pid>,
    input: PipeWriter,
}

impl Shell {
    /// In `folder`, with the programs of this tree first on its path.
    async fn start(folder: &Path) -> Self {
        let programs = binary("nova").await;
        let programs = programs.parent().expect("a folder").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(programs).chain(std::env::split_paths(&path));
        let mut command = Command::new("bash");
        command
            .current_dir(folder)
            .env("PATH", std::env::join_paths(path).expect("a path"))
            .env("CARGO_TARGET_DIR", apps())
            .env("NOVA_CACHE_DIR", apps().with_file_name("images"))
            // Other hosts are none of its business, and the usual port may be taken.
            .env("XDG_RUNTIME_DIR", folder)
            .env("NOVA_PORT", "0")
            .process_group(0);
        let (reader, input) = std::io::pipe().expect("a pipe");
        let process = Process::spawn_with(command, reader);
        let group = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
        let mut shell = Self { process, group, input };
        // Optimising takes minutes, and is not what is looked at here.
        shell.line(
            "nova() { if [ \"$1\" = build ]; then set -- \"$@\" --profile dev; fi; \
             command nova \"$@\"; }",
        );
        shell
    }

    fn line(&mut self, text: &str) {
        writeln!(self.input, "{text}").expect("the shell reads");
    }

    /// Types a command and waits for its end, which is a success.
    async fn types(&mut self, command: &str) {
        self.line(command);
        self.line("echo \"typed: $?\"");
        let status = self.process.line("typed: ").await;
        assert_eq!(status, "typed: 0", "{command}\n{}", self.process);
    }

    /// Types a command that starts a host, and waits until it listens.
    async fn hosts(&mut self, command: &str) -> String {
        assert!(command.ends_with('&'), "{command} would hold the terminal");
        self.line(command);
        self.process.url().await
    }

    /// Ends the host.
    async fn stops(&mut self) {
        self.types("kill %% && wait").await;
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.group.map(|group| kill_process_group(group, Signal::KILL));
    }
}

async fn heading_of(url: &str) -> String {
    let address = url.strip_prefix("http://").and_then(|it| it.parse().ok()).expect("an address");
    let body = fresh(address, "/users/42").await.expect("an answer");
    let (_, rest) = body.split_once("<h1>").expect("a heading");
    rest.split_once("</h1>").expect("a heading").0.to_owned()
}

/// The Rust block of the README: a page.
fn page_of_readme() -> (PathBuf, String) {
    let text = fs::read_to_string(root().join("README.md")).expect("README.md");
    let (before, rest) = text.split_once("```rust\n").expect("a page");
    let (page, _) = rest.split_once("```").expect("the end of a page");
    let file =
        before.rsplit('`').find(|it| it.starts_with("pages/")).expect("the file of the page");
    (file.into(), page.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn readme_and_proof_can_be_typed() {
    let folder = App::empty("docs");
    let mut shell = Shell::start(&folder.path).await;
    let readme = commands("README.md");
    let new = readme.iter().find(|it| it.command.starts_with("nova new")).expect("a new app");
    shell.types(&new.command).await;

    // The SDK and the dependencies that all apps of the tests share, so that nothing is compiled
    // that others have compiled.
    let app = folder.path.join("my-site");
    let manifest = fs::read_to_string(app.join("Cargo.toml")).expect("a manifest");
    let shared = manifest
        .replace("vendor/nova/plugin-sdk", &root().join("plugin-sdk").display().to_string());
    assert_ne!(shared, manifest);
    fs::write(app.join("Cargo.toml"), shared).expect("a manifest");
    fs::copy(root().join("examples/starter/Cargo.lock"), app.join("Cargo.lock")).expect("a lock");
    let (file, page) = page_of_readme();
    fs::write(app.join(&file), &page).expect("a page");

    let mut url = String::new();
    let mut edited = false;
    for Typed { command, .. } in readme.iter().filter(|it| it.is_run()) {
        if command.starts_with("build/start") {
            url = shell.hosts(command).await;
            assert_eq!(heading_of(&url).await, "User 42");
            continue;
        }
        if !edited && !url.is_empty() {
            // "Change a page, then build again and swap."
            fs::write(app.join(&file), page.replace("\"User \"", "\"Member \"")).expect("a page");
            edited = true;
        }
        shell.types(command).await;
        match &**command {
            "nova swap build" => assert_eq!(heading_of(&url).await, "Member 42"),
            "nova rollback" => assert_eq!(heading_of(&url).await, "User 42"),
            _ => {}
        }
    }
    assert!(edited, "the README builds again once it serves");
    shell.stops().await;

    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    for it in commands("docs/aot.md").iter().filter(|it| it.is_run()) {
        let command = it.command.replace("8080", &port.to_string());
        if command.ends_with('&') {
            shell.line(&command);
        } else {
            shell.types(&command).await;
        }
    }
    shell.process.said("the image serves").await;
    shell.stops().await;
}
