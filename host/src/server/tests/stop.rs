//! How a server ends, and what becomes of the requests that run then.

use super::*;

#[tokio::test]
async fn a_stop_lets_the_request_finish_and_closes_the_rest() {
    let (started, mut starts) = mpsc::channel(1);
    let (finish, finished) = oneshot::channel::<()>();
    let finished = Arc::new(tokio::sync::Mutex::new(Some(finished)));
    let server = start(move |request: Request<Incoming>, _: Peer| {
        let (started, finished) = (started.clone(), Arc::clone(&finished));
        async move {
            if request.uri().path() == "/slow" {
                started.send(()).await.unwrap();
                finished.lock().await.take().unwrap().await.unwrap();
            }
            text("done")
        }
    });

    let mut idle = Client::connect(server.addr).await;
    idle.get("/").await;
    let mut silent = Client::connect(server.addr).await;
    let mut slow = Client::connect(server.addr).await;
    slow.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    starts.recv().await.unwrap();

    assert!(!server.handle.is_stopping());
    server.handle.stop();
    server.handle.stopping().await;
    assert!(server.handle.is_stopping());
    idle.closed().await;
    silent.closed().await;
    assert_eq!(TcpStream::connect(server.addr).await.unwrap_err().kind(), REFUSED);

    finish.send(()).unwrap();
    let (head, body) = slow.answer().await;
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(body, "done");
    slow.closed().await;
    assert_eq!(server.task.await.unwrap(), StopReport { cut: 0 });
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_all_of_it_through_a_stop() {
    const LENGTH: usize = 16 * 1024 * 1024;
    let server = start(async |request: Request<Incoming>, _: Peer| {
        text(vec![b'x'; if request.uri().path() == "/large" { LENGTH } else { 1 }])
    });
    let mut idle = Client::connect(server.addr).await;
    idle.get("/").await;
    let mut client = Client::connect(server.addr).await;
    client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // The head is there, so the body is in the server's hands, and far more than a socket holds.
    let mut start = [0; 16];
    client.0.read_exact(&mut start).await.unwrap();
    server.handle.stop();
    idle.closed().await; // so the other one has heard of the stop as well
    let mut rest = Vec::new();
    client.0.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() > LENGTH, "{} bytes", rest.len());
    assert_eq!(server.task.await.unwrap(), StopReport { cut: 0 });
}

#[tokio::test]
async fn who_was_connected_before_a_stop_is_answered() {
    let (listener, addr) = listener();
    let server = Server::new([listener], Options::default()).unwrap();
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(addr).await;
        client.send("GET /queued HTTP/1.1\r\nhost: a\r\n\r\n").await;
        clients.push(client);
    }
    server.handle().stop();
    let task = tokio::spawn(server.run(echo_path));
    for mut client in clients {
        assert_eq!(client.answer().await.1, "/queued");
    }
    assert_eq!(task.await.unwrap().cut, 0);
}

#[tokio::test]
async fn a_stop_ends_at_the_deadline() {
    let (started, mut starts) = mpsc::channel(1);
    let grace = Duration::from_millis(20);
    let server = start_with(
        move |_: Request<Incoming>, _: Peer| {
            let started = started.clone();
            async move {
                started.send(()).await.unwrap();
                std::future::pending::<Answer>().await
            }
        },
        Options { grace, ..Options::default() },
    );
    let mut client = Client::connect(server.addr).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    starts.recv().await.unwrap();
    server.handle.stop();
    assert_eq!(server.task.await.unwrap(), StopReport { cut: 1 });
    client.closed().await;
}

/// A server whose one answer is given when the test says so, and which ends at once when it stops.
async fn answering_later() -> (RunningServer, Client, oneshot::Sender<&'static str>) {
    let (started, mut starts) = mpsc::channel(1);
    let (say, said) = oneshot::channel();
    let said = Arc::new(Mutex::new(Some(said)));
    let service = move |_: Request<Incoming>, _: Peer| {
        let (started, said) = (started.clone(), said.lock().unwrap().take());
        async move {
            started.send(()).await.unwrap();
            text(said.unwrap().await.unwrap())
        }
    };
    let server = start_with(service, Options { grace: Duration::ZERO, ..Options::default() });
    let mut client = Client::connect(server.addr).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    starts.recv().await.unwrap();
    (server, client, say)
}

#[tokio::test]
async fn what_is_handed_over_has_a_time_of_its_own() {
    let (server, mut client, say) = answering_later().await;
    server.handle.hand_over(Some(HOUR));
    while !matches!(TcpStream::connect(server.addr).await, Err(error) if error.kind() == REFUSED) {}
    say.send("all of it").unwrap();
    assert_eq!(client.answer().await.1, "all of it");
    assert_eq!(server.task.await.unwrap().cut, 0);
}

#[tokio::test]
async fn a_stop_hurries_what_was_handed_over() {
    let (server, mut client, _say) = answering_later().await;
    server.handle.hand_over(None);
    server.handle.stop();
    assert_eq!(server.task.await.unwrap().cut, 1);
    client.closed().await;
}

#[tokio::test]
async fn an_abort_does_not_wait() {
    let (started, mut starts) = mpsc::channel(1);
    let server = start(move |_: Request<Incoming>, _: Peer| {
        let started = started.clone();
        async move {
            started.send(()).await.unwrap();
            std::future::pending::<Answer>().await
        }
    });
    let mut client = Client::connect(server.addr).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    starts.recv().await.unwrap();
    server.handle.stop();
    server.handle.abort();
    assert_eq!(server.task.await.unwrap().cut, 1);
    client.closed().await;
}

#[tokio::test]
async fn a_dropped_server_cuts_its_connections() {
    let server = start(echo_path);
    let mut client = Client::connect(server.addr).await;
    client.get("/").await;
    server.task.abort();
    client.closed().await;
}
