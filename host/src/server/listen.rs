//! The addresses that the host listens on: bound here, or by the service manager. What is about the
//! path of a Unix socket is in `unix_socket.rs`.
//!
//! A host name may stand for several addresses (`localhost` is `127.0.0.1` and `::1`): all of
//! them are bound, on one port, so that a browser reaches us whichever it tries first. What goes
//! wrong is said with the address and with what to do about it.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use listenfd::ListenFd;
use rustix::net::sockopt;
use socket2::SockRef;

use super::socket::Socket;
use super::unix_socket::SocketFileError;

/// Connections that may wait for us to accept them. The kernel caps it at `somaxconn`.
const BACKLOG: i32 = 1024;

/// A peer that vanished without a word is noticed after this long.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// How many bytes the kernel takes of an answer before it has sent those that it has. By itself it
/// takes up to 4 MiB for a client that takes nothing, in memory that no limit of ours sees, and tells of
/// bytes that were taken only when a third of that is free again.
const UNSENT: u32 = 128 * 1024;

/// How often a free port is looked for that is free on every address of the host.
const TRIES: usize = 16;

/// One or more sockets, bound and listening.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

impl Listeners {
    /// Binds `port` on every address of `host`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When the name has no address, or an address cannot be bound. An address family that this
    /// machine lacks is not an error as long as another address of the host can be bound.
    pub fn bind(host: &str, port: u16) -> Result<Self, ListenError> {
        let addresses = resolve(host, port)?;
        let mut tries = TRIES;
        loop {
            match Self::bind_all(&addresses, port) {
                // The free port of the first address may be taken on the second.
                Err(ListenError::InUse { .. }) if port == 0 && tries > 1 => tries -= 1,
                outcome => return outcome,
            }
        }
    }

    fn bind_all(hosts: &[IpAddr], mut port: u16) -> Result<Self, ListenError> {
        let mut bound = Self { sockets: Vec::new(), addresses: Vec::new() };
        let mut missing = None;
        for &ip in hosts {
            let wanted = SocketAddr::new(ip, port);
            match listen(wanted) {
                Ok((socket, address)) => {
                    port = address.port();
                    bound.sockets.push(socket);
                    bound.addresses.push(address);
                }
                Err(error) => match ListenError::new(wanted, error) {
                    absent @ ListenError::Absent { .. } => missing = Some(absent),
                    error => return Err(error),
                },
            }
        }
        match missing {
            Some(error) if bound.sockets.is_empty() => Err(error),
            _ => Ok(bound),
        }
    }

    /// Takes over sockets that are bound already.
    ///
    /// # Errors
    ///
    /// When the list is empty, or one of them has no address.
    pub fn from_sockets(sockets: Vec<TcpListener>) -> io::Result<Self> {
        if sockets.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no socket to listen on"));
        }
        let addresses = sockets.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        Ok(Self { sockets, addresses })
    }

    /// The addresses, with the port that was taken; never empty.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The port, the same on every address that was bound by name.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses[0].port()
    }

    /// Where a client finds us: `http://127.0.0.1:2518`, `http://[::1]:2518`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addresses[0])
    }

    /// The sockets themselves.
    #[must_use]
    pub fn into_sockets(self) -> Vec<TcpListener> {
        self.sockets
    }
}

/// The sockets that a service manager has opened for this process (`LISTEN_FDS`, as systemd passes
/// them); `None` without one.
///
/// # Errors
///
/// When one of them accepts neither TCP connections nor those of a Unix socket.
pub fn sockets_of_the_service() -> Result<Option<Vec<Socket>>, ListenError> {
    let failed = |source| ListenError::Inherited { source };
    let mut passed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..passed.len() {
        // One that is of another kind is left at its place.
        if let Ok(Some(socket)) = passed.take_unix_listener(index) {
            sockets.push(Socket::Unix(socket));
        } else if let Some(socket) = passed.take_tcp_listener(index).map_err(failed)? {
            prepare(&socket).map_err(failed)?;
            sockets.push(Socket::Tcp(socket));
        }
    }
    Ok(Some(sockets).filter(|sockets| !sockets.is_empty()))
}

impl fmt::Display for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

fn resolve(host: &str, port: u16) -> Result<Vec<IpAddr>, ListenError> {
    // `[::1]` is how a URL writes it, and what people paste.
    let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in (name, port)
        .to_socket_addrs()
        .map_err(|source| ListenError::Unknown { host: host.to_owned(), source })?
    {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    // The first one is announced: the familiar one.
    addresses.sort_by_key(IpAddr::is_ipv6);
    if addresses.is_empty() {
        return Err(ListenError::Unknown {
            host: host.to_owned(),
            source: io::Error::new(io::ErrorKind::NotFound, "it has no address"),
        });
    }
    Ok(addresses)
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::bind(address)?;
    // std asks for a backlog of 128; asking again changes it.
    rustix::net::listen(&socket, BACKLOG)?;
    prepare(&socket)?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

fn prepare(socket: &TcpListener) -> io::Result<()> {
    // Accepted sockets inherit these, which saves their system calls on every connection.
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE)?;
    SockRef::from(socket).set_tcp_notsent_lowat(UNSENT)?;
    socket.set_nonblocking(true)
}

/// Why an address could not be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The host is neither an address nor a name that resolves to one.
    #[error("cannot listen on {host:?}: {source}; give an address such as 127.0.0.1 with --host")]
    Unknown {
        /// What was asked for.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Another program listens there already.
    #[error(
        "cannot listen on {address}: the port is in use by another program; choose another with \
         --port, or --port 0 for any that is free"
    )]
    InUse {
        /// The address that is taken.
        address: SocketAddr,
    },
    /// The port is privileged.
    #[error(
        "cannot listen on {address}: permission denied; ports below 1024 need the capability \
         CAP_NET_BIND_SERVICE, so choose a higher one with --port"
    )]
    Denied {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address belongs to another machine, or its family is switched off.
    #[error(
        "cannot listen on {address}: this machine has no such address; --host 0.0.0.0 listens on \
         all that it has"
    )]
    Absent {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// What a service manager passed cannot be listened on.
    #[error(
        "a socket that the service manager passed (LISTEN_FDS) cannot be used: {source}; \
         the unit needs ListenStream= with a port, an address or the path of a socket"
    )]
    Inherited {
        /// What is wrong with it.
        source: io::Error,
    },
    /// The path of a Unix socket cannot be used.
    #[error("cannot listen on unix:{}: {cause}{}", .path.display(), advice(.cause))]
    Unix {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        cause: SocketFileError,
    },
    /// Anything else the kernel objects to.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

fn advice(cause: &SocketFileError) -> &'static str {
    match cause {
        SocketFileError::Taken => "; choose another path with --host unix:PATH",
        SocketFileError::NoSocket => "; choose another path with --host unix:PATH, or remove it",
        SocketFileError::Io(_) => "; its folder has to be there, and may be written to",
    }
}

impl ListenError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::PermissionDenied => Self::Denied { address },
            io::ErrorKind::AddrNotAvailable => Self::Absent { address },
            _ if source.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) => {
                Self::Absent { address }
            }
            _ => Self::Other { address, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_zero_takes_a_free_port_and_announces_it() {
        let listeners = Listeners::bind("127.0.0.1", 0).unwrap();
        assert_ne!(listeners.port(), 0);
        assert_eq!(listeners.url(), format!("http://127.0.0.1:{}", listeners.port()));
    }

    #[test]
    fn a_version_6_address_is_bracketed() {
        let listeners = match Listeners::bind("::1", 0) {
            Err(ListenError::Absent { .. }) => return, // a machine without IPv6
            bound => bound.unwrap(),
        };
        assert_eq!(listeners.url(), format!("http://[::1]:{}", listeners.port()));
        assert!(matches!(
            Listeners::bind("[::1]", listeners.port()),
            Err(ListenError::InUse { .. })
        ));
    }

    #[test]
    fn every_address_of_a_name_gets_the_same_port() {
        let listeners = Listeners::bind("localhost", 0).unwrap();
        assert!(
            listeners
                .addresses()
                .iter()
                .all(|address| address.port() == listeners.port() && address.ip().is_loopback())
        );
        assert!(listeners.addresses()[0].is_ipv4());
    }

    #[test]
    fn a_taken_port_is_named_with_what_to_do() {
        let first = Listeners::bind("127.0.0.1", 0).unwrap();
        let error = Listeners::bind("127.0.0.1", first.port()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot listen on {}: the port is in use by another program; choose another with \
                 --port, or --port 0 for any that is free",
                first.addresses()[0]
            )
        );
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        // TEST-NET-1: documentation only, on no interface.
        let error = Listeners::bind("192.0.2.1", 0).unwrap_err();
        assert!(matches!(error, ListenError::Absent { .. }), "{error}");
        assert!(error.to_string().contains("--host 0.0.0.0"), "{error}");
    }

    #[test]
    fn a_name_without_an_address_is_refused() {
        let error = Listeners::bind("no such host", 2518).unwrap_err();
        assert!(matches!(error, ListenError::Unknown { .. }), "{error}");
        assert!(error.to_string().starts_with("cannot listen on \"no such host\": "), "{error}");
    }

    #[test]
    fn accepted_sockets_inherit_the_options() {
        let listeners = Listeners::bind("127.0.0.1", 0).unwrap();
        let _client = std::net::TcpStream::connect(listeners.addresses()[0]).unwrap();
        let socket = &listeners.into_sockets()[0];
        socket.set_nonblocking(false).unwrap();
        let (accepted, _) = socket.accept().unwrap();
        assert!(accepted.nodelay().unwrap());
        assert!(sockopt::socket_keepalive(&accepted).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&accepted).unwrap(), KEEPALIVE);
        assert_eq!(SockRef::from(&accepted).tcp_notsent_lowat().unwrap(), UNSENT);
    }
}
