//! Connections that leave HTTP.

use crate::server::upgrade::Upgradable;

use super::*;

const ASK: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";

/// A service that hands each connection that asks for it to `speak`.
fn upgrading<F, Fut>(speak: F) -> impl Service
where
    F: Fn(TokioIo<hyper::upgrade::Upgraded>, Upgradable) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    move |request: Request<Incoming>, _: Peer| {
        let speak = speak.clone();
        async move {
            let Some(upgradable) = request.extensions().get::<Upgradable>().cloned() else {
                return text("plain");
            };
            tokio::spawn(async move {
                let stream = upgradable.connection.clone().await.unwrap();
                speak(TokioIo::new(stream), upgradable).await;
            });
            let mut response = text("");
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert("connection", "upgrade".parse().unwrap());
            headers.insert("upgrade", "echo".parse().unwrap());
            response
        }
    }
}

async fn upgraded(server: &RunningServer) -> Client {
    let mut client = Client::connect(server.addr).await;
    client.send(ASK).await;
    let (head, _) = client.answer().await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    client
}

#[tokio::test]
async fn a_connection_can_be_upgraded() {
    let server = start(upgrading(async |mut stream, _| {
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
    }));
    let mut client = upgraded(&server).await;
    assert_eq!(server.handle.connections(), 1);
    client.send("ping").await;
    let mut bytes = [0; 4];
    client.0.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"ping");
    client.closed().await;
}

#[tokio::test]
async fn what_asks_for_nothing_has_nothing_to_take_over() {
    let server = start(async |request: Request<Incoming>, _: Peer| {
        text(request.extensions().get::<Upgradable>().is_some().to_string())
    });
    let mut client = Client::connect(server.addr).await;
    assert_eq!(client.get("/").await.1, "false");
    client.send(ASK).await;
    assert_eq!(client.answer().await.1, "true");
    // It was answered as ever, so HTTP goes on.
    assert_eq!(client.get("/").await.1, "false");
}

#[tokio::test]
async fn nothing_is_taken_over_while_a_body_is_to_come() {
    let server = start(async |request: Request<Incoming>, _: Peer| {
        let upgradable = request.extensions().get::<Upgradable>().is_some();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        text(format!("{upgradable} {}", body.len()))
    });
    let ask = "POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n";
    for body in [
        "content-length: 4\r\n\r\nping",
        "transfer-encoding: chunked\r\n\r\n4\r\nping\r\n0\r\n\r\n",
    ] {
        let mut client = Client::connect(server.addr).await;
        client.send(&format!("{ask}{body}")).await;
        assert_eq!(client.answer().await.1, "false 4");
    }
}

#[tokio::test]
async fn a_stop_is_told_and_waited_for() {
    let server = start(upgrading(async |mut stream, upgradable| {
        upgradable.signals.leaving.cancelled().await;
        stream.write_all(b"bye").await.unwrap();
    }));
    let mut client = upgraded(&server).await;
    server.handle.stop();
    let mut said = Vec::new();
    client.0.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, b"bye");
    assert_eq!(server.task.await.unwrap(), StopReport { cut: 0 });
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let options = Options { grace: Duration::from_millis(1), ..Options::default() };
    let (cut, mut cuts) = mpsc::channel(1);
    let service = upgrading(move |stream, upgradable| {
        let cut = cut.clone();
        async move {
            upgradable.signals.cut.cancelled().await;
            drop(stream);
            cut.send(()).await.unwrap();
        }
    });
    let server = start_with(service, options);
    let mut client = upgraded(&server).await;
    server.handle.stop();
    assert_eq!(server.task.await.unwrap(), StopReport { cut: 1 });
    cuts.recv().await.unwrap();
    client.closed().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    let options = Options { send_timeout: Duration::from_millis(200), ..Options::default() };
    let (cut, mut cuts) = mpsc::channel(1);
    let service = upgrading(move |mut stream, upgradable| {
        let cut = cut.clone();
        async move {
            let endless = async { while stream.write_all(&[b'x'; 65536]).await.is_ok() {} };
            tokio::select! {
                () = endless => {}
                () = upgradable.signals.cut.cancelled() => cut.send(()).await.unwrap(),
            }
        }
    });
    let server = start_with(service, options);
    let _client = upgraded(&server).await;
    cuts.recv().await.unwrap();
}

#[tokio::test]
async fn one_that_rests_is_left_alone_where_there_is_no_room() {
    let options = Options {
        max_connections: Some(2),
        idle_timeout: Duration::from_millis(20),
        ..Options::default()
    };
    let server = start_with(
        upgrading(async |mut stream, _| {
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        }),
        options,
    );
    let mut client = upgraded(&server).await;
    // Each of these rests until it is closed, for longer than the other one may.
    for _ in 0..3 {
        let mut silent = Client::connect(server.addr).await;
        assert_eq!(silent.get("/").await.1, "plain");
        silent.closed().await;
    }
    client.send("ping").await;
    let mut bytes = [0; 4];
    client.0.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"ping");
}
