//! The same build comes back: with statics of its own, and with its assets.

use std::fs;
use std::path::Path;

use nova_tests::fixtures::{library, stamped};
use rustix::process::Signal;
use tokio::process::Command;

use super::ground::{Ground, Host};
use super::recycle::renewed;

/// The window is the time that a generation stands by.
const ARGS: [&str; 4] = ["--routes", "build", "--rollback-window", "1"];

async fn comes_back(ground: &Ground, host: &Host) {
    let first = host.text("/build").await;
    let next = ground.library("next.so", &stamped(&library("once"), "2"));
    assert_eq!(host.swap(&next, false).await.unwrap(), 2);
    host.retired(1).await;
    // Its logger was installed in this process already.
    assert_eq!(host.back().await.unwrap(), 3);
    assert_eq!(host.text("/build").await, first);
    assert_eq!(host.text("/logged").await, "1", "nothing is left of what the first one counted");
    assert_eq!(host.swap(&next, true).await.unwrap(), 4);
    assert_eq!(host.text("/logged").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_installs_what_can_be_installed_once_comes_back() {
    let ground = Ground::new();
    ground.release(&library("once"), "1");
    let mut host = ground.start(&ARGS).await;
    comes_back(&ground, &host).await;
    assert!(host.process.stop().await.success());
    let host = ground.start_without_state(&ARGS).await;
    comes_back(&ground, &host).await;
}

/// Says in a release's manifest that no two of its apps may be alive at once.
fn hand_over(build: &Path) {
    let path = build.join("manifest.json");
    let manifest = fs::read_to_string(&path).unwrap();
    let manifest = manifest.replacen('{', "{\"swap\": {\"mode\": \"handover\"}, ", 1);
    fs::write(path, manifest).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_has_ended_for_one_that_does_not_start_is_started_again() {
    let ground = Ground::new();
    let once = library("once");
    hand_over(&ground.release(&once, "1"));
    let args = [&ARGS[..], &["--no-preflight"]].concat();
    let host = ground.start(&args).await;
    let build = host.text("/build").await;
    let error = host.swap(&ground.library("error.so", &library("init-error")), false).await;
    assert!(error.unwrap_err().to_string().contains("`init` of app.rs returned an error"));
    assert_eq!(host.text("/build").await, build);
    assert_eq!(host.text("/logged").await, "1", "its logger was installed anew");
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().flatten();
    names.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_that_alternate_leave_little() {
    let ground = Ground::new();
    ground.release(&library("once"), "1");
    let args = [&ARGS[..], &["--no-rollback"]].concat();
    let host = ground.start(&args).await;
    let other = ground.library("next.so", &stamped(&library("once"), "2"));
    let before = host.status().await.process;
    for round in 0..25 {
        assert_eq!(host.swap(&other, false).await.unwrap(), 2 + round * 2);
        assert_eq!(host.text("/logged").await, "1");
        assert_eq!(host.swap(&ground.path("build"), false).await.unwrap(), 3 + round * 2);
        assert_eq!(host.text("/logged").await, "1");
    }
    let status = host.status().await;
    assert_eq!(status.loads, 51);
    let after = status.process;
    println!("{before:?} -> {after:?}");
    let grown = after.mappings.unwrap() - before.mappings.unwrap();
    assert!(grown < 51 * 7, "{grown} mappings");
    let grown = after.anonymous_bytes.unwrap().saturating_sub(before.anonymous_bytes.unwrap());
    assert!(grown < 51 * 512 * 1024, "{grown} bytes");
    let libraries = names(&ground.path("state/libraries"));
    assert_eq!(libraries.len(), 2, "{libraries:?}");
    // A debugger finds each of them by the name of a file that is there.
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-q", "-batch", "-iex", "set debuginfod enabled off", "-p"]);
    gdb.arg(host.process.id().to_string()).args(["-ex", "info sharedlibrary"]);
    let said = String::from_utf8(gdb.output().await.unwrap().stdout).unwrap();
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("libnova_routes")).collect();
    assert_eq!(ours.len(), 51, "{said}");
    for line in ours {
        let path = line.split_whitespace().last().unwrap();
        assert!(Path::new(path).is_file() && line.contains(" Yes "), "{line}");
    }
    // What is mapped is the copy but for what the library writes to.
    let maps = fs::read_to_string(format!("/proc/{}/maps", host.process.id())).unwrap();
    let executable =
        maps.lines().filter(|line| line.contains(" r-xp ") && line.contains("libnova"));
    for line in executable {
        assert!(!line.contains("(deleted)"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_state_folder_a_late_rollback_has_its_assets() {
    let ground = Ground::new();
    let good = library("good");
    ground.release(&good, "1");
    let mut host = ground.start_without_state(&ARGS).await;
    host.kept().await;
    let page = host.text("/").await;
    assert!(page.contains("/_nova/style-1.css"), "{page}");
    // The folder is overwritten: nothing of the first release is left in it.
    let build = ground.release(&stamped(&good, "2"), "2");
    host.swap(&build, false).await.unwrap();
    host.retired(1).await;
    assert_eq!(host.back().await.unwrap(), 3);
    let all = [
        ("/_nova/style-1.css", "/* 1 */"),
        ("/_nova/style-2.css", "/* 2 */"),
        ("/file-1.txt", "1"),
        ("/file-2.txt", "2"),
    ];
    assert_eq!(host.text("/").await, page);
    for (path, text) in all {
        assert_eq!(host.text(path).await, text, "{path}");
    }

    // The next process of the same host has all of it.
    let pid = host.process.id();
    host.process.signal(Signal::USR2);
    renewed(&mut host).await;
    assert_eq!(host.status().await.pid, pid);
    assert_eq!(host.text("/").await, page);
    for (path, text) in all {
        assert_eq!(host.text(path).await, text, "{path}");
    }
    let kept =
        ground.path("tmp").join(format!("nova-{}/kept", rustix::process::geteuid().as_raw()));
    assert_eq!(names(&kept).len(), 1);
    assert!(host.process.stop().await.success());
    assert_eq!(names(&kept), Vec::<String>::new(), "it goes with the host");

    // One that was killed leaves it to the next host.
    let host = ground.start_without_state(&ARGS).await;
    host.kept().await;
    let left = names(&kept);
    host.kill().await;
    assert_eq!(names(&kept), left);
    let host = ground.start_without_state(&ARGS).await;
    host.kept().await;
    let removed = async {
        while names(&kept).contains(&left[0]) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(nova_tests::PATIENCE, removed).await.unwrap();
}
