//! Hosts to talk to, and how.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use nova_tests::fixtures::library;
use nova_tests::process::Process;
use nova_tests::workspace::binary;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

/// A library of the fixtures, and files beside it.
pub(crate) struct Ground(TempDir);

impl Ground {
    pub(crate) fn new() -> Self {
        Self::of("good")
    }

    pub(crate) fn of(name: &str) -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        fs::write(ground.path("lib.so"), library(name)).unwrap();
        ground
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let next = path.with_extension("next");
        fs::write(&next, content).unwrap();
        fs::rename(next, path).unwrap();
    }

    /// A certificate of its own for localhost, and the text of it.
    pub(crate) fn certificate(&self) -> String {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        self.file("key.pem", signing_key.serialize_pem().as_bytes());
        self.file("cert.pem", cert.pem().as_bytes());
        cert.pem()
    }

    pub(crate) async fn command(&self, args: &[&str]) -> Command {
        // A state folder has one host.
        static HOSTS: AtomicUsize = AtomicUsize::new(0);
        let state = format!("state-{}", HOSTS.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(binary("nova-host").await);
        command
            .args(["--routes", "lib.so", "--port", "0", "--no-admin", "--state"])
            .arg(self.path(&state))
            .args(args)
            .current_dir(self.0.path())
            .env_clear();
        command
    }

    pub(crate) async fn start(&self, args: &[&str]) -> Host {
        let mut process = Process::spawn(self.command(args).await);
        let url = process.url().await;
        let (_, address) = url.split_once("://").unwrap();
        Host { address: address.parse().unwrap(), url, process }
    }

    /// What a host that does not start says, and its exit code.
    pub(crate) async fn refusal(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.command(args).await.output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

pub(crate) struct Host {
    pub(crate) process: Process,
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
}

impl Host {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The whole answer to a GET with further header lines.
    pub(crate) async fn get(&self, path: &str, headers: &str) -> Answer {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}connection: close\r\n\r\n");
        self.raw(request.as_bytes()).await
    }

    pub(crate) async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        Answer::read(&mut stream).await
    }
}

/// An answer, read to the end of its connection.
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut body = bytes[end + 4..].to_vec();
        if head.contains("transfer-encoding: chunked") {
            body = dechunked(&body);
        }
        Self { head, body }
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|end| end == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}
