//! Back to the release before: by itself, by command, and after a restart.

use std::fs;
use std::time::Duration;

use nova_host::library::loader::BuildId;
use nova_host::swap::GenerationState;
use nova_tests::client::fresh;
use nova_tests::fixtures::{library, stamped};
use nova_tests::process::run;
use nova_tests::workspace::binary;
use rustix::process::Signal;

use super::ground::{Ground, Host, Load, locked};

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_panics_is_gone_within_a_second_and_stays_gone() {
    let ground = Ground::new();
    let good = library("good");
    let flaky = library("flaky");
    ground.library("lib.so", &good);
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    let build = host.text("/build").await;

    let load = Load::start(host.address, 4);
    load.more(100).await;
    ground.library("lib.so", &flaky);
    assert_eq!(host.swap(&ground.path("lib.so"), false).await.unwrap(), 2);
    let line = host.process.line("is left and refused").await;
    assert!(line.contains("requests failed") && line.contains("panics"), "{line}");
    assert!(line.contains("serves again as generation 1"), "it still stood by: {line}");
    // Requests that were inside have been answered; from here on none fails.
    load.more(50).await;
    let failed = load.failed();
    load.more(1_000).await;
    let answers = load.answers();
    let seen = load.end().await;
    let times = locked(&seen.failed).clone();
    let took = times[times.len() - 1] - times[0];
    println!("{failed} of {answers} requests failed, all of them within {took:?}: {line}");
    assert_eq!(times.len(), failed, "a request failed after the rollback");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(*locked(&seen.broken), Vec::<String>::new());
    assert_eq!(host.text("/build").await, build);

    let status = host.status().await;
    let back = status.last_rollback.unwrap();
    assert!(back.automatic && back.reason.contains("panics"), "{back:?}");
    assert_eq!(back.to, build);
    assert_eq!(status.rollbacks, 1);
    let refused = status.releases.iter().find(|release| release.refused.is_some()).unwrap();
    assert_eq!(refused.build_id, BuildId::of(&flaky).as_str());

    // It stays refused, by command and by signal…
    let error = host.swap(&ground.path("lib.so"), false).await.unwrap_err().to_string();
    assert!(error.contains("was refused") && error.contains("--force"), "{error}");
    host.process.signal(Signal::HUP);
    host.process.line("was refused").await;
    assert_eq!(host.text("/build").await, build);
    assert!(host.process.stop().await.success());

    // …and in the next process, which finds it at the path that it is told.
    let host = ground.start(&["--routes", "lib.so"]).await;
    let line = host.process.said("was refused").await;
    assert!(line.contains("requests failed"), "{line}");
    assert_eq!(host.text("/build").await, build);

    // Somebody insists.
    host.swap(&ground.path("lib.so"), true).await.unwrap();
    let status = host.status().await;
    assert!(status.releases.iter().all(|release| release.refused.is_none()), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rollback_a_failing_release_serves_on() {
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    let host = ground.start(&["--routes", "lib.so", "--no-rollback"]).await;
    let flaky = ground.library("flaky.so", &library("flaky"));
    host.swap(&flaky, false).await.unwrap();
    let load = Load::start(host.address, 2);
    load.more(300).await;
    let seen = load.end().await;
    assert!(locked(&seen.failed).len() >= 90);
    let status = host.status().await;
    assert_eq!(status.rollbacks, 0);
    // By command it goes back all the same, to a generation that is started anew.
    assert_eq!(host.back().await.unwrap(), 3);
    assert_eq!(host.text("/build").await, BuildId::of(&library("good")).as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_outlive_a_swap_a_rollback_and_a_restart() {
    let ground = Ground::new();
    let good = library("good");
    let args = ["--routes", "build"];
    ground.release(&good, "1");
    let mut host = ground.start(&args).await;
    host.kept().await;
    let page = host.text("/").await;
    assert!(page.contains("/_nova/style-1.css"), "{page}");

    // The folder is overwritten: nothing of the first release is left in it.
    let build = ground.release(&stamped(&good, "2"), "2");
    host.swap(&build, false).await.unwrap();
    let all = [
        ("/_nova/style-1.css", "/* 1 */"),
        ("/_nova/style-2.css", "/* 2 */"),
        ("/file-1.txt", "1"),
        ("/file-2.txt", "2"),
    ];
    let assert_all = async |host: &Host, when: &str| {
        for (path, text) in all {
            let answer = fresh(host.address, path).await;
            assert_eq!(answer.unwrap_or_else(|error| panic!("{when}: {error}")), text, "{path}");
        }
    };
    assert!(host.text("/").await.contains("/_nova/style-2.css"));
    assert_all(&host, "after the swap").await;

    assert_eq!(host.back().await.unwrap(), 1);
    assert_eq!(host.text("/").await, page);
    assert_all(&host, "after the rollback").await;
    assert!(host.process.stop().await.success());

    // The second release lies at the path, and is refused; the first one exists as a copy only.
    let host = ground.start(&args).await;
    host.process.said("was refused: rolled back by `nova rollback`").await;
    assert_eq!(host.text("/").await, page);
    host.kept().await;
    let wait = async {
        // The folders of other releases are read after the start.
        while fresh(host.address, "/file-2.txt").await.is_err() {}
    };
    tokio::time::timeout(nova_tests::PATIENCE, wait).await.unwrap();
    assert_all(&host, "after the restart").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn back_by_command() {
    let ground = Ground::new();
    let good = library("good");
    ground.library("lib.so", &good);
    let host = ground.start(&["--routes", "lib.so"]).await;
    let nova = binary("nova").await;
    let admin = ground.path("admin.sock").display().to_string();
    let rollback = async |args: &[&str]| {
        let args = ["rollback", "--admin", &admin].into_iter().chain(args.iter().copied());
        let (status, said) = run(&nova, args).await;
        (status.success(), said)
    };
    let (done, said) = rollback(&[]).await;
    assert!(!done && said.contains("none but the one that serves is kept"), "{said}");

    let first = host.text("/build").await;
    for stamp in ["2", "3"] {
        let next = ground.library("next.so", &stamped(&good, stamp));
        host.swap(&next, false).await.unwrap();
    }
    let third = host.text("/build").await;
    let (done, said) = rollback(&["--to", "no-such-build"]).await;
    assert!(!done && said.contains("begins with `no-such-build`"), "{said}");

    // Not the one before, but the one that is named.
    let (done, said) = rollback(&["--to", &first[..10]]).await;
    assert!(done && said.contains(&first[..12]), "{said}");
    assert_eq!(host.text("/build").await, first);
    let (done, said) = rollback(&["--to", &third]).await;
    assert!(!done && said.contains("was refused: rolled back by `nova rollback`"), "{said}");
    let (done, said) = rollback(&["--to", &first]).await;
    assert!(!done && said.contains("serves already"), "{said}");

    let (_, said) = run(&nova, ["status", "--admin", &admin]).await;
    assert!(
        said.contains("1 rollback ") && said.contains("rolled back by `nova rollback`"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_goes_over_and_back() {
    let ground = Ground::new();
    let stateful = library("stateful");
    ground.library("lib.so", &stateful);
    let host = ground.start(&["--routes", "lib.so"]).await;
    assert_eq!(host.text("/").await, "1");
    host.swap(&ground.library("next.so", &stamped(&stateful, "2")), false).await.unwrap();
    assert_eq!(host.text("/").await, "2");
    assert_eq!(host.status().await.generations[0].state, GenerationState::Retired);
    assert_eq!(host.back().await.unwrap(), 3);
    assert_eq!(host.text("/").await, "3", "what was counted meanwhile is not lost");
    let states: Vec<_> =
        host.status().await.generations.iter().map(|generation| generation.state).collect();
    assert_eq!(states[2], GenerationState::Live);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_state_file_is_put_aside() {
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    fs::create_dir(ground.path("state")).unwrap();
    fs::write(ground.path("state/releases.json"), "{\"version\": 1, \"releases\": [").unwrap();
    let host = ground.start(&["--routes", "lib.so"]).await;
    let line = host.process.said("the memory of releases is damaged").await;
    assert!(line.contains("releases.json.bad-"), "{line}");
    host.kept().await;
    let names = fs::read_dir(ground.path("state")).unwrap().flatten();
    let names: Vec<_> = names.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("releases.json.bad-")), "{names:?}");
    assert!(names.iter().any(|name| name == "releases.json"), "{names:?}");
}
