//! What a path below `/docs/` asks for: one of a closed list of things, or nothing. Pure. Nothing is decoded: whatever is
//! asked for can be written without a `%`.

use crate::kernel::ticket::is_ticket;

/// The read routes of docmgr that are passed on. Never `files/*`, which serves the whole checkout, and nothing that writes.
const ROUTES: [&str; 14] = [
    "workspace/status",
    "workspace/summary",
    "workspace/tickets",
    "workspace/facets",
    "workspace/recent",
    "workspace/topics",
    "workspace/topics/get",
    "tickets/get",
    "tickets/docs",
    "tickets/tasks",
    "tickets/graph",
    "docs/get",
    "search/docs",
    "search/files",
];

/// A workspace's documents, and what of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    pub namespace: &'a str,
    pub run: &'a str,
    pub ticket: &'a str,
    pub part: Part,
}

/// What of a workspace's documents is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The page of the ticket.
    Ticket,
    /// The page of one document, named in the query.
    Document,
    /// An answer of docmgr's API.
    Api(&'static str),
}

/// Reads a path behind `/docs/`.
pub fn target(path: &str) -> Option<Target<'_>> {
    let mut parts = path.splitn(4, '/');
    let (namespace, run, ticket) = (parts.next()?, parts.next()?, parts.next()?);
    if !is_label(namespace) || !is_name(run) || !is_ticket(ticket) {
        return None;
    }
    let part = match parts.next().unwrap_or_default() {
        "" => Part::Ticket,
        "doc" => Part::Document,
        below => {
            let route = below.strip_prefix("api/v1/")?;
            Part::Api(ROUTES.into_iter().find(|known| *known == route)?)
        }
    };
    Some(Target {
        namespace,
        run,
        ticket,
        part,
    })
}

/// A DNS label.
fn is_label(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('-') && !name.ends_with('-')
}

/// A DNS name.
fn is_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_is_a_closed_list() {
        let part = |path: &str| target(path).map(|t| t.part);
        assert_eq!(part("ns/run/A-1/"), Some(Part::Ticket));
        assert_eq!(part("ns/run/A-1"), Some(Part::Ticket));
        assert_eq!(part("ns/run.a/A-1/doc"), Some(Part::Document));
        assert_eq!(part("ns/run/A_1.b/api/v1/docs/get"), Some(Part::Api("docs/get")));
        for route in ROUTES {
            assert_eq!(part(&format!("n/r/T/api/v1/{route}")), Some(Part::Api(route)));
        }
    }

    #[test]
    fn everything_else_is_nothing() {
        for path in [
            "",
            "ns",
            "ns/run",
            "ns/run/",
            "NS/run/A-1/",
            "ns/run/A--1/",
            "ns/run/A-1/api/v1/files/get",
            "ns/run/A-1/api/v1/index/refresh",
            "ns/run/A-1/api/v1/tickets/tasks/add",
            "ns/run/A-1/api/v1/docs/get/",
            "ns/run/A-1/api/v1/docs/get/../../files/get",
            "ns/run/A-1/api/v1/workspace/%2e%2e/files/get",
            "ns/run/A-1/api/v1/workspace/..%2f..%2ffiles/get",
            "ns/run/A-1/api/v1//docs/get",
            "ns/run/A-1//api/v1/docs/get",
            "ns/run/A-1/api\\v1\\docs/get",
            "ns/run/A-1/api/v2/docs/get",
            "ns/run/A-1/doc/",
            "ns/run/../A-1/",
            "../run/A-1/",
            "./run/A-1/",
            "ns/run/%41-1/",
            "ns/run/A-1%00/",
            "ns/run/<script>/",
        ] {
            assert_eq!(target(path), None, "{path}");
        }
    }
}
