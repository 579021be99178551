//! Files that are kept in memory, and how often a request goes to another thread.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::site::files::opened::PIECE;
use crate::site::files::stamp::Stamp;

const LENGTH: usize = 100 * 1024;

impl Folder {
    /// Files that are kept if they have rested for so long; all of them take `capacity` bytes.
    fn keeping(&self, capacity: u64, rest: Duration) -> Assets {
        let cache = Cache::new(capacity, rest);
        Assets::with_cache(vec![self.public.clone()], Caching::Hour, Types::default(), cache)
    }

    /// Files that are kept as soon as they are read.
    fn keeping_all(&self) -> Assets {
        self.keeping(32 * 1024 * 1024, Duration::ZERO)
    }

    fn stamp(&self, path: &str) -> Stamp {
        Stamp::of(&self.public.join(path).metadata().unwrap())
    }

    /// Writes a file anew until the clock of the file system has moved on.
    fn write_later(&self, path: &str, content: &str) {
        let before = self.stamp(path);
        while self.stamp(path) == before {
            self.write(path, content);
        }
    }
}

/// What a future comes to that waits for nothing, least of all for another thread.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// What a future comes to, and how often it waited.
async fn counted<F: Future>(future: F) -> (F::Output, usize) {
    let (mut future, mut waited) = (pin!(future), 0);
    let output = poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        waited += usize::from(polled.is_pending());
        polled
    });
    let output = output.await;
    (output, waited)
}

#[tokio::test]
async fn a_small_file_is_read_with_one_hop_and_then_without() {
    let folder = folder();
    let content = "x".repeat(LENGTH);
    folder.write("large.txt", &content);
    let assets = folder.keeping_all();
    let (first, hops) = counted(ask(&assets, "/large.txt", &[])).await;
    assert!(hops <= 1, "{hops}");
    let read = at_once(body(first)).expect("its body is there");
    assert_eq!(read, content);

    let tag = ask(&assets, "/large.txt", &[]).await.headers()["etag"].clone();
    let unchanged = ("if-none-match", tag.to_str().unwrap());
    for (headers, status, expected) in [
        (&[][..], 200, content.as_str()),
        (&[("range", "bytes=-5")], 206, "xxxxx"),
        (&[("accept-encoding", "gzip, br")], 200, &content),
        (&[unchanged], 304, ""),
    ] {
        let response = at_once(ask(&assets, "/large.txt", headers)).expect("it is in memory");
        assert_eq!(response.status(), status);
        assert_eq!(response.body().held_bytes(), 0, "it is not this response's alone");
        assert_eq!(at_once(body(response)).as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_variant_is_kept_beside_its_original() {
    let folder = folder();
    folder.write("app.js", "plain");
    folder.write("app.js.br", "brotli");
    let assets = folder.keeping_all();
    for _ in 0..2 {
        for (accepted, expected) in [("br", "brotli"), ("gzip", "plain"), ("identity", "plain")] {
            let response = ask(&assets, "/app.js", &[("accept-encoding", accepted)]).await;
            assert_eq!(body(response).await, expected, "{accepted}");
        }
    }
    let response = at_once(ask(&assets, "/app.js", &[("accept-encoding", "br")]));
    assert_eq!(response.unwrap().headers()["content-encoding"], "br");
}

#[tokio::test]
async fn a_file_that_is_replaced_is_not_served_from_memory() {
    let folder = folder();
    folder.write("a.txt", "one");
    let assets = folder.keeping_all();
    let get = || async { body(ask(&assets, "/a.txt", &[]).await).await };
    assert_eq!(get().await, "one");
    // By another file of the same length and time, in its place at once.
    let path = folder.public.join("a.txt");
    let time = path.metadata().unwrap().modified().unwrap();
    folder.write("b.txt", "two");
    let other = fs::File::options().append(true).open(folder.public.join("b.txt")).unwrap();
    other.set_modified(time).unwrap();
    fs::rename(folder.public.join("b.txt"), &path).unwrap();
    assert_eq!(get().await, "two");
    // In place, of the same length and time.
    folder.write_later("a.txt", "six");
    fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    assert_eq!(get().await, "six");
    assert_eq!(get().await, "six");
    // By a link.
    fs::remove_file(&path).unwrap();
    symlink("hello.txt", &path).unwrap();
    assert_eq!(get().await, "hello, world");
    folder.write_later("hello.txt", "hello, there");
    assert_eq!(get().await, "hello, there");
}

#[tokio::test]
async fn a_head_that_is_kept_says_what_a_new_one_says() {
    let folder = folder();
    folder.write("app.js", "plain");
    folder.write("app.js.br", "brotli");
    let assets = folder.keeping_all();
    let answer = async |path, method| {
        let mut request = parts(path, &[]);
        request.method = method;
        let response = respond(&assets, &request).await.unwrap();
        (format!("{} {:?}", response.status(), response.headers()), body(response).await)
    };
    for path in ["/hello.txt", "/app.js"] {
        let first = answer(path, Method::GET).await;
        assert_eq!(answer(path, Method::GET).await, first);
        assert_eq!(answer(path, Method::HEAD).await, (first.0, String::new()));
    }
    let before = answer("/hello.txt", Method::GET).await.0;
    folder.write_later("hello.txt", "hello, there");
    for _ in 0..2 {
        let (head, body) = answer("/hello.txt", Method::GET).await;
        assert_eq!(body, "hello, there");
        assert_ne!(head, before, "another version has another tag");
    }
}

#[tokio::test]
async fn what_is_gone_or_no_file_any_more_leaves_memory() {
    let folder = folder();
    folder.write("a.txt", "one");
    let assets = folder.keeping_all();
    let path = folder.public.join("a.txt");
    let request = parts("/a.txt", &[]);
    assert_eq!(body(ask(&assets, "/a.txt", &[]).await).await, "one");
    assert!(assets.cache.bytes() > 0);
    fs::remove_file(&path).unwrap();
    assert!(respond(&assets, &request).await.is_none());
    assert_eq!(assets.cache.bytes(), 0);
    fs::create_dir(&path).unwrap();
    assert!(respond(&assets, &request).await.is_none());
    fs::remove_dir(&path).unwrap();
    folder.write("a.txt", "two");
    assert_eq!(body(ask(&assets, "/a.txt", &[]).await).await, "two");
}

#[tokio::test]
async fn a_file_that_has_just_changed_is_not_kept() {
    let folder = folder();
    let assets = folder.keeping(32 * 1024 * 1024, Duration::from_secs(3600));
    let response = ask(&assets, "/hello.txt", &[]).await;
    assert_eq!(assets.cache.bytes(), 0);
    assert_eq!(response.body().held_bytes(), 12, "nothing else has it");
    assert_eq!(body(response).await, "hello, world");
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_a_large_file_is_not_kept() {
    let folder = folder();
    let capacity = 8 * 1024 * 1024;
    for number in 0..50 {
        folder.write(&format!("{number}.txt"), &"x".repeat(PIECE - number));
    }
    folder.write("large.txt", &"x".repeat(PIECE + 1));
    let assets = folder.keeping(capacity, Duration::ZERO);
    assert_eq!(body(ask(&assets, "/large.txt", &[]).await).await.len(), PIECE + 1);
    assert_eq!(assets.cache.bytes(), 0);
    let mut most = 0;
    for number in 0..50 {
        let length = body(ask(&assets, &format!("/{number}.txt"), &[]).await).await.len();
        assert_eq!(length, PIECE - number);
        most = most.max(assets.cache.bytes());
    }
    assert!(most > capacity / 2 && most <= capacity, "{most}");
}

#[tokio::test]
async fn a_large_file_is_sent_in_pieces() {
    let folder = folder();
    let content: String = ('a'..='z').cycle().take(2 * PIECE + 10).collect();
    folder.write("large.txt", &content);
    let assets = folder.keeping_all();
    let mut response = ask(&assets, "/large.txt", &[]).await;
    assert_eq!(response.headers()["content-length"], content.len().to_string().as_str());
    let mut lengths = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        lengths.push(frame.unwrap().into_data().unwrap().len());
    }
    assert_eq!(lengths, [PIECE, PIECE, 10]);
    let (first, last) = (PIECE - 2, 2 * PIECE + 1);
    let range = format!("bytes={first}-{last}");
    let response = ask(&assets, "/large.txt", &[("range", &range)]).await;
    assert_eq!(response.status(), 206);
    assert_eq!(body(response).await, content[first..=last]);
}
