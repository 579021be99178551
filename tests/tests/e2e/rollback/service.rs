//! What a service manager sees: exit codes, notifications, its sockets and folders; and what an
//! operator reads.

use std::fs;

use nova_tests::client::fresh;
use nova_tests::fixtures::library;
use nova_tests::process::Process;
use nova_tests::workspace::binary;
use rustix::process::Signal;
use tokio::process::Command;

use super::ground::Ground;
use super::recycle::renewed;

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_library_has_an_exit_code_of_its_own() {
    let ground = Ground::new();
    ground.library("lib.so", b"no library");
    ground.library("init.so", &library("init-error"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (args, code) in [
        (&["--routes", "lib.so"][..], 78),
        (&["--routes", "nowhere.so"], 78),
        // The next start may meet a database that is there.
        (&["--routes", "init.so"], 1),
        (&["--routes", "init.so", "--port", &port], 1),
        (&["--routes"], 2),
    ] {
        let output = ground.command(args).await.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    }
}

/// A service manager's end: what the host tells it.
struct Manager(std::os::unix::net::UnixDatagram);

impl Manager {
    fn hears(&self) -> String {
        let mut bytes = [0; 512];
        let length = self.0.recv(&mut bytes).expect("it is told within the limit");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_is_told_and_its_state_folder_is_used() {
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    let socket = std::os::unix::net::UnixDatagram::bind(ground.path("notify")).unwrap();
    socket.set_read_timeout(Some(nova_tests::PATIENCE)).unwrap();
    let manager = Manager(socket);
    let mut command = Command::new(binary("nova-host").await);
    command.args(["--port", "0", "--no-admin", "--routes", "lib.so"]);
    command.current_dir(ground.0.path()).env_clear();
    command.env("NOTIFY_SOCKET", ground.path("notify"));
    command.env("STATE_DIRECTORY", ground.path("var"));
    let mut process = Process::spawn(command);
    process.url().await;
    assert!(manager.hears().starts_with("READY=1"));
    process.signal(Signal::HUP);
    assert!(manager.hears().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert!(manager.hears().starts_with("READY=1"));
    process.signal(Signal::USR2);
    // The stand-in is not the service; the renewed process is.
    assert!(manager.hears().starts_with("READY=1"));
    process.signal(Signal::TERM);
    assert!(manager.hears().starts_with("STOPPING=1"));
    assert!(process.read_to_end().await.success());
    assert!(ground.path("var/releases.json").is_file());
}

/// Starts its arguments with the socket that is its standard input as the one that a service
/// manager passes: descriptor 3, and the process id in `LISTEN_PID`.
const ACTIVATE: &str = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_of_a_service_manager_is_used() {
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // Before there is a host: the manager accepts for it.
    let early = std::net::TcpStream::connect(address).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", ACTIVATE, "sh"]).arg(binary("nova-host").await);
    command.args(["--no-admin", "--routes", "lib.so", "--state", "state"]);
    command.current_dir(ground.0.path()).env_clear();
    let mut process = Process::spawn_with(command, std::os::fd::OwnedFd::from(socket));
    assert_eq!(process.url().await, format!("http://{address}"));
    assert_eq!(fresh(address, "/text").await.unwrap(), "hello");
    process.signal(Signal::USR2);
    process.line("stands in").await;
    process.line("stopped").await;
    process.line("stopped").await;
    assert_eq!(fresh(address, "/text").await.unwrap(), "hello");
    drop(early);
    assert!(process.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_has_one_host_and_loses_what_is_not_kept() {
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    host.kept().await;
    // Without a socket that would be taken, too.
    let mut command = Command::new(binary("nova-host").await);
    command.args(["--port", "0", "--no-admin", "--routes", "lib.so", "--state", "state"]);
    command.current_dir(ground.0.path());
    let refused = command.output().await.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("another host keeps its state here"), "{said}");

    // A renewed host has it still, and after a stop the next one may have it.
    host.process.signal(Signal::USR2);
    renewed(&mut host).await;
    assert!(host.process.stop().await.success());
    let left = ground.path("state/libraries/libnova_routes-0123456789abcdef0123456789abcdef.so");
    let own = ground.path("state/libraries/libnova_routes-of-ours.txt");
    for file in [&left, &own] {
        fs::write(file, "left behind").unwrap();
    }
    let host = ground.start(&["--routes", "lib.so"]).await;
    let swept = async {
        while left.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(nova_tests::PATIENCE, swept).await.expect("it is removed");
    assert!(own.exists(), "what has another name is not ours");
    assert!(!host.text("/").await.is_empty());
    let libraries = fs::read_dir(ground.path("state/libraries")).unwrap().count();
    assert_eq!(libraries, 2, "the library that serves stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_counts_each_route_and_tells_the_budgets() {
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    let host = ground.start(&["--routes", "lib.so", "--memory-budget", "4G"]).await;
    for path in ["/", "/", "/no/such/page"] {
        let _ = fresh(host.address, path).await;
    }
    let status = host.status().await;
    let route = |name: &str| status.routes.iter().find(|route| route.route == name).unwrap();
    assert_eq!((route("/").requests, route("/").client_errors), (2, 0));
    assert_eq!((route("unmatched").requests, route("unmatched").client_errors), (1, 1));
    assert_eq!(route("/").times.last().unwrap().count, 2);
    assert_eq!(status.budget.memory, Some(4 << 30));
    assert!(status.budget.mappings.is_some());
}
