//! The three encoders as one: bytes go in, bytes are taken out, and what is held back can be had.
//!
//! Their levels are those for answers that are made once and sent once: quick rather than small.

use std::io::{self, Write};

use bytes::Bytes;

use super::Coding;

const GZIP_LEVEL: u32 = 5;
const BROTLI_LEVEL: u32 = 4;
/// 256 KB, where the format allows 16 MB: a window is memory for as long as the answer takes.
const BROTLI_WINDOW: u32 = 18;
const BROTLI_BUFFER: usize = 4096;
const ZSTD_LEVEL: i32 = 3;
/// As brotli's.
const ZSTD_WINDOW: u32 = 18;

pub(super) enum Encoder {
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    pub(super) fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(flate2::write::GzEncoder::new(
                Vec::new(),
                flate2::Compression::new(GZIP_LEVEL),
            )),
            Coding::Brotli => Self::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER,
                BROTLI_LEVEL,
                BROTLI_WINDOW,
            ))),
            Coding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.window_log(ZSTD_WINDOW)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// All of it at once.
    pub(super) fn whole(coding: Coding, bytes: &[u8]) -> io::Result<Bytes> {
        let mut encoder = Self::new(coding)?;
        encoder.write(bytes)?;
        encoder.finish()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Brotli(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Lets go of what is held back, so that the client can read everything until here.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Brotli(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }

    /// What has come out so far.
    pub(super) fn take(&mut self) -> Bytes {
        std::mem::take(match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        })
        .into()
    }

    /// The end.
    pub(super) fn finish(self) -> io::Result<Bytes> {
        Ok(match self {
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Brotli(encoder) => encoder.into_inner(),
            Self::Zstd(encoder) => encoder.finish()?,
        }
        .into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn decoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain),
            Coding::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut plain),
            Coding::Zstd => {
                zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut plain)
            }
        }
        .unwrap();
        plain
    }

    #[test]
    fn what_goes_in_comes_out() {
        let text: Vec<u8> =
            (0..40_000u32).flat_map(|n| (n % 977).to_string().into_bytes()).collect();
        for coding in Coding::ALL {
            let encoded = Encoder::whole(coding, &text).unwrap();
            assert!(encoded.len() < text.len() / 2, "{coding:?}: {}", encoded.len());
            assert_eq!(decoded(coding, &encoded), text, "{coding:?}");
            assert_eq!(decoded(coding, &Encoder::whole(coding, b"").unwrap()), b"", "{coding:?}");
        }
    }

    #[test]
    fn a_flush_makes_readable_what_was_written() {
        for coding in Coding::ALL {
            let mut encoder = Encoder::new(coding).unwrap();
            encoder.write(b"the first piece").unwrap();
            encoder.flush().unwrap();
            let start = encoder.take();
            let mut piece = [0; 15];
            match coding {
                Coding::Gzip => flate2::read::GzDecoder::new(&start[..]).read_exact(&mut piece),
                Coding::Brotli => brotli::Decompressor::new(&start[..], 1).read_exact(&mut piece),
                Coding::Zstd => {
                    zstd::stream::read::Decoder::new(&start[..]).unwrap().read_exact(&mut piece)
                }
            }
            .unwrap();
            assert_eq!(&piece, b"the first piece", "{coding:?}");
            encoder.write(b", the second").unwrap();
            let whole = [&start[..], &encoder.finish().unwrap()].concat();
            assert_eq!(decoded(coding, &whole), b"the first piece, the second", "{coding:?}");
        }
    }
}
