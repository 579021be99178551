//! The edge as the settings say: everything that can be wrong with it is known before any code of
//! an app has run.

use std::io;
use std::sync::Arc;

use crate::edge::Edge;
use crate::edge::forwarded::Proxies;
use crate::edge::limits::{BodyLimits, RequestLimit};
use crate::edge::metrics::{Metrics, MetricsError, MetricsListener};
use crate::edge::security::Security;
use crate::operate::succession::Successor;
use crate::process::log::AccessLog;
use crate::run::config::{Config, EdgeSettings};
use crate::server::networks::Networks;
use crate::server::tls::{Certificate, TlsError};
use crate::server::{Handle, Options};
use crate::site::Site;

/// An edge that is not built yet: what is open, and what is read already.
#[derive(Debug)]
pub(super) struct EdgeBuilder {
    certificate: Option<Arc<Certificate>>,
    metrics: Option<MetricsListener>,
}

/// Why the edge cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum EdgeError {
    /// The certificate is not usable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// rustls refuses the settings.
    #[error("TLS cannot be set up: {0}")]
    Rustls(#[from] tokio_rustls::rustls::Error),
    /// The numbers cannot be read where they should be.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// One of two settings that belong together.
    #[error("{0} is missing: --tls-cert and --tls-key are given together")]
    HalfOfTls(&'static str),
    /// The PROXY protocol without a proxy.
    #[error("--proxy-protocol needs proxies that are named with --trusted-proxy")]
    NoProxy,
    /// Nothing would be left for the requests.
    #[error("--stop-delay is a part of --grace and has to be shorter")]
    StopDelay,
}

impl EdgeBuilder {
    /// Reads the certificate, and binds the address of the metrics: a process that takes the place
    /// of another waits until that one has let go of it, and of a worker the supervisor asks them.
    ///
    /// # Errors
    ///
    /// With the first thing that is wrong.
    pub(super) fn open(config: &Config, successor: Option<Successor>) -> Result<Self, EdgeError> {
        let EdgeSettings { tls, proxies, metrics, run, .. } = &config.edge;
        if !run.stop_delay.is_zero() && run.stop_delay >= config.grace {
            return Err(EdgeError::StopDelay);
        }
        if proxies.proxy_protocol && proxies.trusted_proxy.is_empty() {
            return Err(EdgeError::NoProxy);
        }
        let certificate = match (&tls.tls_cert, &tls.tls_key) {
            (Some(certificate), Some(key)) => Some(Certificate::read(certificate, key)?),
            (None, None) => None,
            (Some(_), None) => return Err(EdgeError::HalfOfTls("--tls-key")),
            (None, Some(_)) => return Err(EdgeError::HalfOfTls("--tls-cert")),
        };
        let metrics = metrics.metrics.as_deref().filter(|_| successor != Some(Successor::Worker));
        let inherits = successor.is_some();
        let metrics = metrics.map(|it| MetricsListener::bind(it, inherits)).transpose()?;
        Ok(Self { certificate, metrics })
    }

    /// How the server is run.
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up.
    pub(super) fn server_options(&self, config: &Config) -> Result<Options, EdgeError> {
        let proxies = &config.edge.proxies;
        let tls = self.certificate.as_ref().map(Certificate::server_config).transpose()?;
        let proxy_protocol =
            if proxies.proxy_protocol { proxies.trusted() } else { Networks::default() };
        let proxies = proxies.trusted();
        Ok(Options { tls, proxy_protocol, proxies, ..config.server_options() })
    }

    /// The address of the host, for people: encrypted or not.
    pub(super) fn url(&self, url: String) -> String {
        match (&self.certificate, url.strip_prefix("http://")) {
            (Some(_), Some(rest)) => format!("https://{rest}"),
            _ => url,
        }
    }

    /// What reads the certificate again, if there is one.
    pub(super) fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// Where the numbers are read, for a process that has no edge.
    pub(super) fn into_metrics(self) -> Option<MetricsListener> {
        self.metrics
    }

    /// The edge of `site`, which `server` serves, and which counts in `metrics`. From now on the
    /// numbers can be read at their address, if they have one, and the certificate is followed.
    ///
    /// # Errors
    ///
    /// When the address of the metrics cannot be registered with the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(super) fn build(
        self,
        config: &Config,
        site: Arc<Site>,
        access: AccessLog,
        server: Handle,
        metrics: Option<Arc<Metrics>>,
    ) -> io::Result<Edge> {
        let EdgeSettings { limits, proxies, responses, .. } = &config.edge;
        if let Some(certificate) = self.certificate {
            tokio::spawn(certificate.follow());
        }
        if let Some((listener, metrics)) = self.metrics.zip(metrics.clone()) {
            tracing::info!("metrics are at http://{}/metrics", listener.address());
            listener.serve(metrics, Arc::clone(&site), server.clone())?;
        }
        let security = (!responses.no_security_headers)
            .then(|| Security::new(responses.hsts.0.map(|time| time.as_secs())));
        Ok(Edge {
            site,
            access,
            proxies: Proxies { trusted: proxies.trusted(), headers: proxies.proxy_headers },
            request_ids: !responses.no_request_ids,
            requests: limits.max_requests.0.map(RequestLimit::new),
            server: Some(server),
            body_limits: BodyLimits { length: limits.max_body.0, pause: limits.body_timeout.0 },
            handler_limit: limits.handler_timeout.0,
            security,
            compression: !responses.no_compression,
            unbuffered: !proxies.proxy_buffering,
            metrics,
        })
    }
}
