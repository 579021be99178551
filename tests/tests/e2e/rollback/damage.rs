//! A state folder whose files are damaged: the host starts, says what is wrong, and serves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nova_host::library::loader::BuildId;
use nova_tests::fixtures::{library, stamped};

use super::ground::Ground;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Nothing, half of it, and garbage of the same length that begins as the file does.
fn damages(bytes: &[u8]) -> [Vec<u8>; 3] {
    let head = bytes.len().min(4096) / 2;
    let garbage = bytes.iter().enumerate().map(|(at, byte)| if at < head { *byte } else { 0xcc });
    [Vec::new(), bytes[..bytes.len() / 2].to_vec(), garbage.collect()]
}

/// In place, as a disk does it: what is hard-linked to it is damaged, too.
fn write(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(path, bytes).unwrap();
}

/// As it was, with the hard links in it.
fn restore(whole: &Path, state: &Path) {
    let _ = fs::remove_dir_all(state);
    let status = Command::new("cp").arg("-a").args([whole, state]).status().unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_whose_files_are_damaged_is_survived() {
    let ground = Ground::new();
    let good = library("good");
    let b = stamped(&good, "2");
    let [first, second] = [&good, &b].map(|library| BuildId::of(library).as_str().to_owned());
    let args = ["--routes", "app.so"];
    ground.library("app.so", &good);
    let build = ground.release(&b, "2");
    let mut host = ground.start(&args).await;
    host.kept().await;
    host.swap(&build, false).await.unwrap();
    assert!(host.process.stop().await.success());
    // The release is nowhere but in the state folder.
    fs::remove_dir_all(&build).unwrap();
    fs::rename(ground.path("state"), ground.path("whole")).unwrap();
    let whole = ground.path("whole");
    for file in files(&whole) {
        let name = file.strip_prefix(&whole).unwrap().to_owned();
        for (kind, damaged) in damages(&fs::read(&file).unwrap()).into_iter().enumerate() {
            restore(&whole, &ground.path("state"));
            write(&ground.path("state").join(&name), &damaged);
            let mut host = ground.start(&args).await;
            let serves = host.text("/build").await;
            let (case, text) = (format!("{} {kind}", name.display()), name.to_string_lossy());
            println!("{case}: serves {}", if serves == second { 2 } else { 1 });
            if text == "releases.json" {
                // It does not remember that something was swapped in.
                assert_eq!(serves, first, "{case}");
            } else if text.ends_with(".so") && text.contains(&second) {
                host.process.said("is lost").await;
                assert_eq!(serves, first, "{case}");
                let error = host.back().await.unwrap_err().to_string();
                assert!(error.contains("build: no such file"), "{case}: {error}");
            } else {
                assert_eq!(serves, second, "{case}");
                host.back().await.unwrap();
                assert_eq!(host.text("/build").await, first, "{case}");
            }
            assert!(host.process.stop().await.success());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_release_that_is_lost_the_one_before_serves() {
    let ground = Ground::new();
    let good = library("good");
    let args = ["--routes", "app.so"];
    ground.library("app.so", &good);
    let mut host = ground.start(&args).await;
    let [b, c] = ["b", "c"].map(|stamp| stamped(&good, stamp));
    host.swap(&ground.library("b.so", &b), false).await.unwrap();
    host.swap(&ground.library("c.so", &c), false).await.unwrap();
    assert!(host.process.stop().await.success());
    fs::remove_file(ground.path("c.so")).unwrap();
    let id = BuildId::of(&c);
    for file in files(&ground.path("state")) {
        if file.to_string_lossy().contains(id.as_str()) && file.extension().is_some() {
            let length = fs::read(&file).unwrap().len();
            fs::remove_file(&file).unwrap();
            fs::write(&file, vec![0xcc; length]).unwrap();
        }
    }
    let host = ground.start(&args).await;
    let line = host.process.said("is lost").await;
    assert!(line.contains(id.short()), "{line}");
    assert_eq!(host.text("/build").await, BuildId::of(&b).as_str());
}
