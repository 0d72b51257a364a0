//! Admission of DocEndpoints: addresses and lengths of time.

use serde_json::json;

use crate::admission::Base::DocEndpoint;
use crate::admission::{About, Case, spec, try_all};

const ADDRESS: &str = "give an http:// or https:// address";
const NO_USER: &str = "remove the user or password";

pub fn cases() -> Vec<Case> {
    [
        addresses(".spec.url", "url"),
        addresses(".spec.webURL", "webURL"),
        lengths(),
    ]
    .concat()
}

fn addresses(path: &'static str, field: &str) -> Vec<Case> {
    let (shape, user) = (About(DocEndpoint, path, ADDRESS), About(DocEndpoint, path, NO_USER));
    let with = |url: &str| spec(json!({ field: url }));
    let mut cases = Vec::new();
    for url in [
        "http://docs.team-a.svc:8787",
        "https://docs.example.com/handbook/",
        "http://127.0.0.1:1",
        "http://[::1]:8787/a",
        "https://a/%7Eb",
    ] {
        cases.push(shape.takes(with(url)));
        cases.push(user.takes(with(url)));
    }
    for url in [
        "docs.example.com",
        "ftp://a",
        "file:///etc/passwd",
        "gopher://a:70/x",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://a?b=c",
        "http://a/#b",
        "http://a b",
        "http://a/\n",
        "http://a/\u{202e}",
        "http://a:port",
        "HTTP://A",
    ] {
        cases.push(shape.refuses(with(url)));
    }
    for url in [
        "http://user@a",
        "https://user:secret@a/b",
        "http://@a",
        "http://169.254.169.254@a",
        "http://a:80@b",
        "http://a\\@b",
    ] {
        cases.push(user.refuses(with(url)));
    }
    cases
}

fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    let tables = [
        (
            "interval",
            "like 30s, 5m or 1h30m",
            "at least 1s and at most 24h",
            &["1s", "24h", "1h30m", "1m30s", "1500ms"][..],
            &["0s", "999ms", "25h", "24h1s"][..],
        ),
        (
            "timeout",
            "like 5s or 500ms",
            "at least 100ms and at most 1m",
            &["100ms", "1m", "5s", "1s500ms"],
            &["99ms", "61s", "0m", "1h"],
        ),
        (
            "staleAfter",
            "like 15m or 12h",
            "at least 1s and at most 9999h",
            &["1s", "9999h", "12h", "10080m"],
            &["0s", "500ms", "0h0m", "9999h1m"],
        ),
    ];
    for (field, form, range, good, outside) in tables {
        let path = match field {
            "interval" => ".spec.interval",
            "timeout" => ".spec.timeout",
            _ => ".spec.staleAfter",
        };
        let with = |length: &str| spec(json!({ field: length }));
        for length in good {
            cases.push(About(DocEndpoint, path, form).takes(with(length)));
            cases.push(About(DocEndpoint, path, range).takes(with(length)));
        }
        for length in outside {
            cases.push(About(DocEndpoint, path, range).refuses(with(length)));
        }
        for length in ["soon", "-5s", "1.5s", "5 s", "s5", "30", "1s1h", "99999999999h", "P1D"] {
            cases.push(About(DocEndpoint, path, form).refuses(with(length)));
        }
    }
    cases
}

#[tokio::test]
async fn addresses_and_lengths_of_time_are_taken_or_refused_with_the_field_and_the_reason() {
    try_all(cases()).await;
}
