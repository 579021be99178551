//! Trust: what a host loads only if it is signed, whom it suspects of having written it, and
//! where it keeps its copies when the machine lets it write nothing.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nova_host::library::loader::BuildId;
use nova_host::operate::admin::{AdminClient, SwapRequest};
use nova_tests::fixtures::{library, stamped};
use nova_tests::process::{Process, run};
use nova_tests::workspace::binary;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

/// A folder with keys and releases in it.
struct Ground(TempDir);

impl Ground {
    /// With the keys `a` and `b`.
    async fn new() -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        for key in ["a.key", "b.key"] {
            let (status, said) =
                run(&binary("nova").await, [Path::new("keygen"), &ground.path(key)]).await;
            assert!(status.success(), "{said}");
        }
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A release as `nova compile` and `nova build` write them, unsigned.
    fn release(&self, name: &str, stamp: &str) -> PathBuf {
        let library = stamped(&library("good"), stamp);
        let css = "p{color:red}";
        let file = |file: &str, bytes: &[u8]| {
            let sha256 = sha256(bytes);
            serde_json::json!({ "file": file, "sha256": sha256, "size": bytes.len() })
        };
        let manifest = serde_json::json!({
            "nova": "0.1.0", "abi": 1, "sdk": "0.1.0", "app": { "name": "good", "version": "0.1.0" },
            "build_id": BuildId::of(&library).as_str(),
            "library": file("libnova_routes.so", &library),
            "rustc": "rustc", "target": "linux", "profile": "dev", "glibc": null, "routes": [],
            "stylesheet": file("assets/style-1.css", css.as_bytes()),
            "favicon": null, "built_at": 0,
            "swap": { "mode": "overlap", "declared": false, "because": [] },
        });
        self.write(&format!("{name}/libnova_routes.so"), library);
        self.write(&format!("{name}/assets/style-1.css"), css);
        self.write(&format!("{name}/public/docs/hello.txt"), format!("hello from {stamp}"));
        self.write(&format!("{name}/manifest.json"), manifest.to_string());
        self.path(name)
    }

    async fn sign(&self, release: &Path, key: &str) {
        let (key, sign) = (self.path(key), Path::new("sign"));
        let args = [sign, release, Path::new("--key"), &key];
        let (status, said) = run(&binary("nova").await, args).await;
        assert!(status.success(), "{said}");
        // The library, and beside it the stylesheet and one public file.
        assert!(said.contains("3 files"), "{said}");
    }

    async fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary("nova-host").await);
        self.prepare(&mut command, args);
        command
    }

    fn prepare(&self, command: &mut Command, args: &[&str]) {
        command
            .args(["--port", "0"])
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .stdin(Stdio::null());
    }

    /// A host that starts.
    async fn start(&self, args: &[&str]) -> (Process, String) {
        let args = [&["--state", "state", "--admin", "admin.sock"], args].concat();
        let mut process = Process::spawn(self.command(&args).await);
        let url = process.url().await;
        (process, url.strip_prefix("http://").unwrap().to_owned())
    }

    /// What a host says that does not start; its folder is written `.`.
    async fn refused(&self, args: &[&str]) -> String {
        let args = [&["--state", "state", "--no-admin"], args].concat();
        let output = self.command(&args).await.output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{args:?}: {said}");
        said.replace(self.0.path().to_str().unwrap(), ".")
    }
}

fn sha256(bytes: &[u8]) -> String {
    use std::io::Write as _;
    let mut child = std::process::Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_once_and_the_private_one_is_private() {
    let ground = Ground::new().await;
    let mode = |name: &str| fs::metadata(ground.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a.key"), mode("a.pub")), (0o600, 0o644));
    let (private, public) = (ground.path("a.key"), ground.path("a.pub"));
    let text = fs::read_to_string(&public).unwrap();
    assert!(text.starts_with("nova public key, ed25519\n"), "{text}");
    let before = fs::read(&private).unwrap();
    assert!(before.starts_with(b"nova private key, ed25519"));

    let nova = binary("nova").await;
    let (status, said) = run(&nova, [Path::new("keygen"), &private]).await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("is there already"), "{said}");
    assert_eq!(fs::read(&private).unwrap(), before);

    let release = ground.release("build", "1");
    ground.mode("a.key", 0o644);
    for (key, expected) in [
        (&private, "chmod 600"),
        (&public, "is a public key"),
        (&release.join("manifest.json"), "is not a key of `nova keygen`"),
    ] {
        let args = [Path::new("sign"), &release, Path::new("--key"), key];
        let (status, said) = run(&nova, args).await;
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    assert!(!release.join("manifest.sig").exists());
    let args = ["--routes", "build", "--trust", private.to_str().unwrap()];
    let output = ground.command(&args).await.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is a private key; a host is given the public one"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_release_serves_what_was_signed_and_no_other_takes_its_place() {
    let ground = Ground::new().await;
    let signed = ground.release("build", "1");
    ground.sign(&signed, "a.key").await;
    let digits = fs::read_to_string(ground.path("b.pub")).unwrap();
    let digits = digits.lines().nth(1).unwrap().to_owned();
    let args = ["--routes", "build", "--trust", "a.pub", "--trust", &digits];
    let (mut host, address) = ground.start(&args).await;
    assert!(get(&address, "/text").await.ends_with("hello"));
    assert!(get(&address, "/docs/hello.txt").await.ends_with("hello from 1"));
    assert!(get(&address, "/_nova/style-1.css").await.ends_with("p{color:red}"));

    // What is served are the bytes that were verified, whatever becomes of their files.
    ground.write("build/public/docs/hello.txt", "altered");
    ground.write("build/public/more.txt", "more");
    host.signal(Signal::HUP);
    let refused = host.line("is not the file that was signed").await;
    assert!(refused.contains("public/docs/hello.txt"), "{refused}");
    assert!(get(&address, "/docs/hello.txt").await.ends_with("hello from 1"));
    assert!(get(&address, "/more.txt").await.starts_with("HTTP/1.1 404 "));

    let admin = AdminClient::new(Some(ground.path("admin.sock"))).unwrap();
    let swap = |path: PathBuf| {
        admin.swap(SwapRequest { paths: vec![path], force: false, no_preflight: false })
    };
    let next = ground.release("next", "2");
    let error = swap(next.clone()).await.unwrap_err().to_string();
    assert!(error.contains("is not signed"), "{error}");
    assert!(get(&address, "/docs/hello.txt").await.ends_with("hello from 1"));
    ground.sign(&next, "b.key").await;
    assert_eq!(swap(next.clone()).await.unwrap().swapped[0].generation, 2);
    assert!(get(&address, "/docs/hello.txt").await.ends_with("hello from 2"));
    // Other files beside the same library, signed again.
    ground.write("next/public/docs/hello.txt", "hello from 3");
    ground.sign(&next, "b.key").await;
    assert_eq!(swap(next.clone()).await.unwrap().swapped[0].generation, 3);
    assert!(get(&address, "/docs/hello.txt").await.ends_with("hello from 3"));
    let error = swap(next).await.unwrap_err().to_string();
    assert!(error.contains("is live already"), "{error}");
    assert!(host.stop().await.success());

    // The next run keeps the copies of what it serves.
    let copies = || fs::read_dir(ground.path("state/public")).unwrap().count();
    assert_eq!(copies(), 3);
    let args = ["--routes", "next", "--trust", "a.pub", "--trust", &digits];
    let (mut host, address) = ground.start(&args).await;
    assert_eq!(copies(), 1);
    assert!(get(&address, "/docs/hello.txt").await.ends_with("hello from 3"));
    assert!(host.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_is_refused_with_its_reason() {
    let ground = Ground::new().await;
    let args = ["--routes", "build", "--trust", "a.pub"];
    let mut said = String::new();
    for case in [
        "unsigned",
        "unknown key",
        "altered library",
        "altered manifest",
        "altered public file",
        "another public file",
        "no public file",
        "altered stylesheet",
        "no signature",
    ] {
        let build = ground.release("build", "1");
        let key = if case == "unknown key" { "b.key" } else { "a.key" };
        if case != "unsigned" {
            ground.sign(&build, key).await;
        }
        match case {
            // It would load, and the manifest would fit it.
            "altered library" => {
                ground.write("build/libnova_routes.so", stamped(&library("good"), "2"));
            }
            "altered manifest" => {
                let manifest = fs::read_to_string(build.join("manifest.json")).unwrap();
                ground.write("build/manifest.json", manifest.replace("\"dev\"", "\"release\""));
            }
            "altered public file" => ground.write("build/public/docs/hello.txt", "altered"),
            "another public file" => ground.write("build/public/evil.js", "alert()"),
            "no public file" => fs::remove_file(build.join("public/docs/hello.txt")).unwrap(),
            "altered stylesheet" => ground.write("build/assets/style-1.css", "p{}"),
            "no signature" => ground.write("build/manifest.sig", "hello\n"),
            _ => {}
        }
        said += &format!("{case}\n    {}", ground.refused(&args).await);
        fs::remove_dir_all(build).unwrap();
    }
    let build = ground.release("build", "1");
    ground.sign(&build, "a.key").await;
    ground.write("lib/libnova_routes.so", library("good"));
    let bare = ["--routes", "lib/libnova_routes.so", "--trust", "a.pub"];
    said += &format!("a library alone\n    {}", ground.refused(&bare).await);
    for key in ["a", "b"] {
        let text = fs::read_to_string(ground.path(&format!("{key}.pub"))).unwrap();
        let digits = text.lines().nth(1).unwrap();
        said = said.replace(digits, &format!("<all of {key}>"));
        said = said.replace(&digits[..16], &format!("<{key}>"));
    }
    for (hash, name) in [
        (sha256(&stamped(&library("good"), "1")), "<library 1>"),
        (sha256(&stamped(&library("good"), "2")), "<library 2>"),
    ] {
        said = said.replace(&hash, name);
    }
    insta::assert_snapshot!(said);

    // The same keys for `nova check`, which says it with its exit code.
    let nova = binary("nova").await;
    for (key, code, expected) in
        [("a.pub", 0, "signed by a key that is trusted"), ("b.pub", 1, "does not trust")]
    {
        let key = ground.path(key);
        let args = [Path::new("check"), &build, Path::new("--trust"), &key];
        let (status, said) = run(&nova, args).await;
        assert_eq!(status.code(), Some(code), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    // Files that nobody has signed cannot be put beside those that somebody has.
    let args = [&args[..], &["--public", "build/public"]].concat();
    let output = ground.command(&args).await.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_can_write_is_not_loaded_and_the_fix_works() {
    let ground = Ground::new().await;
    let build = ground.release("build", "1");
    let args = ["--routes", "build"];
    let fix = |said: &str| {
        let command = said.split('`').nth(1).unwrap().to_owned();
        let mut shell = std::process::Command::new("sh");
        assert!(
            shell.args(["-c", &command]).current_dir(ground.0.path()).status().unwrap().success()
        );
        command
    };
    ground.mode("build/libnova_routes.so", 0o666);
    let said = ground.refused(&args).await;
    assert_eq!(fix(&said), "chmod go-w ./build/libnova_routes.so", "{said}");
    ground.mode("build", 0o757);
    let said = ground.refused(&args).await;
    assert!(said.contains("can be replaced by every user of this machine"), "{said}");
    assert_eq!(fix(&said), "chmod o-w ./build", "{said}");
    // Not the folder itself, but the one that it could be exchanged in.
    ground.mode("", 0o707);
    let said = ground.refused(&args).await;
    assert!(said.contains("mode 707") && said.contains("chmod o-w ."), "{said}");
    ground.mode("", 0o1777);
    ground.start(&args).await.0.stop().await;
    // What has served from there before would start in its place.
    fs::remove_dir_all(ground.path("state")).unwrap();
    ground.mode("", 0o700);

    // Only root can give a file to another group or user.
    if rustix::process::geteuid().is_root() {
        chown(&build, None, Some(54_321)).unwrap();
        ground.mode("build", 0o775);
        let said = ground.refused(&args).await;
        assert!(said.contains("can be replaced by the group 54321"), "{said}");
        assert_eq!(fix(&said), "chmod g-w ./build", "{said}");
        chown(&build, Some(54_321), None).unwrap();
        let said = ground.refused(&args).await;
        assert!(said.contains("by user 54321, whose folder"), "{said}");
        assert_eq!(fix(&said), "chown 0 ./build", "{said}");
        chown(build.join("libnova_routes.so"), Some(54_321), None).unwrap();
        let said = ground.refused(&args).await;
        assert!(said.contains("belongs to user 54321"), "{said}");
        fix(&said);
    }
    let (mut host, address) = ground.start(&args).await;
    assert!(get(&address, "/docs/hello.txt").await.ends_with("hello from 1"));
    assert!(host.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_must_fit_the_files_beside_it() {
    let ground = Ground::new().await;
    ground.release("build", "1");
    ground.write("build/assets/style-1.css", "p{}");
    let said = ground.refused(&["--routes", "build"]).await;
    let (found, expected) = (sha256(b"p{}"), sha256(b"p{color:red}"));
    assert!(said.contains(&format!("SHA-256 is {found}, the manifest says {expected}")), "{said}");
    ground.write("build/libnova_routes.so", stamped(&library("good"), "2"));
    let said = ground.refused(&["--routes", "build"]).await;
    let id = |stamp| BuildId::of(&stamped(&library("good"), stamp)).short().to_owned();
    let both = format!("names build {}, but the library beside it is {}", id("1"), id("2"));
    assert!(said.contains(&both), "{said}");
}

/// A host in a mount namespace of its own, which `setup` has made poorer. `None` where this user
/// may not make one.
async fn poorer(ground: &Ground, setup: &str, args: &[&str]) -> Option<Process> {
    let unshare = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
    let allowed = Command::new("unshare").args([unshare, "true"]).output().await;
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: this user may not make a mount namespace");
        return None;
    }
    let mut command = Command::new("unshare");
    let script = format!("{setup} && exec \"$0\" \"$@\"");
    command.args([unshare, "sh", "-c", &script]).arg(binary("nova-host").await);
    ground.prepare(&mut command, args);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    Some(Process::spawn(command))
}

#[tokio::test(flavor = "multi_thread")]
async fn libraries_are_mapped_from_memory_where_no_folder_will_do() {
    let ground = Ground::new().await;
    fs::create_dir(ground.path("state")).unwrap();
    let noexec = "mount -t tmpfs -o noexec tmpfs state";
    let read_only = "mount --bind / / && mount -o remount,bind,ro / && ! touch here 2>/dev/null";
    for (setup, said, args) in [
        (noexec, "state/libraries is mounted noexec", &["--state", "state"][..]),
        (read_only, "no folder for copies of libraries can be used", &[]),
    ] {
        ground.release("build", "1");
        let args = [&["--routes", "build", "--no-admin"][..], args].concat();
        let Some(mut host) = poorer(&ground, setup, &args).await else { return };
        host.line(said).await;
        let url = host.url().await;
        let address = url.strip_prefix("http://").unwrap();
        assert!(get(address, "/text").await.ends_with("hello"));
        let maps = || fs::read_to_string(format!("/proc/{}/maps", host.id())).unwrap();
        assert!(maps().contains("memfd:libnova_routes-"), "{}", maps());

        // The child that checks the next one gets at it, and maps a copy of its own.
        ground.release("build", "2");
        host.signal(Signal::HUP);
        host.line("generation 2 is live").await;
        assert!(get(address, "/docs/hello.txt").await.ends_with("hello from 2"));
        assert!(host.stop().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folders_of_a_service_manager_are_used() {
    let ground = Ground::new().await;
    ground.release("build", "1");
    for folder in ["service-state", "service-run"] {
        fs::create_dir(ground.path(folder)).unwrap();
    }
    let mut command = ground.command(&["--routes", "build"]).await;
    command
        .env("STATE_DIRECTORY", ground.path("service-state"))
        .env("RUNTIME_DIRECTORY", ground.path("service-run"));
    let mut host = Process::spawn(command);
    let url = host.url().await;
    let (_, port) = url.rsplit_once(':').unwrap();
    assert!(ground.path("service-run").join(format!("host-{port}.sock")).exists());
    assert_eq!(fs::read_dir(ground.path("service-state/libraries")).unwrap().count(), 1);
    assert!(host.stop().await.success());
}
