//! The files that tower-http opens.
//!
//! tower-http decides which variant is opened, and what the head of the answer is. Its way from a file
//! to a body has a hop to another thread for each 64 KiB and copies once more what was read, so what was
//! opened is handed out here, and its bytes do not pass tower-http.

use std::future::{Ready, ready};
use std::io::{self, ErrorKind, SeekFrom};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::fs::{Backend, File, Metadata};

use super::cache::Cache;
use super::opened::Opened;
use super::stamp::Stamp;

/// Opens files for one request, a GET.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    /// Where files are kept, if these may be.
    cache: Option<Arc<Cache>>,
    opened: Arc<Mutex<Option<Opened>>>,
}

impl Opening {
    pub(super) fn new(cache: Option<Arc<Cache>>) -> Self {
        Self { cache, opened: Arc::default() }
    }

    /// The file that was opened last.
    pub(super) fn take(&self) -> Option<Opened> {
        self.opened.lock().take()
    }

    async fn look(self, path: PathBuf) -> io::Result<Shown> {
        let here = self.cache.as_ref().map(|cache| cache.current(&path)).transpose()?.flatten();
        let opened = match here {
            Some(snapshot) => Opened::Small(snapshot),
            None => {
                let cache = self.cache.clone();
                let open = move || Opened::open(&path, cache.as_deref());
                tokio::task::spawn_blocking(open).await.map_err(io::Error::other)??
            }
        };
        let stamp = opened.stamp();
        *self.opened.lock() = Some(opened);
        Ok(Shown::File(stamp))
    }
}

impl Backend for Opening {
    type File = Shown;
    type Metadata = Shown;
    type OpenFuture = Pin<Box<dyn Future<Output = io::Result<Shown>> + Send>>;
    type MetadataFuture = Ready<io::Result<Shown>>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        Box::pin(self.clone().look(path))
    }

    /// For a GET only whether the path is a folder is asked before it is opened. One that has become
    /// a folder is not found then.
    fn metadata(&self, _: PathBuf) -> Self::MetadataFuture {
        ready(Ok(Shown::Path))
    }
}

/// What tower-http sees of a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown {
    /// Only that it is to be opened.
    Path,
    /// The head of one that is open.
    File(Stamp),
}

impl Metadata for Shown {
    fn is_dir(&self) -> bool {
        false
    }

    fn modified(&self) -> io::Result<SystemTime> {
        match self {
            Self::File(stamp) => stamp.modified(),
            Self::Path => None,
        }
        .ok_or_else(|| ErrorKind::Unsupported.into())
    }

    fn len(&self) -> u64 {
        match self {
            Self::File(stamp) => stamp.length,
            Self::Path => 0,
        }
    }
}

impl File for Shown {
    type Metadata = Self;
    type MetadataFuture<'a> = Ready<io::Result<Self>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(*self))
    }
}

impl AsyncRead for Shown {
    /// The body that tower-http makes is left aside.
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(ErrorKind::Unsupported.into()))
    }
}

impl AsyncSeek for Shown {
    /// Where a range begins, the head says too.
    fn start_seek(self: Pin<&mut Self>, _: SeekFrom) -> io::Result<()> {
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(0))
    }
}
