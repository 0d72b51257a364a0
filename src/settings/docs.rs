//! Settings about documents' servers: which addresses may be connected to, and how much one server may answer.

use clap::Args;

use super::derived::named;
use crate::kernel::address_rules::AddressRules;

/// The part of the settings of `metawsm controller` that is about documents' servers.
#[derive(Args, Clone, Debug)]
pub struct DocsArgs {
    /// Networks of documents' servers that DocEndpoints may name, comma-separated or repeated, like 10.0.0.0/8. Loopback,
    /// link-local and metadata addresses are opened only by a network inside of their own range [default: none]
    #[arg(
        long = "docs-allow-cidr",
        env = "METAWSM_DOCS_ALLOW_CIDR",
        value_delimiter = ',',
        value_name = "CIDR",
        help_heading = "Documents"
    )]
    pub allow_cidr: Vec<String>,

    /// Hosts that DocEndpoints may name, comma-separated or repeated: docs.example.com (and all below it), or
    /// .svc.cluster.local (only what is below it). Special addresses stay refused [default: none]
    #[arg(
        long = "docs-allow-host-suffix",
        env = "METAWSM_DOCS_ALLOW_HOST_SUFFIX",
        value_delimiter = ',',
        value_name = "SUFFIX",
        help_heading = "Documents"
    )]
    pub allow_host_suffix: Vec<String>,

    /// Most bytes that one answer of a documents' server may have
    #[arg(long = "docs-max-answer-bytes", env = "METAWSM_DOCS_MAX_ANSWER_BYTES", default_value_t = 4 << 20, value_parser = clap::value_parser!(u32).range(64 << 10..), help_heading = "Documents")]
    pub max_answer_bytes: u32,

    /// Most tickets that one documents' server may have
    #[arg(long = "docs-max-tickets", env = "METAWSM_DOCS_MAX_TICKETS", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Documents")]
    pub max_tickets: u32,
}

impl DocsArgs {
    /// Which addresses may be connected to.
    ///
    /// # Errors
    /// The first entry that is wrong, with its flag and how to write it.
    pub fn address_rules(&self) -> Result<AddressRules, String> {
        let (networks, suffixes) = (named(&self.allow_cidr), named(&self.allow_host_suffix));
        AddressRules::read(&networks, &[]).map_err(|why| format!("--docs-allow-cidr {why}"))?;
        AddressRules::read(&networks, &suffixes).map_err(|why| format!("--docs-allow-host-suffix {why}"))
    }
}
