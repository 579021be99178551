//! Where the host listens: at an address, at the path of a Unix socket, or on what it was given.

use std::path::Path;

use super::config::Config;
use crate::operate::succession::{Succession, Successor};
use crate::server::Socket;
use crate::server::listen::{ListenError, Listeners, sockets_of_the_service};
use crate::server::unix_socket::SocketFile;

/// Connections that may wait for us to accept them; the kernel caps it at `somaxconn`.
const BACKLOG: i32 = 1024;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) sockets: Vec<Socket>,
    /// What this process removes at its end.
    pub(super) file: Option<SocketFile>,
}

/// Why there is nothing to listen on.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListeningError {
    /// An address, a path or a socket of the service manager.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The process before has closed its sockets.
    #[error(
        "process {pid} has handed over no socket to listen on: it is stopping, and so is this \
         process, which was to take its place"
    )]
    NotHandedOver {
        /// The process.
        pid: u32,
    },
}

impl Listening {
    /// Takes the sockets of the process before, or those of the service manager, or binds what the
    /// settings name.
    ///
    /// # Errors
    /// When an address or a path cannot be used.
    pub(super) fn open(
        config: &Config,
        left: Option<&mut Succession>,
    ) -> Result<Self, ListeningError> {
        let path = config.unix_socket();
        if let Some(left) = left {
            let sockets = handed_over(std::mem::take(&mut left.sockets), left.state.pid)?;
            // Others leave the file to the process that is known outside.
            let is_first = left.successor == Successor::Recycled;
            let is_bound = sockets.iter().any(|socket| path_of(socket).as_deref() == path);
            let file = path.filter(|_| is_first && is_bound).and_then(|it| SocketFile::of(it).ok());
            return Ok(Self { sockets, file });
        }
        if let Some(sockets) = sockets_of_the_service()? {
            return Ok(Self { sockets, file: None });
        }
        let Some(path) = path else {
            let sockets = Listeners::bind(&config.host, config.port)?.into_sockets();
            return Ok(Self { sockets: sockets.into_iter().map(Into::into).collect(), file: None });
        };
        let failed = |cause| ListenError::Unix { path: path.to_owned(), cause };
        let (socket, file) = SocketFile::bind(path, config.socket_mode).map_err(failed)?;
        rustix::net::listen(&socket, BACKLOG)
            .map_err(|error| failed(std::io::Error::from(error).into()))?;
        Ok(Self { sockets: vec![socket.into()], file: Some(file) })
    }

    /// Where a client finds us: `http://127.0.0.1:2518`, `unix:/run/app/nova.sock`.
    pub(super) fn url(&self) -> String {
        match self.sockets.first() {
            Some(Socket::Tcp(socket)) => {
                let address = socket.local_addr();
                address.map(|address| format!("http://{address}")).unwrap_or_default()
            }
            Some(socket @ Socket::Unix(_)) => match path_of(socket) {
                Some(path) => format!("unix:{}", path.display()),
                None => "unix:".to_owned(),
            },
            None => String::new(),
        }
    }

    /// What tells this host from others on the machine: its port, or what stands for its path.
    pub(super) fn name(&self) -> String {
        match self.sockets.first() {
            Some(Socket::Tcp(socket)) => {
                socket.local_addr().map(|it| it.port().to_string()).unwrap_or_default()
            }
            Some(socket) => name_of(path_of(socket).as_deref().unwrap_or(Path::new(""))),
            None => String::new(),
        }
    }
}

/// The sockets of the process before, of which there is at least one.
fn handed_over(sockets: Vec<Socket>, pid: u32) -> Result<Vec<Socket>, ListeningError> {
    if sockets.is_empty() { Err(ListeningError::NotHandedOver { pid }) } else { Ok(sockets) }
}

fn path_of(socket: &Socket) -> Option<std::path::PathBuf> {
    match socket {
        Socket::Tcp(_) => None,
        Socket::Unix(socket) => socket.local_addr().ok()?.as_pathname().map(Path::to_owned),
    }
}

/// The path, made the part of a file's name.
fn name_of(path: &Path) -> String {
    path.to_string_lossy().trim_start_matches('/').replace('/', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_name() {
        assert_eq!(name_of(Path::new("/run/app/nova.sock")), "run-app-nova.sock");
    }

    #[test]
    fn who_gets_no_socket_is_told_by_whom() {
        let error = handed_over(Vec::new(), 4242).unwrap_err().to_string();
        assert!(error.starts_with("process 4242 has handed over no socket"), "{error}");
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(handed_over(vec![socket.into()], 4242).unwrap().len(), 1);
    }
}
