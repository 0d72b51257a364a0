//! Clients and servers' names for the tests of this suite.

use std::net::SocketAddr;
use std::time::Duration;

use metawsm::adapters::docmgr::{Docmgr, DocsLimits};
use metawsm::kernel::address_rules::AddressRules;
use metawsm::ports::doc_source::{DocServer, Reach};

/// More than any answer here needs.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Small, so that tests reach them.
pub const LIMITS: DocsLimits = DocsLimits {
    max_answer_bytes: 1 << 20,
    max_tickets: 3_000,
};

/// Rules of these networks and host suffixes.
pub fn rules(networks: &[&str], suffixes: &[&str]) -> AddressRules {
    let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    AddressRules::read(&owned(networks), &owned(suffixes)).unwrap()
}

/// A client that may reach the loopback.
pub fn client() -> Docmgr {
    client_with(rules(&["127.0.0.0/8"], &[]))
}

/// A client of these rules.
pub fn client_with(rules: AddressRules) -> Docmgr {
    client_of(rules, LIMITS)
}

/// A client of these rules and limits.
pub fn client_of(rules: AddressRules, limits: DocsLimits) -> Docmgr {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Docmgr::new(rules, limits).unwrap()
}

/// A server that somebody wrote down.
pub fn listed(url: &str) -> DocServer {
    DocServer {
        url: url.parse().unwrap(),
        credential: None,
        reach: Reach::Listed,
    }
}

/// A server at an address.
pub fn at(address: SocketAddr) -> DocServer {
    listed(&format!("http://{address}"))
}
