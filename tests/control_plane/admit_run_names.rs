//! Admission of a Run's own name, its tickets and its home.

use serde_json::{Value, json};

use crate::admission::Base::Run;
use crate::admission::{About, Case, try_all};

const NAME: About = About(Run, "", "metadata.name must be 1 to 63");
const TICKET: About = About(Run, ".spec.tickets", "begins and ends with a letter or digit");
const DIFFER: About = About(Run, ".spec.tickets", "remove the duplicate");
const HOME_LABEL: About = About(Run, ".spec.docHomeRepo", "give one of spec.repos[].name");
const HOME_KNOWN: About = About(Run, ".spec", "docHomeRepo must be one of spec.repos[].name");

fn tickets(tickets: &[&str]) -> Value {
    json!({ "spec": { "tickets": tickets } })
}

fn named(name: &str) -> Value {
    json!({ "metadata": { "name": name } })
}

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        HOME_KNOWN.takes(json!({"spec": {"docHomeRepo": "web"}})),
        HOME_KNOWN.refuses(json!({"spec": {"docHomeRepo": "docs"}})),
        HOME_KNOWN.refuses(json!({"spec": {"docHomeRepo": "ap"}})),
        HOME_LABEL.takes(json!({"spec": {"docHomeRepo": "api"}})),
        HOME_LABEL.refuses(json!({"spec": {"docHomeRepo": "API"}})),
        HOME_LABEL.refuses(json!({"spec": {"docHomeRepo": "../api"}})),
        NAME.takes(named("a")),
        NAME.takes(named(&"a".repeat(63))),
        NAME.takes(named("relay-2")),
        NAME.refuses(named("a.b")),
        NAME.refuses(named("a--b")),
        NAME.refuses(named(&"a".repeat(64))),
    ];
    for good in ["A", "7", "METAWSM-101", "a_b.c-d", "v1.2", &"x".repeat(63)] {
        cases.push(TICKET.takes(tickets(&[good])));
    }
    for hostile in [
        "../x",
        "..",
        ".",
        ".git",
        "-rf",
        "--help",
        "a b",
        "a--b",
        "a..b",
        "a__b",
        "a._b",
        "a-",
        "a.",
        "_a",
        "a/b",
        "a\\b",
        "🦀",
        "tickét",
        "a\nb",
        "a\n",
        "a\u{0}b",
        "a\u{1b}[31m",
        "a\u{202e}b",
        "a;b",
        "$(id)",
        "a*",
        "a:b",
        "a%2e",
    ] {
        cases.push(TICKET.refuses(tickets(&["METAWSM-101", hostile])));
    }
    cases.push(DIFFER.takes(tickets(&["A-1", "A-2", "A-10", "B-1"])));
    for twin in ["metawsm-101", "METAWSM_101", "Metawsm.101", "METAWSM-101"] {
        cases.push(DIFFER.refuses(tickets(&["METAWSM-101", twin])));
    }
    cases
}

#[tokio::test]
async fn names_tickets_and_homes_are_taken_or_refused_with_the_field_and_the_reason() {
    try_all(cases()).await;
}
