//! What makes a folder of a library and its files one that runs elsewhere: the host program, the
//! script that starts it, and what systemd and Docker want to know.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nova_route_template::{Manifest, SwapMode, SwapPlan, least_glibc};

use crate::commands::needs;
use crate::terminal::style::counted;

/// The name of the host program in a release.
pub(in crate::commands) const HOST: &str = "nova-host";

/// Each file with its mode; what stands in braces is filled in.
const FILES: [(&str, u32, &str); 6] = [
    ("start", 0o755, include_str!("deploy/start.sh")),
    ("README.md", 0o644, include_str!("deploy/README.md")),
    ("nova.service", 0o644, include_str!("deploy/nova.service")),
    ("nova.socket", 0o644, include_str!("deploy/nova.socket")),
    ("Dockerfile", 0o644, include_str!("deploy/Dockerfile")),
    (".dockerignore", 0o644, include_str!("deploy/dockerignore")),
];

/// Images of Debian with the version of glibc that each has, the oldest first.
const IMAGES: [(&str, (u32, u32)); 3] = [
    ("debian:bookworm-slim", (2, 36)),
    ("debian:trixie-slim", (2, 41)),
    ("debian:sid-slim", (2, u32::MAX)),
];

/// What the README says of the variable that signs and encrypts cookies.
const SECRET: &str = "
It signs and encrypts cookies with the variable `NOVA_SECRET`, 32 characters or more, the same for all hosts
that serve the app and over restarts: `openssl rand -hex 32` prints one. With `nova.service` it stands in
`/etc/{app}.env`, readable by root alone; for a container, in its environment. To replace it, put the new one
before the old one: `NOVA_SECRET=new,old`.
";

/// The host program to ship: the one that was named, or the one beside this program.
///
/// # Errors
/// If it is missing.
pub(in crate::commands) fn find_host(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = named {
        if !path.is_file() {
            bail!("{}: no such program; --nova-host names it", path.display());
        }
        return Ok(path.to_owned());
    }
    let this = std::env::current_exe().context("cannot find this program again")?;
    let beside = this.with_file_name(HOST);
    if !beside.is_file() {
        bail!(
            "nova-host is missing beside {}: a release carries the program that serves it.\n  \
             help: install both programs at once (`cargo install --git URL nova-cli nova-host`), \
             or name it: nova build --nova-host FILE",
            this.display()
        );
    }
    Ok(beside)
}

/// Puts the host program and the files around it into a release, and gives the program's size.
///
/// # Errors
/// If a file cannot be read or written.
pub(in crate::commands) fn write(
    out: &Path,
    host: &Path,
    manifest: &Manifest,
    needs_secret: bool,
) -> anyhow::Result<u64> {
    let program =
        std::fs::read(host).with_context(|| format!("{} cannot be read", host.display()))?;
    let needed = least_glibc(&program);
    let library = manifest.glibc.as_deref();
    let glibc = library.into_iter().chain(needed.as_deref()).max_by_key(|it| number(it));
    let facts = HostFacts {
        app: &manifest.app.name,
        version: &manifest.app.version,
        glibc,
        needs: &manifest.needs,
        routes: manifest.routes.len(),
        swap: &manifest.swap,
        needs_secret,
    };
    put(&out.join(HOST), &program, 0o755)?;
    for (name, mode, template) in FILES {
        put(&out.join(name), fill(template, &facts).as_bytes(), mode)?;
    }
    Ok(program.len() as u64)
}

/// Puts the symbols where debuggers are told to look for them, beside what runs and not needed by
/// it.
///
/// # Errors
/// If they cannot be copied.
pub(in crate::commands) fn write_symbols(out: &Path, symbols: &Path) -> anyhow::Result<()> {
    let bytes =
        std::fs::read(symbols).with_context(|| format!("{} cannot be read", symbols.display()))?;
    put(&out.join("debug").join(symbols.file_name().unwrap_or_default()), &bytes, 0o644)
}

/// What the files are filled in with.
struct HostFacts<'a> {
    app: &'a str,
    version: &'a str,
    /// The least glibc that library and host need.
    glibc: Option<&'a str>,
    /// The shared libraries that the library needs beside that.
    needs: &'a [String],
    /// How many routes there are.
    routes: usize,
    /// How it is swapped.
    swap: &'a SwapPlan,
    /// Whether it signs or encrypts cookies.
    needs_secret: bool,
}

fn fill(template: &str, facts: &HostFacts<'_>) -> String {
    let glibc = facts.glibc;
    let image = IMAGES.iter().find(|(_, has)| glibc.is_none_or(|needs| number(needs) <= *has));
    let image = image.map_or(IMAGES[0].0, |(name, _)| name);
    template
        .replace("{secret}", if facts.needs_secret { SECRET } else { "" })
        .replace("{app}", facts.app)
        .replace("{version}", facts.version)
        .replace("{nova}", env!("CARGO_PKG_VERSION"))
        .replace("{arch}", std::env::consts::ARCH)
        .replace("{glibc}", glibc.unwrap_or("2.17"))
        .replace("{needs}", &needs_sentence(facts.needs))
        .replace("{install}", &install(facts.needs))
        .replace("{routes}", &counted(facts.routes, "route"))
        .replace("{image}", image)
        .replace("{image_name}", &image_name(facts.app))
        .replace("{swap}", &swapping(facts.swap))
}

/// The app's name as Docker takes it for an image: lower case, and between the parts one `.`, `_` or
/// `-`, two `_`, or more `-`.
fn image_name(app: &str) -> String {
    let app = app.to_lowercase();
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut name = String::new();
    let mut rest = app.trim_matches(|c: char| !is_part(c));
    while let Some(start) = rest.find(|c: char| !is_part(c)) {
        let (part, after) = rest.split_at(start);
        let end = after.find(is_part).unwrap_or(after.len());
        let between = match &after[..end] {
            known @ ("." | "_" | "__") => known,
            dashes if dashes.bytes().all(|byte| byte == b'-') => dashes,
            _ => "-",
        };
        name.extend([part, between]);
        rest = &after[end..];
    }
    name.push_str(rest);
    if name.is_empty() { "app".to_owned() } else { name }
}

/// What the README says of the libraries that are needed.
fn needs_sentence(needs: &[String]) -> String {
    if needs.is_empty() { String::new() } else { format!(" and {}", needs::named(needs)) }
}

/// What the Dockerfile does so that the libraries are there, as lines of their own.
fn install(needs: &[String]) -> String {
    let (packages, unknown) = needs::packages(needs);
    let mut lines = String::new();
    for library in unknown {
        lines.push_str(&format!("# The routes need {library}: install the package that has it.\n"));
    }
    if !packages.is_empty() {
        lines.push_str(&format!(
            "RUN apt-get update \\\n    && apt-get install -y --no-install-recommends {} \\\n    \
             && rm -rf /var/lib/apt/lists/*\n",
            packages.join(" ")
        ));
    }
    lines
}

/// How the release takes the place of the one before, and why so.
fn swapping(plan: &SwapPlan) -> String {
    let SwapPlan { mode, declared, because } = plan;
    let how = match mode {
        SwapMode::Overlap => {
            "the old app and the new one are alive at once for a while, and connections stay open"
        }
        SwapMode::Handover => {
            "requests wait while the old app hands its state over and ends, so that no two apps are \
             alive at once; connections stay open"
        }
        SwapMode::Process => {
            "the new app lives in a process of its own, which takes the listening sockets over; open \
             connections are closed after their next answer"
        }
        SwapMode::ProcessHandover => {
            "the new app lives in a process of its own, and requests wait until the old one has ended, \
             so that no two apps are alive at once"
        }
    };
    let mut text = format!("This release is swapped by `{mode}`: {how}.");
    if *declared {
        text.push_str(" `app.rs` asks for it");
        text.push_str(if because.is_empty() { "." } else { ", although:" });
    } else if !because.is_empty() {
        text.push_str(" That is because:");
    }
    if !because.is_empty() {
        text.push('\n');
    }
    for sentence in because {
        text.push_str(&format!("\n- {sentence}"));
    }
    text
}

/// `2.36` as numbers.
fn number(version: &str) -> (u32, u32) {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    (major.parse().unwrap_or_default(), minor.parse().unwrap_or_default())
}

/// Writes a file beside its place and renames it: what runs of it stays as it was.
fn put(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".nova-").tempfile_in(folder)?;
        io::Write::write_all(&mut file, content)?;
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(name: &str, glibc: Option<&str>) -> String {
        filled_with(name, glibc, &[])
    }

    fn filled_with(name: &str, glibc: Option<&str>, needs: &[String]) -> String {
        let swap = &SwapPlan::default();
        let (app, version) = ("shop", "1.2.0");
        let facts = HostFacts {
            app,
            version,
            glibc,
            needs,
            routes: 1,
            swap,
            needs_secret: !needs.is_empty(),
        };
        let (.., template) = FILES.iter().find(|(file, ..)| *file == name).expect("a file");
        fill(template, &facts)
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for (name, ..) in FILES {
            let text = filled(name, Some("2.34"));
            let text = text.replace("${", "");
            assert!(!text.contains('{'), "{name}: {text}");
        }
        let readme = filled("README.md", Some("2.34"));
        assert!(readme.contains("# shop 1.2.0") && readme.contains("glibc 2.34"), "{readme}");
        assert!(readme.contains("routes: 1 route |"), "{readme}");
        assert!(readme.contains("This release is swapped by `overlap`: "), "{readme}");
    }

    #[test]
    fn an_image_has_a_name_that_docker_takes() {
        for (app, expected) in [
            ("shop", "shop"),
            ("my-shop", "my-shop"),
            ("my_shop2", "my_shop2"),
            ("MyShop", "myshop"),
            ("Shop-", "shop"),
            ("_shop__old", "shop__old"),
            ("a--b", "a--b"),
            ("a___b", "a-b"),
            ("a-_b", "a-b"),
            ("Größe", "gr-e"),
            ("店", "app"),
        ] {
            assert_eq!(image_name(app), expected, "{app}");
        }
        let (app, swap) = ("MyShop", &SwapPlan::default());
        let (version, needs_secret) = ("1.2.0", false);
        let facts =
            HostFacts { app, version, glibc: None, needs: &[], routes: 1, swap, needs_secret };
        for name in ["Dockerfile", "README.md"] {
            let (.., template) = FILES.iter().find(|(file, ..)| *file == name).expect("a file");
            let text = fill(template, &facts);
            assert!(text.contains("docker build -t myshop ."), "{text}");
        }
    }

    #[test]
    fn the_units_are_installed_as_they_say() {
        let (service, socket) = (filled("nova.service", None), filled("nova.socket", None));
        // The socket comes first: it is not started while the service listens by itself.
        assert!(service.contains("systemctl enable --now shop.socket shop.service\n"), "{service}");
        assert!(socket.contains("\nListenStream=127.0.0.1:2518\n"), "{socket}");
        assert!(socket.contains("\nAlso=shop.service\n"), "{socket}");
    }

    #[test]
    fn a_release_says_why_it_is_swapped_so() {
        let because = vec!["SQLite is linked in: two copies".to_owned(), "redb".to_owned()];
        let mode = SwapMode::ProcessHandover;
        let plan = SwapPlan { mode, declared: false, because: because.clone() };
        let declared = SwapPlan { mode: SwapMode::Overlap, declared: true, because };
        insta::assert_snapshot!(format!("{}\n\n{}", swapping(&plan), swapping(&declared)), @"
        This release is swapped by `process+handover`: the new app lives in a process of its own, and requests wait until the old one has ended, so that no two apps are alive at once. That is because:

        - SQLite is linked in: two copies
        - redb

        This release is swapped by `overlap`: the old app and the new one are alive at once for a while, and connections stay open. `app.rs` asks for it, although:

        - SQLite is linked in: two copies
        - redb
        ");
    }

    #[test]
    fn the_image_has_the_c_library_that_is_needed() {
        for (glibc, image) in [
            (Some("2.34"), "FROM debian:bookworm-slim\n"),
            (Some("2.39"), "FROM debian:trixie-slim\n"),
            (Some("2.50"), "FROM debian:sid-slim\n"),
            (None, "FROM debian:bookworm-slim\n"),
        ] {
            assert!(filled("Dockerfile", glibc).contains(image), "{glibc:?}");
        }
    }

    #[test]
    fn libraries_are_named_and_installed() {
        let needs = ["libssl.so.3", "libcrypto.so.3", "libpq.so.5", "libmine.so.1"];
        let needs = needs.map(str::to_owned);
        let readme = filled_with("README.md", Some("2.34"), &needs);
        assert!(readme.contains("libpq.so.5 (Debian: libpq5), libmine.so.1,"), "{readme}");
        assert!(readme.contains("`/etc/shop.env`"), "where the secret stands: {readme}");
        let dockerfile = filled_with("Dockerfile", Some("2.34"), &needs);
        let (_, after) = dockerfile.split_once("FROM ").expect("an image");
        let (lines, _) = after.split_once("# Owned by root").expect("the next comment");
        insta::assert_snapshot!(lines, @r"
        debian:bookworm-slim
        # The routes need libmine.so.1: install the package that has it.
        RUN apt-get update \
            && apt-get install -y --no-install-recommends libssl3 libpq5 \
            && rm -rf /var/lib/apt/lists/*
        ");
        assert!(!filled("Dockerfile", None).contains("apt-get"));
    }

    #[test]
    fn a_missing_host_is_said_with_what_to_do() {
        let error = find_host(Some(Path::new("/no/such/nova-host"))).expect_err("it is missing");
        assert!(error.to_string().contains("--nova-host"), "{error}");
        // The program of this test lies in a folder of its own.
        let error = find_host(None).expect_err("a test has no host beside it");
        assert!(error.to_string().contains("nova-host is missing beside"), "{error}");
    }
}
