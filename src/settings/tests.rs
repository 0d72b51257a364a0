//! The arguments of the controller as they are typed.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ControllerArgs,
}

fn parse(line: &[&str]) -> anyhow::Result<ControllerArgs> {
    let words = std::iter::once("metawsm").chain(line.iter().copied());
    Line::try_parse_from(words)?.args.validated()
}

#[test]
fn defaults_are_loopback_and_forbid_local_repositories() {
    let settings = parse(&[]).unwrap();
    assert!(settings.http_listen.ip().is_loopback());
    assert!(settings.run_settings().rules.local_roots.is_empty());
    assert!(settings.run_settings().secret_namespaces.is_empty());
}

#[test]
fn lists_of_networks_and_hosts_are_repeated_or_separated_by_commas() {
    let line = [
        "--docs-allow-cidr",
        "10.0.0.0/8,127.0.0.1",
        "--docs-allow-cidr",
        "fd00::/8",
    ];
    let rules = parse(&line).unwrap().docs.address_rules().unwrap();
    for allowed in ["10.1.1.1", "127.0.0.1", "fd00::1"] {
        assert_eq!(rules.judge(None, allowed.parse().unwrap()), Ok(()), "{allowed}");
    }
    assert!(parse(&[]).unwrap().docs.address_rules().unwrap().allow_nothing());
}

#[test]
fn what_is_wrong_is_named_with_its_flag() {
    for (line, flag) in [
        (["--git-local-roots", "repos"], "--git-local-roots"),
        (["--lease-duration", "1s"], "--lease-duration"),
        (["--lease-duration", "soon"], "--lease-duration"),
        (["--redis-url", "http://x"], "--redis-url"),
        (["--concurrency", "0"], "--concurrency"),
        (["--orphan-retention", "0d"], "--orphan-retention"),
        (["--cache-retention", "soon"], "--cache-retention"),
        (["--housekeeping-interval", "0s"], "--housekeeping-interval"),
        (["--docs-allow-cidr", "10.0.0.1/8"], "--docs-allow-cidr"),
        (["--docs-allow-host-suffix", "*"], "--docs-allow-host-suffix"),
        (["--docs-max-tickets", "0"], "--docs-max-tickets"),
        (["--docs-refresh-interval", "0s"], "--docs-refresh-interval"),
        (["--public-url", "docs.example.com"], "--public-url"),
        (["--public-url", "https://user@docs.example.com"], "--public-url"),
    ] {
        let error = parse(&line).expect_err("must be refused").to_string();
        assert!(error.contains(flag), "{line:?}: {error}");
    }
}
