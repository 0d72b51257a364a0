//! Decides which address a call may connect to, before and while it connects: the address that was judged is the one that
//! is dialled. May not send anything.

use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::kernel::address_rules::AddressRules;
use crate::kernel::doc_url;
use crate::ports::doc_source::{DocServer, DocSourceCode, DocSourceError, Reach};

/// How names become addresses.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// All addresses of a name, now.
    async fn addresses(&self, name: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn addresses(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|a| a.ip()).collect())
    }
}

/// Why a name has no address that may be dialled; travels through the HTTP client as the cause of its error.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: DocSourceCode,
    pub why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refusal {}

/// The rules, and the resolver that keeps to them.
#[derive(Clone)]
pub struct Guard {
    rules: Arc<AddressRules>,
    lookup: Arc<dyn Lookup>,
}

impl Guard {
    /// A guard that keeps to the rules.
    pub fn new(rules: AddressRules, lookup: Arc<dyn Lookup>) -> Self {
        Self {
            rules: Arc::new(rules),
            lookup,
        }
    }

    /// Whether a server may be talked to, as far as its URL tells: names are judged again when they are resolved.
    ///
    /// # Errors
    /// `AddressRefused`, with the way out.
    pub fn judge(&self, server: &DocServer) -> Result<(), DocSourceError> {
        let judged = doc_url::judge(&server.url).and_then(|()| match server.reach {
            Reach::Live { address } => live(&server.url, address),
            Reach::Listed => match literal(&server.url) {
                Some(address) => self.rules.judge(None, address),
                None => self.rules.judge_name(server.url.host_str().unwrap_or_default()),
            },
        });
        judged.map_err(refused)
    }

    /// Whether the address that was connected to is one that was meant.
    ///
    /// # Errors
    /// `AddressRefused`.
    pub fn judge_connected(&self, server: &DocServer, peer: Option<SocketAddr>) -> Result<(), DocSourceError> {
        let Some(peer) = peer else {
            return Err(refused("the connected address is not known".to_owned()));
        };
        let judged = match server.reach {
            Reach::Live { address } if address == peer => Ok(()),
            Reach::Live { address } => Err(format!("connected to {peer} instead of the live service {address}")),
            Reach::Listed => self.rules.judge(server.url.domain(), peer.ip()),
        };
        judged.map_err(refused)
    }

    async fn dialled(&self, name: &str) -> Result<Vec<SocketAddr>, Refusal> {
        let refuse = |why| Refusal {
            code: DocSourceCode::AddressRefused,
            why,
        };
        let unresolved = |why: String| Refusal {
            code: DocSourceCode::NameNotResolved,
            why,
        };
        self.rules.judge_name(name).map_err(refuse)?;
        let found = self.lookup.addresses(name).await;
        let found = found.map_err(|why| unresolved(format!("host '{name}' cannot be resolved: {why}")))?;
        let (mut allowed, mut last) = (Vec::new(), None);
        for address in found {
            match self.rules.judge(Some(name), address) {
                Ok(()) => allowed.push(SocketAddr::new(address.to_canonical(), 0)),
                Err(why) => last = Some(why),
            }
        }
        match (allowed.is_empty(), last) {
            (false, _) => Ok(allowed),
            (true, Some(why)) => Err(refuse(format!("host '{name}' resolves to what is refused: {why}"))),
            (true, None) => Err(unresolved(format!("host '{name}' has no address"))),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let allowed = guard.dialled(name.as_str()).await?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A URL for a live service names exactly its address.
fn live(url: &Url, address: SocketAddr) -> Result<(), String> {
    let named = literal(url).zip(url.port_or_known_default());
    if named == Some((address.ip(), address.port())) {
        return Ok(());
    }
    Err(format!("'{url}' is not the address of the live service {address}"))
}

/// The address that a URL names without a resolver. The HTTP client dials those without asking ours.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

fn refused(why: String) -> DocSourceError {
    DocSourceError {
        code: DocSourceCode::AddressRefused,
        message: why,
    }
}
