//! Hosts that listen on the path of a Unix socket.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nova_tests::process::Process;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use super::ground::{Answer, Ground};

async fn get(path: &Path, target: &str, headers: &str) -> Answer {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: a\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    Answer::read(&mut stream).await
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_listened_on_and_its_file_goes_with_the_host() {
    let ground = Ground::of("edge");
    let path = ground.path("web.sock");
    let host = format!("unix:{}", path.display());
    let start = async |more: &[&str]| {
        let mut process =
            Process::spawn(ground.command(&[&["--host", &host], more].concat()).await);
        assert_eq!(process.url().await, host);
        process
    };
    // What a host that was killed has left is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    for more in [&[][..], &["--workers", "2"]] {
        let mut process =
            start(&[&["--log-format", "json", "--socket-mode", "600"], more].concat()).await;
        assert_eq!(mode(&path), 0o600, "{more:?}");
        assert!(get(&path, "/text", "").await.text().starts_with("the same line"));
        assert!(process.line("\"access\"").await.contains("\"client\":null"));
        // Who has no address is not asked for it, and what is said of it is not believed.
        let unknown = get(&path, "/client", "x-forwarded-for: 192.0.2.7\r\n").await;
        assert_ne!(unknown.status(), 200);

        let (code, said) = ground.refusal(&["--host", &host]).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("another process answers there; choose another path"), "{said}");
        let probe = ground.command(&["--host", &host, "--probe"]).await.status().await.unwrap();
        assert!(probe.success());

        process.signal(Signal::TERM);
        assert!(process.ended().await.success(), "{process}");
        assert!(!path.exists(), "{more:?}");
    }
    let mut process = start(&["--trusted-proxy", "unix:"]).await;
    assert_eq!(mode(&path), 0o660);
    let client = get(&path, "/client", "x-forwarded-for: 6.6.6.6, 192.0.2.7\r\n").await;
    assert!(client.text().starts_with("192.0.2.7 a "), "{}", client.text());
    // A recycled host keeps the socket, and removes it in the end.
    process.signal(Signal::USR2);
    process.line("stands in").await;
    process.line("generation 3 is live").await;
    assert!(get(&path, "/text", "").await.text().starts_with("the same line"));
    process.signal(Signal::TERM);
    assert!(process.read_to_end().await.success(), "{process}");
    assert!(!path.exists(), "{process}");

    ground.file("web.sock", b"a file");
    let (code, said) = ground.refusal(&["--host", &host]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("it is not a socket"), "{said}");
}
