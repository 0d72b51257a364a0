//! Admission of TicketTopologies.

use serde_json::{Value, json};

use crate::admission::Base::Topology;
use crate::admission::{About, Case, spec, try_all};

const NAME: About = About(Topology, "", "metadata.name must be the ticket in lower case");
const CLAIMED: About = About(Topology, "", "only while no run claims the ticket");
const URL_STAYS: About = About(Topology, ".spec", "docHomeURL cannot be removed");
const TICKET: About = About(Topology, ".spec.ticket", "begins and ends with a letter or digit");
const TICKET_STAYS: About = About(Topology, ".spec.ticket", "ticket cannot be changed");
const HOME: About = About(Topology, ".spec.docHomeRepo", "give the repository's name");
const URL: About = About(
    Topology,
    ".spec.docHomeURL",
    "remove white space and control characters",
);
const PATH: About = About(Topology, ".spec.docsPath", "relative to the repository's root");

fn named(name: &str, ticket: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "ticket": ticket } })
}

pub fn cases() -> Vec<Case> {
    [names(), homes(), changes()].concat()
}

fn names() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, ticket) in [
        ("metawsm-101", "METAWSM-101"),
        ("a-b-c", "a_B.c"),
        ("a-b-c", "a-b-c"),
        ("7", "7"),
    ] {
        cases.push(NAME.takes(named(name, ticket)));
        cases.push(TICKET.takes(named(name, ticket)));
    }
    for (name, ticket) in [
        ("metawsm101", "METAWSM-101"),
        ("a.b", "a.b"),
        ("metawsm-102", "METAWSM-101"),
        ("a", "b"),
    ] {
        cases.push(NAME.refuses(named(name, ticket)));
    }
    for (name, ticket) in [
        ("a", "../x"),
        ("a", "-rf"),
        ("a", "a b"),
        ("a--b", "a--b"),
        ("a", "🦀"),
        ("a", "a\nb"),
        ("a", "a\u{1b}[0m"),
        ("a--b", "a._b"),
    ] {
        cases.push(TICKET.refuses(named(name, ticket)));
    }
    cases
}

fn homes() -> Vec<Case> {
    let mut cases = vec![
        HOME.takes(spec(json!({"docHomeRepo": "web-2"}))),
        URL.takes(spec(json!({"docHomeURL": "/srv/a"}))),
        URL.takes(spec(json!({"docHomeURL": null}))),
        PATH.takes(spec(json!({"docsPath": "docs/tickets"}))),
    ];
    cases.extend(["Web", "a/b", "..", "a b", "a\n"].map(|home| HOME.refuses(spec(json!({ "docHomeRepo": home })))));
    let urls = [
        "https://a/b c",
        "/srv/a\nb",
        "/srv/\u{1b}[0m",
        "/srv/\u{202e}a",
        "/srv/a\u{a0}",
    ];
    cases.extend(urls.map(|url| URL.refuses(spec(json!({ "docHomeURL": url })))));
    let paths = [
        "/ttmp",
        "..",
        "a/../b",
        ".git",
        "a//b",
        "a b",
        "a\u{1b}[0m",
        "a\u{202e}b",
    ];
    cases.extend(paths.map(|path| PATH.refuses(spec(json!({ "docsPath": path })))));
    cases
}

fn changes() -> Vec<Case> {
    let claim = json!({"runUID": "u-1", "runName": "relay", "homeURL": "/srv/docs", "since": "2026-11-21T08:00:00Z"});
    let claimed = json!({ "claims": [claim] });
    let free = json!({ "claims": [] });
    let other_ticket = |ticket: &str| spec(json!({ "ticket": ticket }));
    let moved = [
        json!({"docHomeRepo": "web"}),
        json!({"docHomeURL": "https://github.com/b/api"}),
        json!({"docsPath": "docs"}),
    ];
    let fixed = json!({"ticket": "FIXED-1"});
    let mut cases = vec![
        TICKET_STAYS.takes_change(json!({}), spec(json!({"docHomeRepo": "web"}))),
        TICKET_STAYS.refuses_change(
            json!({"metadata": {"name": "fixed-1"}, "spec": fixed}),
            other_ticket("Fixed-1"),
        ),
        TICKET_STAYS.refuses_change(
            json!({"metadata": {"name": "fixed-2"}, "spec": {"ticket": "FIXED-2"}}),
            other_ticket("FIXED_2"),
        ),
        URL_STAYS.takes_change(json!({}), spec(json!({"docHomeURL": "https://github.com/b/api"}))),
        URL_STAYS.takes_change(spec(json!({"docHomeURL": null})), spec(json!({"docHomeURL": "/srv/a"}))),
        URL_STAYS.takes_change(spec(json!({"docHomeURL": null})), spec(json!({"docHomeRepo": "web"}))),
        URL_STAYS.refuses_change(json!({}), spec(json!({"docHomeURL": null}))),
        URL_STAYS
            .refuses_change(json!({}), spec(json!({"docHomeURL": null, "docHomeRepo": "web"})))
            .while_status(free.clone()),
        CLAIMED
            .takes_change(json!({}), json!({"metadata": {"labels": {"a": "b"}}}))
            .while_status(claimed.clone()),
        CLAIMED
            .refuses_change(spec(json!({"docHomeURL": null})), spec(json!({"docHomeURL": "/srv/a"})))
            .while_status(claimed.clone()),
    ];
    for change in moved {
        cases.push(CLAIMED.takes_change(json!({}), spec(change.clone())));
        cases.push(
            CLAIMED
                .takes_change(json!({}), spec(change.clone()))
                .while_status(free.clone()),
        );
        cases.push(
            CLAIMED
                .refuses_change(json!({}), spec(change))
                .while_status(claimed.clone()),
        );
    }
    cases
}

#[tokio::test]
async fn topologies_are_taken_or_refused_with_the_field_and_the_reason() {
    try_all(cases()).await;
}
