//! Whose signatures a host asks for.

use std::path::PathBuf;

use clap::Args;

use crate::release::trust::{PublicKey, Trust};

/// The flags about trust.
#[derive(Clone, Debug, Default, Args)]
pub struct TrustSettings {
    /// Take only releases that this key has signed (`nova sign`): a public key's file, or its 64
    /// digits; several name keys that are trusted alike
    #[arg(
        long,
        value_name = "PUBKEY",
        env = "NOVA_TRUST",
        value_delimiter = ',',
        value_parser = PublicKey::named,
        help_heading = "Trust",
        // What lies there is not signed.
        conflicts_with = "public"
    )]
    pub trust: Vec<PublicKey>,
}

impl TrustSettings {
    /// What is asked of releases; the public files of signed ones are copied to `copies`.
    #[must_use]
    pub fn trust(&self, copies: Option<PathBuf>) -> Trust {
        Trust::signed_by(&self.trust, copies)
    }
}
