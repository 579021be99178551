//! The certificate that the host shows, and its change while the host runs.
//!
//! The files are looked at once a second rather than watched: certificates are commonly reached
//! through links to links that are turned all at once, and two calls to the system a second cost
//! nothing. The first look comes before the files are read, so that a change while the host starts
//! is one, too. A change has to hold for one look before it is taken up, because two files cannot be
//! replaced at once.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::MissedTickBehavior;
use tokio_rustls::rustls;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A certificate with its chain and key, read from two PEM files.
#[derive(Debug)]
pub struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<CertifiedKey>,
    /// How the files were before they were read first.
    first: Looks,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: the TLS {what} cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{}: holds no {what}; a PEM file has one between lines of dashes", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// Certificate and key do not belong together, or are of a kind that is not known.
    #[error("{} and {} cannot be used for TLS: {source}", .certificate.display(), .key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
}

impl Certificate {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    ///
    /// When one of them cannot be read, or they do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        // What is renewed while the host starts is another one than this.
        let first = look(certificate, key);
        let pair = load(certificate, key, &provider)?;
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let current = ArcSwap::from_pointee(pair);
        Ok(Arc::new(Self { certificate, key, provider, current, first }))
    }

    /// What a server needs to know: this certificate, HTTP/2 and HTTP/1.1, TLS 1.2 and 1.3.
    ///
    /// # Errors
    ///
    /// When the provider of the cryptography lacks what those versions need.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Reads the files again. What is wrong with them is in the log, and what was there before
    /// stays. This blocks.
    pub fn reload(&self) {
        match load(&self.certificate, &self.key, &self.provider) {
            Ok(pair) if pair.cert == self.current.load().cert => {}
            Ok(pair) => {
                self.current.store(Arc::new(pair));
                tracing::info!("a new certificate is in use: {}", self.certificate.display());
            }
            Err(error) => tracing::error!("the certificate stays as it was: {error}"),
        }
    }

    /// Reads the files again whenever they have changed since they were read first, for as long as
    /// this is polled.
    pub async fn follow(self: Arc<Self>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut used, mut before) = (self.first, self.first);
        loop {
            looks.tick().await;
            let certificate = Arc::clone(&self);
            // A folder may be on a disk that does not answer.
            let looked = move || look(&certificate.certificate, &certificate.key);
            let Ok(now) = tokio::task::spawn_blocking(looked).await else { continue };
            if now != used && now == before {
                used = now;
                let certificate = Arc::clone(&self);
                tokio::task::spawn_blocking(move || certificate.reload()).await.ok();
            }
            before = now;
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// How the two files are.
type Looks = [Option<Look>; 2];

fn look(certificate: &Path, key: &Path) -> Looks {
    [certificate, key].map(|path| fs::metadata(path).ok().map(|it| Look::of(&it)))
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Look {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn load(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let text = read(certificate, "certificate")?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| missing(certificate, "certificate"))?;
    let text = read(key, "key")?;
    let private = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_: pem::Error| missing(key, "private key"))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|source| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}

fn read(path: &Path, what: &'static str) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), what, source })
}

fn missing(path: &Path, what: &'static str) -> TlsError {
    TlsError::Missing { path: path.to_owned(), what }
}
