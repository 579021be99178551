//! A host that is the first process of a container.

use nova_tests::PATIENCE;
use nova_tests::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::time::timeout;

use super::ground::{Ground, Host};

/// The host as the first process of a namespace; `None` where that is not allowed.
async fn first_process(ground: &Ground, more: &[&str]) -> Option<Host> {
    let flags = ["-rpf", "--mount-proc"];
    let allowed = Command::new("unshare").args(flags).arg("true").output().await;
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("not tried: a process namespace is not allowed here");
        return None;
    }
    let host = ground.command(more).await;
    let mut command = Command::new("unshare");
    command.args(flags).arg(host.as_std().get_program()).args(host.as_std().get_args());
    command.current_dir(ground.path(".")).env_clear().env("PATH", std::env::var_os("PATH")?);
    let mut process = Process::spawn(command);
    let url = process.url().await;
    let address = url.strip_prefix("http://")?.parse().unwrap();
    Some(Host { process, url, address })
}

#[tokio::test(flavor = "multi_thread")]
async fn children_of_those_that_have_ended_are_forgotten() {
    let ground = Ground::of("edge");
    for more in [&[][..], &["--workers", "1"]] {
        let Some(mut host) = first_process(&ground, more).await else { return };
        for _ in 0..5 {
            assert_eq!(host.get("/orphan", "").await.text(), "orphaned");
        }
        let forgotten = async { while host.get("/zombies", "").await.text() != "0" {} };
        timeout(PATIENCE, forgotten).await.expect("they are forgotten");
        // A signal is passed on, and so is the code.
        let unshare = host.process.id();
        let children = format!("/proc/{unshare}/task/{unshare}/children");
        let first = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(first).unwrap(), Signal::TERM).unwrap();
        assert_eq!(host.process.ended().await.code(), Some(0), "{more:?}\n{}", host.process);
    }
}
