//! A chat over swaps: WebSockets, server-sent events and rooms, in the processes of a host.
//!
//! Everything is counted: each client has all messages from its first one to the last, in the same
//! order as all others and none twice, though its connection was closed again and again, and what a
//! writer was told is sent is there.

mod clients;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::BodyExt;
use nova_tests::client::fresh;
use nova_tests::fixtures::{library, stamped};
use nova_tests::host::{Host, Options};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;

use self::clients::{Counts, EventReader, SocketClient, Writer, say};

/// The clients of a chat.
struct Chat {
    is_over: Arc<AtomicBool>,
    writers: Vec<Writer>,
    readers: Vec<EventReader>,
    sockets: Vec<SocketClient>,
}

/// What came of a chat.
#[derive(Debug, Default)]
struct Sum {
    messages: usize,
    received: usize,
    reconnects: usize,
    failed_posts: usize,
}

impl Chat {
    async fn begin(host: &Host) -> Self {
        let (address, is_over) = (host.address, Arc::<AtomicBool>::default());
        // Where a client begins is known, so that nothing is missed before its first connection.
        let first = say(address, "first").await.unwrap();
        let writers =
            (0..2).map(|n| Writer::begin(address, format!("post {n}"), &is_over)).collect();
        let readers = (0..3).map(|_| EventReader::begin(address, first)).collect();
        let sockets = (0..3)
            .map(|n| SocketClient::begin(address, first, format!("socket {n}"), &is_over))
            .collect();
        Self { is_over, writers, readers, sockets }
    }

    /// Waits until each client has so many messages more.
    async fn go_on(&self, more: usize) {
        let readers = self.readers.iter().map(|reader| &reader.counts);
        let counts: Vec<&Arc<Counts>> =
            readers.chain(self.sockets.iter().map(|socket| &socket.counts)).collect();
        let wanted: Vec<usize> = counts.iter().map(|counts| counts.received() + more).collect();
        for (counts, wanted) in counts.iter().zip(wanted) {
            counts.until(wanted).await;
        }
    }

    /// Ends the chat, and compares what all have heard. `is_sure`: what a client has sent over its
    /// socket is heard, because no process was killed.
    async fn end(self, host: &Host, is_sure: bool) -> Sum {
        self.is_over.store(true, Ordering::SeqCst);
        let (mut sum, mut sent) = (Sum::default(), HashMap::new());
        for writer in self.writers {
            let (accepted, failed) = writer.end().await;
            sum.failed_posts += failed;
            sent.extend(accepted);
        }
        let mut said = Vec::new();
        for socket in &self.sockets {
            said.extend(socket.said().await);
        }
        let last = say(host.address, "last").await.unwrap();
        let mut heard = Vec::new();
        for reader in self.readers {
            heard.push(reader.end(last).await);
        }
        for socket in self.sockets {
            heard.push(socket.end(last).await);
        }
        let (all, _) = &heard[0];
        for (messages, reconnects) in &heard {
            sum.reconnects += reconnects;
            sum.received += messages.len();
            let ids: Vec<u64> = messages.iter().map(|(id, _)| *id).collect();
            let first = ids[0];
            assert_eq!(ids, (first..=last).collect::<Vec<_>>(), "all, once and in order");
            assert_eq!(messages, all, "all have heard the same");
        }
        sum.messages = all.len();
        let by_id: HashMap<u64, &str> = all.iter().map(|(id, text)| (*id, &**text)).collect();
        for (id, text) in &sent {
            assert_eq!(by_id.get(id), Some(&&**text), "what was accepted is there");
        }
        if is_sure {
            assert_eq!(sum.failed_posts, 0);
            for text in &said {
                let times = all.iter().filter(|(_, heard)| heard == text).count();
                assert_eq!(times, 1, "{text}: what was said over a socket is heard, once");
            }
        }
        println!("{sum:?}, {} by post, {} over sockets", sent.len(), said.len());
        sum
    }
}

async fn over_swaps(swaps: usize, args: &[&str]) -> Sum {
    let live = library("live");
    let host = Host::start_with(&live, Options { args, ..Options::default() }).await;
    let chat = Chat::begin(&host).await;
    chat.go_on(5).await;
    for swap in 0..swaps {
        let before = fresh(host.address, "/build").await.unwrap();
        let next = host.file("next.so", &stamped(&live, &(swap + 1).to_string()));
        host.swap(&next).await.unwrap();
        assert_ne!(fresh(host.address, "/build").await.unwrap(), before);
        chat.go_on(5).await;
    }
    let sum = chat.end(&host, true).await;
    // Six clients, each of which is told with every swap; by a worker that leaves not at once.
    let least = if args.is_empty() { swaps * 6 } else { 1 };
    assert!(sum.reconnects >= least, "{sum:?}");
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_goes_on_over_swaps_and_nobody_misses_a_message() {
    over_swaps(10, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_talk_in_the_same_rooms_over_swaps() {
    over_swaps(4, &["--workers", "2"]).await;
}

/// `cargo test -p nova-tests --test e2e live:: -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; ten swaps are in the test above"]
async fn a_chat_goes_on_over_a_hundred_swaps() {
    over_swaps(100, &[]).await;
    over_swaps(100, &["--workers", "2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_a_worker_costs_the_chat_its_connections_alone() {
    let args: &[&str] = &["--workers", "2", "--no-rollback"];
    let options = Options { args, ..Options::default() };
    let mut host = Host::start_with(&library("live"), options).await;
    let chat = Chat::begin(&host).await;
    for kill in 0..6 {
        chat.go_on(5).await;
        let status = host.status().await;
        let worker = &status.workers[kill % status.workers.len()];
        let pid = i32::try_from(worker.pid).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        host.process.line("is back as process").await;
    }
    chat.go_on(5).await;
    let sum = chat.end(&host, false).await;
    assert!(sum.reconnects > 0, "{sum:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_goes_on_while_its_host_is_recycled() {
    // What still speaks on the old generation is cut, so that the process comes to its end.
    let args: &[&str] = &["--drain", "10"];
    let options = Options { args, ..Options::default() };
    let mut host = Host::start_with(&library("live"), options).await;
    let pid = host.process.id();
    let chat = Chat::begin(&host).await;
    for _ in 0..2 {
        chat.go_on(5).await;
        host.process.signal(Signal::USR2);
        host.process.line("stands in").await;
        chat.go_on(5).await;
        for _ in 0..2 {
            host.process.line("stopped").await;
        }
        chat.go_on(5).await;
    }
    assert_eq!(host.status().await.pid, pid);
    chat.end(&host, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_the_answer_says_that_it_is_not_spoken() {
    let host = Host::start(&library("live")).await;
    let stream = TcpStream::connect(host.address).await.unwrap();
    let (executor, io) =
        (hyper_util::rt::TokioExecutor::new(), hyper_util::rt::TokioIo::new(stream));
    let (mut http2, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(format!("http://{}/socket", host.address));
    let answer = http2.send_request(request.body(String::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 501);
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("WebSockets are spoken over HTTP/1.1 here"), "{text}");
}
