//! The Nova host.
