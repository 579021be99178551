use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Notify;

use super::*;

/// Does nothing but remember what it was asked.
#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<SwapRequest>>,
    refuse: bool,
    /// Where a swap waits, if it does.
    gate: Option<Arc<Notify>>,
    begun: Notify,
    done: Notify,
}

impl Control for Fake {
    async fn status(&self) -> Status {
        Status {
            version: "0.1.0".to_owned(),
            abi: 1,
            pid: 1,
            url: "http://127.0.0.1:2518".to_owned(),
            ready: true,
            stopping: false,
            uptime_seconds: 1.5,
            generations: Vec::new(),
            loads: 7,
            published: 6,
            refused: 0,
            last_refusal: None,
            connections: 0,
            rollbacks: 0,
            last_rollback: None,
            releases: Vec::new(),
            canary: None,
            waits: WaitStatus::default(),
            process: Footprint::default(),
            budget: Budget::default(),
            routes: Vec::new(),
            workers: Vec::new(),
            held: Vec::new(),
            holds: 0,
        }
    }

    async fn swap(&self, request: SwapRequest) -> Result<SwapResponse, SwapFailure> {
        self.asked.lock().unwrap().push(request.clone());
        self.begun.notify_one();
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        self.done.notify_one();
        if self.refuse {
            return Err(SwapFailure {
                reason: Reason::Refused,
                message: "build: init failed: no database".to_owned(),
                swapped: Vec::new(),
            });
        }
        let swapped = request.paths.into_iter().map(|source| Swap {
            source,
            generation: 2,
            build_id: "ab".to_owned(),
            replaced: Some(1),
            routes: 3,
            unwell: Vec::new(),
            warnings: Vec::new(),
            after_restart: None,
            preflight_us: 4,
            load_us: 5,
            init_us: 6,
            total_us: 7,
            mode: Default::default(),
            held: None,
            state_lost: None,
        });
        Ok(SwapResponse { swapped: swapped.collect() })
    }

    async fn rollback(&self, request: RollbackRequest) -> Result<RollbackResponse, SwapFailure> {
        match request.to {
            Some(to) => Err(SwapFailure {
                reason: Reason::Refused,
                message: format!("no kept release is {to}"),
                swapped: Vec::new(),
            }),
            None => Ok(RollbackResponse {
                refused: "ab".to_owned(),
                serving: Swap {
                    source: "/srv/build".into(),
                    generation: 1,
                    build_id: "cd".to_owned(),
                    replaced: Some(2),
                    routes: 3,
                    unwell: Vec::new(),
                    warnings: Vec::new(),
                    after_restart: None,
                    preflight_us: 0,
                    load_us: 0,
                    init_us: 0,
                    total_us: 4,
                    mode: Default::default(),
                    held: None,
                    state_lost: None,
                },
            }),
        }
    }
}

struct Running {
    folder: TempDir,
    fake: Arc<Fake>,
    server: AdminServer,
}

impl Running {
    fn start(fake: Fake) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = AdminSocket::bind(&folder.path().join("admin.sock")).unwrap();
        let fake = Arc::new(fake);
        let server = socket.serve(Arc::clone(&fake));
        Self { folder, fake, server }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    fn client(&self) -> AdminClient {
        AdminClient::new(Some(self.path())).unwrap()
    }

    async fn raw(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(self.path()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

fn request(path: &str) -> SwapRequest {
    SwapRequest { paths: vec![path.into()], force: false, no_preflight: false }
}

#[tokio::test]
async fn status_and_swap() {
    let running = Running::start(Fake::default());
    let client = running.client();
    assert_eq!(client.status().await.unwrap(), running.fake.status().await);

    let report = client.swap(request("/srv/build")).await.unwrap();
    assert_eq!(report.swapped[0].source, Path::new("/srv/build"));
    assert_eq!(report.swapped[0].generation, 2);
}

#[tokio::test]
async fn a_rollback() {
    let running = Running::start(Fake::default());
    let client = running.client();
    let report = client.rollback(&RollbackRequest::default()).await.unwrap();
    assert_eq!((report.refused.as_str(), report.serving.replaced), ("ab", Some(2)));
    let to = RollbackRequest { to: Some("12".to_owned()) };
    let error = client.rollback(&to).await.unwrap_err();
    assert_eq!(error.to_string(), "no kept release is 12");
}

#[tokio::test]
async fn a_relative_path_is_the_clients() {
    let running = Running::start(Fake::default());
    let force = SwapRequest { force: true, ..request("build/lib.so") };
    running.client().swap(force).await.unwrap();
    let here = std::env::current_dir().unwrap();
    let asked = running.fake.asked.lock().unwrap();
    assert_eq!(
        *asked,
        [SwapRequest { paths: vec![here.join("build/lib.so")], force: true, no_preflight: false }]
    );
}

#[tokio::test]
async fn a_refusal_arrives_with_its_reason() {
    let running = Running::start(Fake { refuse: true, ..Fake::default() });
    let error = running.client().swap(request("/srv/build")).await.unwrap_err();
    assert_eq!(error.to_string(), "build: init failed: no database");
    assert!(matches!(error, AdminError::Swap(SwapFailure { reason: Reason::Refused, .. })));
}

#[tokio::test]
async fn a_swap_goes_on_without_its_client() {
    let gate = Arc::new(Notify::new());
    let running = Running::start(Fake { gate: Some(Arc::clone(&gate)), ..Fake::default() });
    let client = running.client();
    let swapping = tokio::spawn(async move { client.swap(request("/srv/build")).await });
    running.fake.begun.notified().await;
    swapping.abort();
    assert!(swapping.await.unwrap_err().is_cancelled());
    gate.notify_one();
    running.fake.done.notified().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_said() {
    let running = Running::start(Fake::default());
    for (request, status, text) in [
        ("GET /status HTTP/1.1", "200", "\"loads\": 7"),
        ("POST /status HTTP/1.1", "405", "allow: GET"),
        ("GET /swap HTTP/1.1", "405", "allow: POST"),
        ("GET / HTTP/1.1", "404", "GET /status"),
        ("GET /rollback HTTP/1.1", "405", "allow: POST"),
        ("POST /swap HTTP/1.1", "400", "invalid request to swap"),
        ("POST /rollback HTTP/1.1", "400", "invalid request to roll back"),
    ] {
        let answer =
            running.raw(&format!("{request}\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(answer.contains(text), "{request}: {answer}");
    }
    for body in [r#"{"paths":[]}"#, r#"{"paths":["relative"]}"#] {
        let answer = running
            .raw(&format!(
                "POST /swap HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("absolute path"), "{answer}");
    }
    assert!(running.fake.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn only_its_owner_reaches_the_socket() {
    let running = Running::start(Fake::default());
    let metadata = std::fs::symlink_metadata(running.path()).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn the_socket_goes_with_the_host() {
    let running = Running::start(Fake::default());
    let path = running.path();
    running.client().status().await.unwrap();
    drop(running.server);
    assert!(!path.exists());
    let client = AdminClient::new(Some(path.clone())).unwrap();
    let error = client.status().await.unwrap_err();
    assert!(matches!(error, AdminError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_socket_that_a_host_left_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let socket = AdminSocket::bind(&path).unwrap();
    assert_eq!(socket.path(), path);
    let error = AdminSocket::bind(&path).unwrap_err();
    assert!(matches!(error, BindError::Taken { .. }), "{error}");
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn nothing_but_a_socket_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "mine").unwrap();
    let error = AdminSocket::bind(&path).unwrap_err();
    assert!(matches!(error, BindError::NoSocket { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");

    let error = AdminSocket::bind(&folder.path().join("nowhere/admin.sock")).unwrap_err();
    assert!(error.to_string().contains("nowhere/admin.sock"), "{error}");
    let long = folder.path().join("x".repeat(120));
    assert!(matches!(AdminSocket::bind(&long), Err(BindError::Io { .. })));
}

#[tokio::test]
async fn the_socket_of_another_host_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let first = AdminSocket::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let second = AdminSocket::bind(&path).unwrap();
    drop(first);
    assert!(path.exists());
    drop(second);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_folder_of_our_own_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nova/host-1.sock");
    let socket = AdminSocket::bind_in_own_folder(&path).unwrap();
    let metadata = path.parent().unwrap().metadata().unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o700);
    assert_eq!(metadata.uid(), rustix::process::geteuid().as_raw());
    drop(socket);
    // A folder of another user, at the place of ours.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(path.parent().unwrap(), Some(12_345), None).unwrap();
        let error = AdminSocket::bind_in_own_folder(&path).unwrap_err();
        assert!(matches!(error, BindError::Foreign { owner: 12_345, .. }), "{error}");
    }
}
