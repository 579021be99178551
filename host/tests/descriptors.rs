//! A server that runs out of file descriptors goes on when there are some again.
//!
//! In a binary of its own, because the limit is the whole process's.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use nova_host::server::listen::Listeners;
use nova_host::server::{Options, Peer, Server};
use rustix::process::{Resource, getrlimit, setrlimit};

#[test]
fn running_out_of_descriptors_is_survived() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listeners = Listeners::bind("127.0.0.1", 0).unwrap();
    let address = listeners.addresses()[0];

    // Connected by the kernel, accepted by nobody yet.
    let mut clients: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
            client
        })
        .collect();

    let _guard = runtime.enter();
    let server = Server::new(listeners.into_sockets(), Options::default()).unwrap();
    let handle = server.handle();
    let free = std::fs::File::open("/dev/null").unwrap().as_raw_fd();
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(u64::try_from(free).unwrap() + 3);
    setrlimit(Resource::Nofile, limit).unwrap();

    let running = runtime.spawn(server.run(async |_: Request<Incoming>, _: Peer| {
        Response::new(Full::new(Bytes::from_static(b"hello")))
    }));
    let rest = clients.split_off(3);
    for client in &mut clients {
        assert_answered(client);
    }
    assert_eq!(handle.connections(), 3, "the test wants the others to wait");
    drop(clients);
    for mut client in rest {
        assert_answered(&mut client);
    }
    handle.stop();
    assert_eq!(runtime.block_on(running).unwrap().cut, 0);
}

fn assert_answered(client: &mut TcpStream) {
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let mut bytes = [0; 256];
        let length = client.read(&mut bytes).unwrap();
        assert_ne!(length, 0, "closed without an answer");
        answer.extend_from_slice(&bytes[..length]);
    }
}
