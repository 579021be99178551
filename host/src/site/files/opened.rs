//! A file that was opened: what its head says, and its bytes or the way to them.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::io::{pread, retry_on_intr};

use super::cache::Cache;
use super::pieces::Pieces;
use super::stamp::Stamp;
use crate::generation::body::Body;

/// A file of so many bytes at most is read whole when it is opened. What is longer is sent in pieces
/// of that length: hyper asks for more while it has less than 400 KiB to send, so that shorter pieces
/// would be no less memory.
pub(super) const PIECE: usize = 256 * 1024;

/// See the module.
#[derive(Clone, Debug)]
pub(super) enum Opened {
    /// Its bytes are here.
    Small(Snapshot),
    /// They are read as they are sent.
    Large(Stamp, Arc<File>),
}

/// A small file as it was when it was read.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// Its length is that of the bytes.
    pub(super) stamp: Stamp,
    pub(super) bytes: Bytes,
}

impl Opened {
    /// Opens the file at `path` and reads it if it is small, all at once: a hop to another thread
    /// costs more than each of these steps. `cache` keeps what may be kept. This blocks.
    ///
    /// # Errors
    ///
    /// What is no file any more is not found.
    pub(super) fn open(path: &Path, cache: Option<&Cache>) -> io::Result<Self> {
        let began = SystemTime::now();
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(ErrorKind::NotFound.into());
        }
        let stamp = Stamp::of(&metadata);
        if stamp.length > PIECE as u64 {
            return Ok(Self::Large(stamp, Arc::new(file)));
        }
        let bytes = read(&file, 0..stamp.length)?;
        // A file that grew meanwhile is as long as its head says; one that was cut is as long as
        // what was there.
        let length = bytes.len() as u64;
        let snapshot = Snapshot { stamp: stamp.of_length(length), bytes };
        if let Some(cache) = cache
            && Stamp::of(&file.metadata()?) == snapshot.stamp
        {
            cache.keep(path, &snapshot, began);
        }
        Ok(Self::Small(snapshot))
    }

    pub(super) fn stamp(&self) -> Stamp {
        match self {
            Self::Small(snapshot) => snapshot.stamp,
            Self::Large(stamp, _) => *stamp,
        }
    }

    /// The body that sends these bytes of it.
    pub(super) fn into_body(self, range: Range<u64>) -> Body {
        match self {
            Self::Small(Snapshot { bytes, .. }) => {
                let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
                Body::from(bytes.slice(at(range.start)..at(range.end)))
            }
            Self::Large(_, file) => Body::boxed(Pieces::new(file, range)),
        }
    }
}

/// Reads these bytes of a file, or those of them that it has. This blocks.
pub(super) fn read(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let place = range.start + bytes.len() as u64;
        if retry_on_intr(|| pread(file, spare_capacity(&mut bytes), place))? == 0 {
            break;
        }
    }
    // An allocation may have more room than was asked for.
    bytes.truncate(length);
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn what_changes_while_it_is_sent_is_as_long_as_its_head_says() {
        let folder = tempfile::tempdir().unwrap();
        for length in [10, PIECE, PIECE + 1, 3 * PIECE] {
            let path = folder.path().join("file");
            fs::write(&path, vec![b'a'; length]).unwrap();
            let opened = Opened::open(&path, None).unwrap();
            assert_eq!(matches!(opened, Opened::Small(_)), length <= PIECE);
            let said = opened.stamp().length;
            let mut file = File::options().append(true).open(&path).unwrap();
            file.write_all(&vec![b'b'; length]).unwrap();
            let body = opened.into_body(0..said).collect().await.unwrap().to_bytes();
            assert_eq!(body, vec![b'a'; length]);
        }
    }

    #[tokio::test]
    async fn what_is_cut_while_it_is_sent_breaks_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, vec![b'a'; 3 * PIECE]).unwrap();
        let opened = Opened::open(&path, None).unwrap();
        let mut body = opened.into_body(0..3 * PIECE as u64);
        body.frame().await.unwrap().unwrap();
        File::options().write(true).open(&path).unwrap().set_len(PIECE as u64 + 1).unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 1);
        body.frame().await.unwrap().unwrap_err();
        assert!(body.frame().await.is_none());
    }

    #[test]
    fn what_is_no_file_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let error = Opened::open(folder.path(), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
