//! Which network addresses we may connect to on behalf of somebody's spec: none, but those that the settings list. Pure;
//! resolves nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Never connected to, whatever the settings say (IANA's special-purpose registries).
const NEVER: [(&str, &str); 5] = [
    ("0.0.0.0/8", "an address of nobody"),
    ("224.0.0.0/4", "a multicast address"),
    ("240.0.0.0/4", "a reserved or broadcast address"),
    ("::/128", "an address of nobody"),
    ("ff00::/8", "a multicast address"),
];

/// Opened only by a listed network that lies wholly inside: `127.0.0.0/8` opens the loopback, `0.0.0.0/0` does not. From
/// IANA's special-purpose registries, and the metadata services of cloud providers.
const SPECIAL: [(&str, &str); 25] = [
    ("127.0.0.0/8", "a loopback address"),
    ("::1/128", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a site-local address"),
    ("169.254.169.253/32", "a cloud provider's name server"),
    ("169.254.169.254/32", "a metadata service"),
    ("169.254.170.2/32", "a metadata service"),
    ("169.254.170.23/32", "a metadata service"),
    ("100.100.100.200/32", "a metadata service"),
    ("168.63.129.16/32", "a metadata service"),
    ("192.0.0.192/32", "a metadata service"),
    ("fd00:ec2::254/128", "a metadata service"),
    ("fd00:ec2::23/128", "a metadata service"),
    ("fd20:ce::254/128", "a metadata service"),
    ("192.0.0.0/24", "a special-purpose address"),
    ("192.88.99.0/24", "an address of a 6to4 relay"),
    ("198.18.0.0/15", "an address for benchmarks"),
    ("100::/64", "a discard address"),
    ("::/96", "an IPv4 address in IPv6 clothes"),
    ("64:ff9b::/96", "an IPv4 address behind NAT64"),
    ("64:ff9b:1::/48", "an IPv4 address behind NAT64"),
    ("2002::/16", "an IPv4 address in 6to4 clothes"),
    ("2001::/32", "an IPv4 address in Teredo clothes"),
    ("::ffff:0:0:0/96", "an IPv4 address in IPv6 clothes"),
];

/// What the settings allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRules {
    networks: Vec<IpNet>,
    /// Lower case, without leading or trailing dot; `true`: only what is below it.
    suffixes: Vec<(String, bool)>,
}

impl AddressRules {
    /// Reads networks like `10.0.0.0/8` or `10.1.2.3`, and suffixes like `docs.example.com` (the name and all below it) or
    /// `.svc.cluster.local` (all below it).
    ///
    /// # Errors
    /// What is wrong with the first bad one, and how to write it.
    pub fn read(networks: &[String], suffixes: &[String]) -> Result<Self, String> {
        Ok(Self {
            networks: networks.iter().map(|text| network(text)).collect::<Result<_, _>>()?,
            suffixes: suffixes.iter().map(|text| suffix(text)).collect::<Result<_, _>>()?,
        })
    }

    /// Whether nothing at all is allowed.
    pub fn allow_nothing(&self) -> bool {
        self.networks.is_empty() && self.suffixes.is_empty()
    }

    /// Whether a name may be resolved at all: by its suffix, or because its addresses may be listed.
    ///
    /// # Errors
    /// Why not, and the way out.
    pub fn judge_name(&self, name: &str) -> Result<(), String> {
        if self.names(name) || !self.networks.is_empty() {
            return Ok(());
        }
        Err(format!("host '{name}' is not listed; {WAY_OUT}"))
    }

    /// Whether an address may be connected to, reached by that name where it was reached by one.
    ///
    /// # Errors
    /// Why not, and the way out.
    pub fn judge(&self, name: Option<&str>, address: IpAddr) -> Result<(), String> {
        let address = address.to_canonical();
        for face in faces(address) {
            if let Some((_, what)) = holding(&NEVER, face).next() {
                return Err(format!("{address} is {what}, which is never connected to"));
            }
            for (special, what) in holding(&SPECIAL, face) {
                if !self.networks.iter().any(|n| special.contains(n) && n.contains(&face)) {
                    return Err(format!(
                        "{address} is {what}, which only a network inside of {special} in --docs-allow-cidr opens"
                    ));
                }
            }
        }
        if self.networks.iter().any(|n| n.contains(&address)) || name.is_some_and(|name| self.names(name)) {
            return Ok(());
        }
        Err(format!("{address} is not listed; {WAY_OUT}"))
    }

    fn names(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        self.suffixes
            .iter()
            .any(|(suffix, below)| match name.strip_suffix(suffix.as_str()) {
                Some("") => !below,
                Some(rest) => rest.ends_with('.') && rest.len() > 1,
                None => false,
            })
    }
}

const WAY_OUT: &str = "addresses are refused unless whoever runs the controller lists their network in --docs-allow-cidr \
or their name in --docs-allow-host-suffix";

/// The address, and the IPv4 addresses that it may stand for.
fn faces(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let inner = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(six) => inner_address(six),
    };
    std::iter::once(address).chain(inner.map(IpAddr::V4))
}

/// The IPv4 address that a translator or tunnel would connect to.
fn inner_address(six: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = six.segments();
    let pair = |at: usize| (u32::from(parts[at]) << 16) | u32::from(parts[at + 1]);
    let last = Ipv4Addr::from(pair(6));
    match parts {
        [0x2002, ..] => Some(Ipv4Addr::from(pair(1))),
        [0x2001, 0, ..] => Some(Ipv4Addr::from(!pair(6))),
        [0x64, 0xff9b, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [_, _, _, _, _, 0x5efe, ..] => Some(last),
        [0, 0, 0, 0, 0, 0, ..] if pair(6) > 1 => Some(last),
        _ => None,
    }
}

fn holding(table: &'static [(&str, &str)], address: IpAddr) -> impl Iterator<Item = (IpNet, &'static str)> {
    table
        .iter()
        .filter_map(|(network, what)| Some((network.parse::<IpNet>().ok()?, *what)))
        .filter(move |(network, _)| network.contains(&address))
}

fn network(text: &str) -> Result<IpNet, String> {
    let written = text.trim();
    let read = match written.contains('/') {
        true => written.parse::<IpNet>().ok(),
        false => written.parse::<IpAddr>().ok().map(IpNet::from),
    };
    let read =
        read.ok_or_else(|| format!("'{text}' is no network: write it like 10.0.0.0/8, 10.1.2.3 or fd00:1::/64"))?;
    if read != read.trunc() {
        return Err(format!(
            "'{text}' names an address inside of its network: write {}",
            read.trunc()
        ));
    }
    if read.addr().to_canonical() != read.addr() {
        return Err(format!("'{text}' is an IPv4 network in IPv6 clothes: write it as IPv4"));
    }
    Ok(read)
}

fn suffix(text: &str) -> Result<(String, bool), String> {
    let written = text.trim();
    let (rest, below) = match written.strip_prefix("*.").or_else(|| written.strip_prefix('.')) {
        Some(rest) => (rest, true),
        None => (written, false),
    };
    let name = rest.strip_suffix('.').unwrap_or(rest).to_ascii_lowercase();
    let label = |label: &str| {
        let plain = label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        plain && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    let last_is_number = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit()));
    if name.len() > 253 || last_is_number || !name.split('.').all(label) {
        return Err(format!(
            "'{text}' is no host suffix: write it like docs.example.com, or .svc.cluster.local for what is below only"
        ));
    }
    Ok((name, below))
}

#[cfg(test)]
mod tests;
