//! What the body of an answer gives, and whether it is its own.

use bytes::{Buf, Bytes};

/// Some bytes of a body. Those of an answer are counted until its client has taken them; those that are
/// [shared](Chunk::shared) are there anyway.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub(super) bytes: Bytes,
    pub(super) is_shared: bool,
}

impl Chunk {
    /// Bytes that are kept beside this answer as well, such as a page that was rendered for all clients.
    #[must_use]
    pub const fn shared(bytes: Bytes) -> Self {
        Self { bytes, is_shared: true }
    }
}

impl From<Bytes> for Chunk {
    /// Bytes of this answer alone. `Bytes` itself does not tell: what is made of an owner is never unique.
    fn from(bytes: Bytes) -> Self {
        Self { bytes, is_shared: false }
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        self.bytes.copy_to_bytes(length)
    }
}
