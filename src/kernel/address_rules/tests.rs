//! Tables of addresses and settings, and what becomes of them.

use super::*;

fn rules(networks: &[&str], suffixes: &[&str]) -> AddressRules {
    let owned = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
    AddressRules::read(&owned(networks), &owned(suffixes)).unwrap()
}

fn judged(rules: &AddressRules, address: &str) -> Result<(), String> {
    rules.judge(None, address.parse().unwrap())
}

#[test]
fn every_table_is_readable() {
    for (network, _) in NEVER.iter().chain(&SPECIAL) {
        let read: IpNet = network.parse().unwrap();
        assert_eq!(read, read.trunc(), "{network}");
    }
}

#[test]
fn without_settings_everything_is_refused() {
    for address in ["8.8.8.8", "10.0.0.1", "127.0.0.1", "2606:4700::1", "fd00::1"] {
        assert!(judged(&AddressRules::default(), address).is_err(), "{address}");
    }
    assert!(AddressRules::default().allow_nothing());
}

#[test]
fn a_wide_network_opens_no_special_address() {
    let all = rules(&["0.0.0.0/0", "::/0"], &[]);
    for address in [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "169.254.169.254",
        "169.254.1.1",
        "100.100.100.200",
        "fe80::1",
        "fd00:ec2::254",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
        "::127.0.0.1",
        "2001:0:1:2:3:4:5:6",
        "2606::5efe:127.0.0.1",
    ] {
        assert!(judged(&all, address).is_err(), "{address}");
    }
    for address in [
        "8.8.8.8",
        "10.0.0.1",
        "192.168.1.1",
        "fd00::1",
        "2606:4700::1",
        "::ffff:10.0.0.1",
    ] {
        assert_eq!(judged(&all, address), Ok(()), "{address}");
    }
}

#[test]
fn a_special_address_is_opened_by_a_network_inside_of_its_own() {
    assert_eq!(judged(&rules(&["127.0.0.0/8"], &[]), "127.0.0.1"), Ok(()));
    assert_eq!(judged(&rules(&["127.0.0.1"], &[]), "::ffff:127.0.0.1"), Ok(()));
    assert_eq!(judged(&rules(&["169.254.7.0/24"], &[]), "169.254.7.7"), Ok(()));
    assert!(judged(&rules(&["169.254.0.0/16"], &[]), "169.254.169.254").is_err());
    assert_eq!(judged(&rules(&["169.254.169.254"], &[]), "169.254.169.254"), Ok(()));
    assert!(judged(&rules(&["0.0.0.0/8", "ff00::/8"], &[]), "0.0.0.0").is_err());
    assert!(judged(&rules(&["64:ff9b::/96"], &[]), "64:ff9b::127.0.0.1").is_err());
    assert_eq!(judged(&rules(&["64:ff9b::/96"], &[]), "64:ff9b::10.0.0.1"), Ok(()));
}

#[test]
fn a_suffix_allows_names_and_never_a_special_address() {
    let named = rules(&[], &["docs.example.com", ".svc.cluster.local"]);
    let ten = "10.0.0.1".parse().unwrap();
    for name in ["docs.example.com", "a.DOCS.example.com.", "x.svc.cluster.local"] {
        assert_eq!(named.judge(Some(name), ten), Ok(()), "{name}");
        assert!(named.judge(Some(name), "127.0.0.1".parse().unwrap()).is_err(), "{name}");
        assert!(
            named.judge(Some(name), "169.254.169.254".parse().unwrap()).is_err(),
            "{name}"
        );
    }
    for name in [
        "evildocs.example.com",
        "svc.cluster.local",
        ".svc.cluster.local",
        "example.com",
        "",
    ] {
        assert!(named.judge(Some(name), ten).is_err(), "{name}");
        assert!(named.judge_name(name).is_err(), "{name}");
    }
    assert!(named.judge(None, ten).is_err());
}

#[test]
fn bad_settings_are_refused_with_the_way_to_write_them() {
    for text in [
        "10.0.0.1/8",
        "10.0.0.0/33",
        "ten",
        "",
        "::ffff:10.0.0.0/104",
        "010.0.0.1",
        "10.0/8",
    ] {
        assert!(AddressRules::read(&[text.to_owned()], &[]).is_err(), "{text}");
    }
    for text in [
        "*",
        "",
        ".",
        "a..b",
        "10.0.0.1",
        "0x7f",
        "-a.b",
        "a b",
        "ex\u{e4}mple.com",
        "http://a.b",
    ] {
        assert!(AddressRules::read(&[], &[text.to_owned()]).is_err(), "{text}");
    }
}
