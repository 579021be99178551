//! The settings of the edge; see [`Edge`](crate::edge::Edge).

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{FalseyValueParser, Resettable};

use super::duration;
use super::units::{Limit, bytes_or_none, count_or_none, head, time_or_none};
use crate::edge::ProxyHeaders;
use crate::server::networks::{Network, Networks};
use crate::site::files::TypeRule;

/// All of them.
#[derive(Clone, Debug, Args)]
pub struct EdgeSettings {
    /// How the process runs and stops.
    #[command(flatten)]
    pub run: ProcessSettings,
    /// Encryption.
    #[command(flatten)]
    pub tls: TlsSettings,
    /// What a request may take.
    #[command(flatten)]
    pub limits: LimitSettings,
    /// Who is believed.
    #[command(flatten)]
    pub proxies: ProxySettings,
    /// What is done to responses.
    #[command(flatten)]
    pub responses: ResponseSettings,
    /// What is counted.
    #[command(flatten)]
    pub metrics: MetricsSettings,
}

/// How the process runs and stops.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = Resettable::Reset)]
pub struct ProcessSettings {
    /// How many threads answer requests [default: as many as the process may use of the
    /// machine's processors, by affinity and cgroup]
    #[arg(long, value_name = "COUNT", env = "NOVA_THREADS", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,

    /// After SIGTERM, go on accepting for so long while /readyz says 503; a part of --grace
    #[arg(long, value_name = "SECONDS", env = "NOVA_STOP_DELAY", default_value = "0", value_parser = duration)]
    pub stop_delay: Duration,
}

/// Encryption.
#[derive(Clone, Debug, Args)]
pub struct TlsSettings {
    /// Speak TLS with this certificate: a PEM file with its chain, read again when it changes
    #[arg(long, value_name = "FILE", env = "NOVA_TLS_CERT", help_heading = "TLS")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key: a PEM file
    #[arg(long, value_name = "FILE", env = "NOVA_TLS_KEY", help_heading = "TLS")]
    pub tls_key: Option<PathBuf>,
}

/// What a request may take.
#[derive(Clone, Debug, Args)]
pub struct LimitSettings {
    /// How long the head of a request may take, from its first byte
    #[arg(long, value_name = "SECONDS", env = "NOVA_HEADER_TIMEOUT", default_value = "30", value_parser = duration, help_heading = "Limits")]
    pub header_timeout: Duration,

    /// How long a connection may rest between two requests
    #[arg(long, value_name = "SECONDS", env = "NOVA_IDLE_TIMEOUT", default_value = "75", value_parser = duration, help_heading = "Limits")]
    pub idle_timeout: Duration,

    /// How long a client may take nothing of its response; then its connection, or its stream in
    /// HTTP/2, is cut
    #[arg(long, value_name = "SECONDS", env = "NOVA_SEND_TIMEOUT", default_value = "60", value_parser = duration, help_heading = "Limits")]
    pub send_timeout: Duration,

    /// How long a page may take until the head of its response is there, or none; then 504
    #[arg(long, value_name = "SECONDS", env = "NOVA_HANDLER_TIMEOUT", default_value = "60", value_parser = time_or_none, help_heading = "Limits")]
    pub handler_timeout: Limit<Duration>,

    /// How long a page may wait for more of a request's body, or none; then 408, and a response that
    /// has begun is cut
    #[arg(long, value_name = "SECONDS", env = "NOVA_BODY_TIMEOUT", default_value = "60", value_parser = time_or_none, help_heading = "Limits")]
    pub body_timeout: Limit<Duration>,

    /// The longest head of a request; then 431
    #[arg(long, value_name = "BYTES", env = "NOVA_MAX_HEADER", default_value = "64k", value_parser = head, help_heading = "Limits")]
    pub max_header: u32,

    /// The longest body of a request, whatever a page allows, or none; then 413
    #[arg(long, value_name = "BYTES", env = "NOVA_MAX_BODY", default_value = "1g", value_parser = bytes_or_none, help_heading = "Limits")]
    pub max_body: Limit<u64>,

    /// How many connections may be open, or none; further ones wait, and slow heads and resting ones
    /// make room
    #[arg(long, value_name = "COUNT", env = "NOVA_MAX_CONNECTIONS", default_value = "10000", value_parser = count_or_none, help_heading = "Limits")]
    pub max_connections: Limit<usize>,

    /// How many of them one address may have, or none (a /64 of IPv6; trusted proxies are not
    /// counted); further ones are closed
    #[arg(long, value_name = "COUNT", env = "NOVA_MAX_CONNECTIONS_PER_IP", default_value = "2000", value_parser = count_or_none, help_heading = "Limits")]
    pub max_connections_per_ip: Limit<usize>,

    /// How many requests may wait for their page at once, or none; then 503 with Retry-After
    #[arg(long, value_name = "COUNT", env = "NOVA_MAX_REQUESTS", default_value = "5000", value_parser = count_or_none, help_heading = "Limits")]
    pub max_requests: Limit<usize>,

    /// How much memory responses may hold until clients have taken them, or none; then those of
    /// which clients take nothing are cut, and further ones of 16k and more are 503 with Retry-After
    #[arg(long, value_name = "BYTES", env = "NOVA_MAX_RESPONSE_MEMORY", default_value = "256m", value_parser = bytes_or_none, help_heading = "Limits")]
    pub max_response_memory: Limit<u64>,
}

/// Who is believed.
#[derive(Clone, Debug, Args)]
pub struct ProxySettings {
    /// An address or a network of proxies that are believed about their clients; may be repeated
    #[arg(
        long,
        value_name = "CIDR",
        env = "NOVA_TRUSTED_PROXY",
        value_delimiter = ',',
        help_heading = "Behind a proxy"
    )]
    pub trusted_proxy: Vec<Network>,

    /// In which headers the trusted proxies speak: x-forwarded, forwarded or none
    #[arg(
        long,
        value_name = "KIND",
        env = "NOVA_PROXY_HEADERS",
        default_value = "x-forwarded",
        help_heading = "Behind a proxy"
    )]
    pub proxy_headers: ProxyHeaders,

    /// Connections of trusted proxies begin with a header of the PROXY protocol, version 1 or 2
    #[arg(long, env = "NOVA_PROXY_PROTOCOL", value_parser = FalseyValueParser::new(), help_heading = "Behind a proxy")]
    pub proxy_protocol: bool,

    /// Let nginx collect the pieces of streamed responses: do not say `X-Accel-Buffering: no` with
    /// them
    #[arg(long, env = "NOVA_PROXY_BUFFERING", value_parser = FalseyValueParser::new(), help_heading = "Behind a proxy")]
    pub proxy_buffering: bool,
}

impl ProxySettings {
    /// The proxies that are believed.
    #[must_use]
    pub fn trusted(&self) -> Networks {
        self.trusted_proxy.iter().copied().collect()
    }
}

/// What is done to responses.
#[derive(Clone, Debug, Args)]
pub struct ResponseSettings {
    /// Compress nothing
    #[arg(long, env = "NOVA_NO_COMPRESSION", value_parser = FalseyValueParser::new(), help_heading = "Responses")]
    pub no_compression: bool,

    /// Add no headers to HTML that make browsers careful
    #[arg(long, env = "NOVA_NO_SECURITY_HEADERS", value_parser = FalseyValueParser::new(), help_heading = "Responses")]
    pub no_security_headers: bool,

    /// For how long browsers that came over TLS come back over TLS alone, or none
    #[arg(
        long,
        value_name = "SECONDS",
        env = "NOVA_HSTS",
        default_value = "31536000",
        value_parser = time_or_none,
        help_heading = "Responses"
    )]
    pub hsts: Limit<Duration>,

    /// Give requests no id in x-request-id
    #[arg(long, env = "NOVA_NO_REQUEST_IDS", value_parser = FalseyValueParser::new(), help_heading = "Responses")]
    pub no_request_ids: bool,

    /// The media type of public files with this ending or name, such as glb=model/gltf-binary; may
    /// be repeated, and is a table in the settings file
    #[arg(
        long,
        value_name = "NAME=TYPE",
        env = "NOVA_TYPES",
        value_delimiter = ',',
        help_heading = "Responses"
    )]
    pub types: Vec<TypeRule>,
}

/// What is counted.
#[derive(Clone, Debug, Args)]
pub struct MetricsSettings {
    /// Count, and answer Prometheus at this address, such as 127.0.0.1:9464; clients must not
    /// reach it
    #[arg(long, value_name = "ADDR", env = "NOVA_METRICS", help_heading = "Administration")]
    pub metrics: Option<String>,
}
