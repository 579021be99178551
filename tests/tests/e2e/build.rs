//! `nova build`: a release that runs where there is no Rust, and what it is made of.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING};
use nova_tests::client::fresh;
use nova_tests::process::Process;
use nova_tests::workspace::{App, binary, copy, root};
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

/// Nobody: neither the user of this test nor the owner of what it makes.
const OTHER: u32 = 65534;

/// What there is of an earlier release.
const EARLIER: &str = r#"{"nova":"0.0.1","build_id":"0123"}"#;

const PAGE: &str = r#"use nova::prelude::*;

pub fn get() -> Html {
    page("Built", html! { h1 { "Hello" } img src=(nova::asset("img/menu.svg#open")) alt=""; })
}
"#;

const LIVE: &str = r#"use nova::prelude::*;

pub fn get(Path(name): Path<String>) -> Body {
    let (lines, body) = Body::channel();
    tokio::spawn(async move { lines.send(name).await });
    body
}
"#;

/// The smallest template with a style and public files.
fn app(test: &str) -> App {
    let app = App::empty(test);
    copy(&root().join("route-template/templates/minimal"), &app.path);
    let sdk = root().join("plugin-sdk").display().to_string();
    app.edit("Cargo.toml", "../../../plugin-sdk", &sdk);
    app.edit("Cargo.toml", "nova-minimal", &format!("{test}-minimal"));
    app.lock();
    app.write("pages/index.rs", PAGE);
    app.write("pages/live/[name].rs", LIVE);
    app.write("styles/main.scss", "$ink: teal;\n.a { .b { color: $ink; } }\n");
    app.write("public/img/menu.svg", &format!("<svg>{}</svg>", "<path d='M0 0'/>".repeat(99)));
    app.write("public/logo.svg", "<svg/>");
    app
}

/// Runs `nova` in the folder of an app.
async fn nova(app: &App, args: &[&str]) -> (Option<i32>, String) {
    let mut command = app.command("nova").await;
    command.args(args);
    let mut process = Process::spawn(command);
    let status = process.read_to_end().await;
    (status.code(), process.output())
}

/// Head and body of an answer, as they come over the wire.
async fn asked(address: SocketAddr, path: &str, encodings: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.expect("the host accepts");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\n{ACCEPT_ENCODING}: {encodings}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).expect("a head of text");
    (head.to_lowercase(), answer[end + 4..].to_vec())
}

/// The host that is shipped is not the dev server: it does not take its role, and holds none of the
/// text that the dev server, which is in `nova`, sends to browsers.
async fn is_lean(host: &Path) {
    let mut command = Command::new(host);
    command.args(["__nova-child", "dev-server"]);
    let mut child = Process::spawn(command);
    let status = child.read_to_end().await;
    assert_eq!(status.code(), Some(1), "{child}");
    assert!(child.output().contains("unknown role `dev-server`"), "{child}");

    let scripts = root().join("host/cli/src/dev/server/client");
    let (nova, host) = (binary("nova").await, host.to_owned());
    let programs = [nova, host].map(|program| fs::read(program).expect("a program"));
    for script in fs::read_dir(scripts).expect("the scripts of the dev server") {
        let text = fs::read_to_string(script.expect("a script").path()).expect("a text");
        let line = text.lines().max_by_key(|line| line.len()).expect("a line").as_bytes();
        let held = programs.each_ref().map(|program| memchr::memmem::find(program, line).is_some());
        assert_eq!(held, [true, false], "{}", String::from_utf8_lossy(line));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_not_written_over_what_is_not_one() {
    let app = app("place");
    app.write("deploy/Dockerfile", "FROM scratch\n");
    app.write("README.md", "# Mine\n");
    for (out, reason) in [
        (".", "it is the folder of a crate, with a Cargo.toml"),
        ("deploy", "no earlier one lies there, but Dockerfile, which may be lost"),
    ] {
        let (status, said) = nova(&app, &["build", "--out", out]).await;
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(reason) && !said.contains("compiling"), "{said}");
    }
    assert_eq!(app.read("README.md"), "# Mine\n");
    assert_eq!(app.read("deploy/Dockerfile"), "FROM scratch\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_runs_where_there_is_no_rust() {
    let app = app("release");
    let (status, said) = nova(&app, &["build", "--report", "sizes"]).await;
    assert_eq!(status, Some(0), "{said}");
    for step in ["[1/", "compiling the library … ", "machine code by crate", "built    "] {
        assert!(said.contains(step), "{step}\n{said}");
    }
    let build = app.path.join("build");
    for (file, mode) in [
        ("libnova_routes.so", 0o644),
        ("nova-host", 0o755),
        ("start", 0o755),
        ("routes_generated.rs", 0o644),
        ("manifest.json", 0o644),
        ("report.json", 0o644),
        ("README.md", 0o644),
        ("nova.service", 0o644),
        ("nova.socket", 0o644),
        ("Dockerfile", 0o644),
        ("debug/libnova_routes.so.debug", 0o644),
    ] {
        let found =
            fs::metadata(build.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(found.permissions().mode() & 0o777, mode, "{file}");
    }
    let report: Value = serde_json::from_str(&app.read("build/report.json")).expect("JSON");
    let route = |pattern: &str| {
        let routes = report["routes"].as_array().expect("routes");
        routes.iter().find(|route| route["pattern"] == pattern).expect("the route").clone()
    };
    assert_eq!(route("/")["kind"], "dynamic");
    assert_eq!(route("/live/{name}")["kind"], "streaming");
    for pattern in ["/", "/live/{name}"] {
        assert!(route(pattern)["code"].as_u64() > Some(100), "{report}");
    }
    let size = |file: &str| fs::metadata(build.join(file)).expect("a file").len();
    assert_eq!(report["library"], size("libnova_routes.so"));
    assert!(size("debug/libnova_routes.so.debug") > size("libnova_routes.so"), "{report}");

    is_lean(&build.join("nova-host")).await;

    // Elsewhere, for another user, without any tool of Rust on its PATH.
    let place = tempfile::tempdir().expect("a temporary folder");
    let all_may_read = fs::Permissions::from_mode(0o755);
    fs::set_permissions(place.path(), all_may_read).expect("a mode");
    let there = place.path().join("srv");
    copy(&build, &there);
    let mut command = Command::new(there.join("start"));
    command.args(["--port", "0", "--no-admin"]).current_dir("/").env_clear();
    command.env("PATH", "/usr/bin:/bin");
    if rustix::process::getuid().is_root() {
        command.uid(OTHER).gid(OTHER);
    }
    let mut host = Process::spawn(command);
    let url = host.url().await;
    let address: SocketAddr = url.trim_start_matches("http://").parse().expect("an address");

    let page = fresh(address, "/").await.expect("the page");
    let link = |before: &str| {
        let rest = page.split(before).nth(1).unwrap_or_else(|| panic!("{before} in {page}"));
        rest.split('"').next().expect("the end of an attribute").to_owned()
    };
    let style = fresh(address, &link("data-nova-style href=\"")).await.expect("the stylesheet");
    assert_eq!(style, ".a .b{color:teal}\n");
    let icon = link("rel=\"icon\" href=\"");
    assert!(icon.starts_with("/logo-"), "{icon}");
    assert_eq!(fresh(address, &icon).await.expect("the icon"), "<svg/>");

    // What the page links may be kept for ever, and comes compressed.
    let menu = link("img src=\"");
    let (menu, fragment) = menu.split_once('#').expect("a fragment");
    assert_eq!(fragment, "open");
    let own = fs::read(there.join("public/img/menu.svg")).expect("the file");
    for (encoding, ending) in [("br", ".br"), ("gzip", ".gz"), ("zstd", ".zst")] {
        let (head, body) = asked(address, menu, encoding).await;
        assert!(head.contains(&format!("{CONTENT_ENCODING}: {encoding}")), "{head}");
        assert!(head.contains(&format!("{CACHE_CONTROL}: public, max-age=31536000, immutable")));
        let variant = fs::read(there.join("public").join(format!("{}{ending}", &menu[1..])));
        assert!(body == variant.expect("the variant") && body.len() < own.len() / 2, "{encoding}");
    }
    let (head, body) = asked(address, menu, "identity").await;
    assert!(body == own && !head.contains(CONTENT_ENCODING.as_str()), "{head}");
    let (head, body) = asked(address, "/img/menu.svg", "identity").await;
    assert!(body == own && head.contains("max-age=3600") && !head.contains("immutable"), "{head}");

    let probe = |url: String| {
        let mut command = Command::new(there.join("nova-host"));
        command.args(["--probe", &url]);
        Process::spawn(command)
    };
    assert_eq!(probe(format!("{url}/healthz")).ended().await.code(), Some(0));
    let mut missing = probe(format!("{url}/nothing"));
    assert_eq!(missing.read_to_end().await.code(), Some(1));
    assert!(missing.output().contains("404"), "{missing}");
    assert_eq!(host.stop().await.code(), Some(0), "{host}");
    assert_eq!(probe(format!("{url}/healthz")).ended().await.code(), Some(1));

    // Built again with another page: the report says what grew.
    app.write("pages/about.rs", &PAGE.replace("Hello", "About"));
    let (status, said) = nova(&app, &["build"]).await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("changed  /about: new"), "{said}");

    // `nova start` is the same, from the app's folder.
    let mut command = app.command("nova").await;
    command.args(["start", "--port", "0", "--no-admin"]);
    let mut host = Process::spawn(command);
    let address = host.url().await.trim_start_matches("http://").parse().expect("an address");
    assert!(fresh(address, "/about").await.expect("the page").contains("About"));
    assert_eq!(host.stop().await.code(), Some(0), "{host}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_leaves_the_release_alone() {
    let app = app("refused");
    app.write("pages/index.rs", "pub fn get() -> String { panic!(\"not today\") }\n");
    app.delete("pages/live/[name].rs");
    app.write("build/manifest.json", EARLIER);
    let (status, said) = nova(&app, &["build"]).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("GET / (pages/index.rs) panicked: not today"), "{said}");
    let left: Vec<_> = fs::read_dir(app.path.join("build")).expect("a folder").collect();
    assert_eq!((left.len(), app.read("build/manifest.json").as_str()), (1, EARLIER));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_program_serves_the_same_with_nothing_beside_it() {
    let app = app("alone");
    let build = ["build", "--static", "--profile", "dev", "--no-precompile"];
    let (status, said) = nova(&app, &build).await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("or as one program, "), "{said}");

    let place = tempfile::tempdir().expect("a temporary folder");
    let (program, socket) = (place.path().join("site"), place.path().join("admin.sock"));
    fs::copy(app.path.join("build/alone-minimal"), &program).expect("the program");
    let unpacked = place.path().join("tmp");
    fs::create_dir(&unpacked).expect("a folder");
    let mut command = Command::new(&program);
    command.args(["--port", "0", "--admin"]).arg(&socket).current_dir("/").env_clear();
    command.env("TMPDIR", &unpacked);
    let mut site = Process::spawn(command);
    let address: SocketAddr =
        site.url().await.trim_start_matches("http://").parse().expect("an address");

    let page = fresh(address, "/").await.expect("the page");
    assert!(page.contains("<h1>Hello</h1>"), "{page}");
    let link = |before: &str| {
        let rest = page.split(before).nth(1).unwrap_or_else(|| panic!("{before} in {page}"));
        rest.split(['"', '#']).next().expect("the end of an attribute").to_owned()
    };
    let style = fresh(address, &link("data-nova-style href=\"")).await.expect("the stylesheet");
    assert_eq!(style, ".a .b{color:teal}\n");
    let (head, body) = asked(address, &link("img src=\""), "br").await;
    assert!(head.contains("content-encoding: br") && head.contains("immutable"), "{head}");
    assert!(!body.is_empty());

    // What is linked in stays: there is nothing to swap, and nothing to give back.
    let mut swap = app.command("nova").await;
    swap.arg("swap").arg("--admin").arg(&socket).arg(app.path.join("build"));
    let mut swap = Process::spawn(swap);
    assert_eq!(swap.read_to_end().await.code(), Some(1), "{swap}");
    assert!(swap.output().contains("the routes of this program are linked into it"), "{swap}");
    site.signal(Signal::USR2);
    site.line("nothing to recycle").await;
    assert_eq!(site.stop().await.code(), Some(0), "{site}");
    let left = fs::read_dir(&unpacked).expect("a folder").flatten();
    let left: Vec<_> = left.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    assert!(!left.iter().any(|name| name.starts_with("nova-release-")), "{left:?}");

    let mut command = Command::new(&program);
    command.args(["--routes", "build"]);
    let mut refused = Process::spawn(command);
    assert_eq!(refused.read_to_end().await.code(), Some(2));
    assert!(refused.output().contains("it takes no --routes"), "{refused}");
    let mut command = Command::new(&program);
    command.arg("--help");
    let mut help = Process::spawn(command);
    assert_eq!(help.read_to_end().await.code(), Some(0));
    assert!(help.output().contains("Usage: alone-minimal [OPTIONS]"), "{help}");
    assert!(!help.output().contains("--routes") && !help.output().contains("--watch"), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ahead_of_time_build_fails_by_the_names_of_its_failures() {
    let app = app("gate");
    app.write(
        "pages/guest.rs",
        "pub fn get() -> &'static str { \"fine\" }\n\
         pub fn post() -> String { panic!(\"no book\") }\n",
    );
    app.write(
        "pages/slow.rs",
        "use nova::prelude::*;\npub async fn post() -> Html { std::future::pending().await }\n",
    );
    app.write(
        "pages/sick.rs",
        "use nova::prelude::*;\n\
         pub fn delete() -> StatusCode { StatusCode::INTERNAL_SERVER_ERROR }\n",
    );
    app.write("build/manifest.json", EARLIER);
    let build = ["build", "--aot", "--profile", "dev"];
    let (status, said) = nova(&app, &build).await;
    assert_eq!(status, Some(1), "{said}");
    for failure in [
        "POST /guest (pages/guest.rs) panicked: no book",
        "POST /slow (pages/slow.rs) did not answer within 5s",
        "DELETE /sick (pages/sick.rs) answered 500 Internal Server Error",
    ] {
        assert!(said.contains(failure), "{failure}\n{said}");
    }
    assert_eq!(app.read("build/manifest.json"), EARLIER, "the release was touched");

    // What is expected is no failure: neither here nor where a host tries the library out.
    app.write("pages/broken.rs", "pub fn get() -> String { panic!(\"as it should\") }\n");
    let expected = [("POST", "/guest", "500"), ("POST", "/slow", "\"hang\"")]
        .into_iter()
        .chain([("DELETE", "/sick", "\"5xx\""), ("GET", "/broken", "\"5xx\"")]);
    let expected: Vec<String> = expected
        .map(|(method, target, expect)| {
            format!(r#"{{"method":"{method}","target":"{target}","expect":{expect}}}"#)
        })
        .collect();
    let plan = format!(r#"{{"version":1,"requests":[{}]}}"#, expected.join(","));
    app.write("precompile.json", &plan);
    let (status, said) = nova(&app, &build).await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("built    "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_build_lacks_is_said() {
    let app = app("lacking");
    for (settings, args, expected) in [
        ("", &["build", "--nova-host", "/no/such"][..], "no such program; --nova-host names it"),
        ("[build]\npanic = \"abort\"\n", &["build"], "panic cannot be set"),
        ("[build]\nopt-level = 9\n", &["build"], "opt-level must be 0, 1, 2, 3"),
        ("", &["start"], "there is no release in ./build"),
        ("", &["start", "/no/such"], "there is no release in /no/such"),
    ] {
        app.write("nova.toml", settings);
        let (status, said) = nova(&app, args).await;
        assert_eq!(status, Some(1), "{args:?}\n{said}");
        assert!(said.contains(expected), "{args:?}\n{said}");
    }
    // A nova that was copied without its host.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let alone = folder.path().join("nova");
    fs::copy(binary("nova").await, &alone).expect("a copy");
    let mut command = Command::new(alone);
    command.arg("build").arg(&app.path);
    app.write("nova.toml", "");
    let mut process = Process::spawn(command);
    assert_eq!(process.read_to_end().await.code(), Some(1));
    assert!(process.output().contains("nova-host is missing beside"), "{process}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_switch_reaches_cargo() {
    let app = app("switches");
    // In the place of cargo: it notes down what it is given, and builds nothing.
    let note = "#!/bin/sh\n[ \"$1\" = rustc ] && env > \"${0%/*}/given\"\nexit 101\n";
    app.write("first/cargo", note);
    let cargo = app.path.join("first/cargo");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o700)).expect("a mode");
    let path = format!("{}/first:{}", app.path.display(), env::var("PATH").expect("a PATH"));
    for (settings, args, given) in [
        ("codegen-units = 1", &["build"][..], "CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1"),
        ("lto = \"fat\"", &["build"], "CARGO_PROFILE_RELEASE_LTO=fat"),
        ("opt-level = \"z\"", &["build"], "CARGO_PROFILE_RELEASE_OPT_LEVEL=z"),
        ("", &["build", "--aot"], "CARGO_PROFILE_RELEASE_LTO=fat"),
    ] {
        app.write("nova.toml", &format!("[build]\n{settings}\n"));
        let mut command = app.command("nova").await;
        command.args(args).env("PATH", &path);
        let mut process = Process::spawn(command);
        assert_eq!(process.read_to_end().await.code(), Some(1), "{process}");
        let environment = app.read("first/given");
        assert!(environment.lines().any(|line| line == given), "{given}\n{environment}\n{process}");
        app.delete("first/given");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_more_is_stripped_the_smaller_the_library() {
    let app = app("stripped");
    let mut sizes = Vec::new();
    for strip in ["none", "debuginfo", "symbols"] {
        app.write("nova.toml", &format!("[build]\nstrip = {strip:?}\n"));
        let (status, said) = nova(&app, &["build", "--profile", "dev", "--no-precompile"]).await;
        assert_eq!(status, Some(0), "{strip}\n{said}");
        sizes.push(fs::metadata(app.path.join("build/libnova_routes.so")).expect("a file").len());
    }
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
}
