//! The production host as a process: what it answers, how it swaps, how it ends.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nova_host::operate::admin::{
    AdminClient, AdminError, Reason, Status, SwapFailure, SwapRequest,
};
use nova_host::swap::GenerationState;
use nova_tests::fixtures::{library, stamped};
use nova_tests::process::Process;
use nova_tests::workspace::binary;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

/// A folder with a release in it, and what a host needs beside.
struct Ground(TempDir);

impl Ground {
    fn new() -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        ground.put("lib.so", "1");
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a build of the library `good` at `name`, at once, as a deployment should.
    fn put(&self, name: &str, stamp: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let next = path.with_extension("next");
        fs::write(&next, stamped(&library("good"), stamp)).unwrap();
        fs::rename(&next, &path).unwrap();
        path
    }

    fn file(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A release folder: library, manifest, one public file.
    fn release(&self, name: &str, stamp: &str) -> PathBuf {
        let library = self.put(&format!("{name}/libnova_routes.so"), stamp);
        let build_id = nova_host::library::loader::inspect(&library).unwrap().build_id;
        let manifest = serde_json::json!({ "build_id": build_id.as_str(), "stylesheet": null });
        self.file(&format!("{name}/manifest.json"), &manifest.to_string());
        self.file(&format!("{name}/public/file-{stamp}.txt"), stamp);
        self.path(name)
    }

    async fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary("nova-host").await);
        command
            .args(["--port", "0", "--admin"])
            .arg(self.path("admin.sock"))
            .arg("--state")
            .arg(self.path("state"))
            .args(args)
            .current_dir(self.0.path())
            .env_clear();
        command
    }

    async fn start(&self, args: &[&str]) -> Host {
        let mut process = Process::spawn(self.command(args).await);
        let url = process.url().await;
        let address = url.strip_prefix("http://").unwrap().to_owned();
        let admin = AdminClient::new(Some(self.path("admin.sock"))).unwrap();
        Host { process, address, admin }
    }
}

struct Host {
    process: Process,
    address: String,
    admin: AdminClient,
}

impl Host {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// Status line and headers, and body.
    async fn get(&self, path: &str) -> (String, String) {
        let mut stream = self.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    async fn body(&self, path: &str) -> String {
        let (head, body) = self.get(path).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
        body
    }

    async fn status(&self) -> Status {
        self.admin.status().await.unwrap()
    }

    async fn swap(&self, path: &Path, force: bool) -> Result<u64, AdminError> {
        let request = SwapRequest { paths: vec![path.to_owned()], force };
        Ok(self.admin.swap(request).await?.swapped[0].generation)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_answers_and_tells_how_it_is() {
    let ground = Ground::new();
    ground.file("public/hello.txt", "a file");
    let mut host = ground.start(&["--routes", "lib.so", "--public", "public"]).await;

    assert_eq!(host.body("/text").await, "hello");
    assert_eq!(host.body("/hello.txt").await, "a file");
    assert_eq!(host.body("/healthz").await, "ok\n");
    assert_eq!(host.body("/readyz").await, "ready\n");
    assert!(host.get("/nowhere").await.0.starts_with("HTTP/1.1 404 "));
    host.process.line("404 GET /nowhere ").await;

    let status = host.status().await;
    assert!(status.ready && !status.stopping);
    assert_eq!(status.url, format!("http://{}", host.address));
    assert_eq!(status.pid, host.process.id());
    assert_eq!(status.loads, 1);
    assert_eq!(status.generations.len(), 1);
    let generation = &status.generations[0];
    assert_eq!((generation.id, generation.state), (1, GenerationState::Live));
    assert_eq!(generation.source, ground.path("lib.so"));
    assert_eq!(generation.build_id, host.body("/build").await);
    assert!(generation.requests >= 1, "{generation:?}");
    assert!(status.process.threads.unwrap() > 1);

    assert!(host.process.stop().await.success());
    assert!(!ground.path("admin.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_by_the_admin_socket() {
    let ground = Ground::new();
    let host = ground.start(&["--routes", "lib.so"]).await;
    let before = host.body("/build").await;

    let next = ground.put("next.so", "2");
    assert_eq!(host.swap(&next, false).await.unwrap(), 2);
    let after = host.body("/build").await;
    assert_ne!(before, after);

    let error = host.swap(&next, false).await.unwrap_err();
    assert!(
        matches!(&error, AdminError::Swap(SwapFailure { reason: Reason::AlreadyLive, .. })),
        "{error}"
    );
    assert!(error.to_string().contains("--force"), "{error}");
    assert_eq!(host.swap(&next, true).await.unwrap(), 3);

    ground.file("bad.so", "no library");
    let error = host.swap(&ground.path("bad.so"), false).await.unwrap_err();
    assert!(
        matches!(&error, AdminError::Swap(SwapFailure { reason: Reason::Refused, .. })),
        "{error}"
    );
    assert_eq!(host.body("/build").await, after);

    let status = host.status().await;
    assert_eq!((status.published, status.refused), (2, 1));
    let refusal = status.last_refusal.unwrap();
    assert_eq!(refusal.source, ground.path("bad.so"));
    assert_eq!(refusal.message, error.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_by_sighup() {
    let ground = Ground::new();
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    host.process.signal(Signal::HUP);
    host.process.line("unchanged, generation 1 serves on").await;

    ground.put("lib.so", "2");
    host.process.signal(Signal::HUP);
    host.process.line("generation 2 is live").await;
    assert_eq!(host.status().await.generations.last().unwrap().build_id, host.body("/build").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_by_a_changed_file() {
    let ground = Ground::new();
    let mut host = ground.start(&["--routes", "lib.so", "--watch"]).await;
    ground.put("lib.so", "2");
    host.process.line("generation 2 is live").await;

    // Half a library is refused, with a reason, and the whole one is taken.
    let whole = stamped(&library("good"), "3");
    fs::write(ground.path("lib.so"), &whole[..whole.len() / 2]).unwrap();
    host.process.line("lib.so").await;
    assert_eq!(host.status().await.generations.last().unwrap().id, 2);
    fs::write(ground.path("lib.so"), &whole).unwrap();
    host.process.line("generation 3 is live").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public_files_come_with_their_release_and_stay() {
    let ground = Ground::new();
    for release in ["releases/1", "releases/2"] {
        ground.release(release, release.rsplit('/').next().unwrap());
    }
    symlink("releases/1", ground.path("current")).unwrap();
    let mut host = ground.start(&["--routes", "current", "--watch"]).await;
    assert_eq!(host.body("/file-1.txt").await, "1");
    assert!(host.get("/file-2.txt").await.0.starts_with("HTTP/1.1 404 "));

    symlink("releases/2", ground.path("next")).unwrap();
    fs::rename(ground.path("next"), ground.path("current")).unwrap();
    host.process.line("generation 2 is live").await;
    assert_eq!(host.body("/file-2.txt").await, "2");
    assert_eq!(host.body("/file-1.txt").await, "1", "a page of before may still name it");
}

#[tokio::test(flavor = "multi_thread")]
async fn public_files_are_followed() {
    let ground = Ground::new();
    ground.file("public/a.txt", "a");
    let host = ground.start(&["--routes", "lib.so", "--public", "public", "--watch"]).await;
    assert_eq!(host.body("/a.txt").await, "a");
    ground.file("public/new/b.txt", "b");
    // There is nothing to wait for but the file itself.
    let found = async { while !host.get("/new/b.txt").await.0.starts_with("HTTP/1.1 200 ") {} };
    tokio::time::timeout(nova_tests::PATIENCE, found).await.unwrap();
    assert_eq!(host.body("/new/b.txt").await, "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_finish() {
    let ground = Ground::new();
    let mut host = ground.start(&["--routes", "lib.so", "--no-access-log"]).await;
    // The head of an upload: the handler runs, and waits for the body.
    let mut upload = host.connect().await;
    upload
        .write_all(b"POST /length HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        .await
        .unwrap();
    let mut continued = [0; 25];
    upload.read_exact(&mut continued).await.unwrap();
    assert_eq!(&continued, b"HTTP/1.1 100 Continue\r\n\r\n");

    host.process.signal(Signal::TERM);
    host.process.line("stopping").await;
    let status = host.status().await;
    assert!(status.stopping && !status.ready);
    let error = host.swap(&ground.path("lib.so"), true).await.unwrap_err();
    assert_eq!(error.to_string(), "the host is stopping");

    upload.write_all(b"body").await.unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\n4"), "{answer}");
    assert!(host.process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once() {
    let ground = Ground::new();
    let mut host = ground.start(&["--routes", "lib.so", "--stream-grace", "1h"]).await;
    let mut stream = host.connect().await;
    stream.write_all(b"GET /forever HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 64]).await.unwrap();
    host.process.signal(Signal::TERM);
    host.process.line("stopping").await;
    host.process.signal(Signal::INT);
    assert_eq!(host.process.ended().await.code(), Some(128 + 2));
    assert!(!ground.path("admin.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grace_period_ends() {
    let ground = Ground::new();
    let mut host = ground.start(&["--routes", "lib.so", "--grace", "100ms"]).await;
    let mut stream = host.connect().await;
    stream.write_all(b"GET /forever HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 64]).await.unwrap();
    host.process.signal(Signal::TERM);
    host.process.line("1 connections were cut").await;
    assert!(host.process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ready_line_is_all_that_standard_output_says() {
    let ground = Ground::new();
    let mut command = ground.command(&["--routes", "lib.so"]).await;
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.push(stdout.read_u8().await.unwrap());
    }
    let line = String::from_utf8(line).unwrap();
    let port = line.strip_prefix("listening on http://127.0.0.1:").unwrap();
    assert!(port.trim_end().parse::<u16>().is_ok(), "{line:?}");

    let pid = rustix::process::Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "");
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_outlives_the_readers_of_its_output() {
    let ground = Ground::new();
    let mut command = ground.command(&["--routes", "lib.so", "--log", "debug"]).await;
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    drop(child.stderr.take());
    let mut line = [0; 64];
    let length = stdout.read(&mut line).await.unwrap();
    let line = std::str::from_utf8(&line[..length]).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap();
    drop(stdout);
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = "GET /log HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("logged"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_dev_server_is_in_production() {
    let ground = Ground::new();
    let host = ground.start(&["--routes", "lib.so"]).await;
    for path in ["", "/", "/client.js", "/events", "/style.css", "/open?file=pages/index.rs"] {
        let (head, body) = host.get(&format!("/__nova{path}")).await;
        assert!(head.starts_with("HTTP/1.1 404 "), "{path}: {head}");
        assert!(!body.contains("client.js"), "{path}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_as_json() {
    let ground = Ground::new();
    let mut host = ground.start(&["--routes", "lib.so", "--log-format", "json"]).await;
    host.body("/log").await;
    let line = host.process.line("a page logs").await;
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["level"], &event["target"]), (&"info".into(), &"app".into()));
    let line = host.process.line("\"access\"").await;
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["path"], "/log");
    assert_eq!(event["status"], 200);
    assert_eq!(event["generation"], 1);
    assert_eq!(event["complete"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_cannot_start_with() {
    let ground = Ground::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let running = ground.start(&["--routes", "lib.so"]).await;
    let socket = ground.path("admin.sock").display().to_string();
    for (args, code, expected) in [
        (&["--routes", "lib.so", "--port", &port][..], 1, "the port is in use by another program"),
        (&["--routes", "lib.so", "--host", "no such host"], 1, "cannot listen on \"no such host\""),
        (&["--routes", "nowhere.so"], 78, "nowhere.so: no such file"),
        (&["--routes", "lib.so"], 1, "another host answers on this admin socket"),
    ] {
        // The last of two ports counts, as it does for people.
        let state = ground.path("state-of-another");
        let mut command = ground.command(&[]).await;
        let output = command.args(args).arg("--state").arg(state).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
        assert_eq!(output.stdout, b"", "{args:?}");
    }
    assert_eq!(running.body("/text").await, "hello", "{socket} is still the first host's");
}
