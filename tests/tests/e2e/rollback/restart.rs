//! What a restart serves.

use nova_host::library::loader::BuildId;
use nova_tests::fixtures::{library, stamped};
use nova_tests::process::run;
use nova_tests::workspace::binary;
use rustix::process::Signal;

use super::ground::Ground;

fn id(library: &[u8]) -> String {
    BuildId::of(library).as_str().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_swapped_in_is_served_again_until_there_is_another_deployment() {
    let ground = Ground::new();
    let a = library("good");
    let [b, c] = ["b", "c"].map(|stamp| stamped(&a, stamp));
    let args = ["--routes", "app.so"];
    ground.library("app.so", &a);
    let other = ground.library("other.so", &b);
    let host = ground.start(&args).await;
    let nova = binary("nova").await;
    let admin = ground.path("admin.sock").display().to_string();
    let other_path = other.display().to_string();
    let (status, said) = run(&nova, ["swap", "--admin", &admin, &other_path]).await;
    assert!(status.success(), "{said}");
    assert!(said.contains("a restart serves it, too, until"), "{said}");
    host.kill().await;

    let mut host = ground.start(&args).await;
    let line = host.process.said("was swapped in").await;
    assert!(line.contains("app.so: still holds build"), "{line}");
    assert_eq!(host.text("/build").await, id(&b));
    // Nor is it news for a signal, such as one that says that there is another certificate.
    host.process.signal(Signal::HUP);
    host.process.line("app.so: unchanged since build").await;
    assert_eq!(host.text("/build").await, id(&b));
    // What is deployed at the path counts, from the next start on.
    ground.library("app.so", &c);
    host.kill().await;
    let host = ground.start(&args).await;
    assert_eq!(host.text("/build").await, id(&c));

    // A canary that was not promoted is not served; a rollback is remembered.
    host.canary(&other, 0.5, 600.0).await.unwrap();
    host.kill().await;
    let host = ground.start(&args).await;
    assert_eq!(host.text("/build").await, id(&c));
    assert_eq!(host.swap(&ground.library("lib-a.so", &a), false).await.unwrap(), 2);
    host.back().await.unwrap();
    host.kill().await;
    let host = ground.start(&args).await;
    assert_eq!(host.text("/build").await, id(&c));

    // The way back from what is deployed: it is refused, and what served before goes on.
    ground.library("app.so", &b);
    host.swap(&ground.path("app.so"), false).await.unwrap();
    host.back().await.unwrap();
    host.kill().await;
    let host = ground.start(&args).await;
    host.process.said("was refused").await;
    assert_eq!(host.text("/build").await, id(&c));

    // A deployment that is cut short does not end what serves.
    ground.library("app.so", &a[..a.len() / 2]);
    host.kill().await;
    let host = ground.start(&args).await;
    host.process.said("which served before, starts instead").await;
    assert_eq!(host.text("/build").await, id(&c));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_state_folder_a_swap_says_that_a_restart_forgets_it() {
    let ground = Ground::new();
    let good = library("good");
    ground.library("app.so", &good);
    let mut host = ground.start_without_state(&["--routes", "app.so"]).await;
    let other = ground.library("other.so", &stamped(&good, "b"));
    host.swap(&other, false).await.unwrap();
    let line = host.process.line("a restart serves what").await;
    assert!(line.contains("app.so holds") && line.contains("--state"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_in_a_swap_serves_one_release_or_the_other() {
    let ground = Ground::new();
    let a = library("good");
    let b = stamped(&a, "b");
    let args = ["--routes", "app.so"];
    ground.library("app.so", &a);
    let other = ground.library("other.so", &b);
    for round in 0..20_u32 {
        let _ = std::fs::remove_dir_all(ground.path("state"));
        let host = ground.start(&args).await;
        host.kept().await;
        // Later in each round: from before the preflight to after the answer.
        let until = tokio::time::Instant::now() + std::time::Duration::from_millis(8) * round;
        let swapped = tokio::time::timeout_at(until, host.swap(&other, false)).await;
        let answered = matches!(swapped, Ok(Ok(_)));
        host.kill().await;
        let host = ground.start(&args).await;
        let serves = host.text("/build").await;
        println!("round {round}: answered {answered}, serves {}", serves == id(&b));
        assert!(serves == id(&b) || (serves == id(&a) && !answered), "round {round}");
        host.kill().await;
    }
}
