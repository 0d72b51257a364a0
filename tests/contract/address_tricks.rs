//! Every way that we know to make a program connect where it must not: each is a named test, and each shows that nothing
//! was connected to.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use metawsm::adapters::docmgr::Docmgr;
use metawsm::adapters::docmgr::guard::Lookup;
use metawsm::kernel::address_rules::AddressRules;
use metawsm::kernel::doc_url::doc_url;
use metawsm::ports::doc_source::{DocServer, DocSource as _, DocSourceCode, DocSourceError, Reach};

use crate::hostile_server::{Connections, JSON, answering, json_server, status};
use crate::stage::{LIMITS, PATIENCE, at, client_with, listed, rules};

const INDEXED: &str = "2026-11-21T08:36:44Z";

/// Everything that may be opened by wide settings; no special address.
fn wide() -> AddressRules {
    rules(&["0.0.0.0/0", "::/0"], &["example.com"])
}

/// A server on the loopback that must not be connected to.
async fn forbidden() -> (SocketAddr, Connections) {
    json_server(|_| status(INDEXED)).await
}

/// The spelling is refused as a spec's address, and where it is read nevertheless, it is not connected to.
async fn refused(spelling: &str) {
    let (address, connections) = forbidden().await;
    let text = format!("http://{spelling}:{}", address.port());
    if let Ok(url) = text.parse() {
        let server = DocServer {
            url,
            credential: None,
            reach: Reach::Listed,
        };
        let error = client_with(wide()).status(&server, PATIENCE).await.unwrap_err();
        // Not every resolver knows every spelling of this machine's name.
        let unknown = server.url.domain().is_some() && error.code == DocSourceCode::NameNotResolved;
        assert!(
            unknown || error.code == DocSourceCode::AddressRefused,
            "{text}: {error:?}"
        );
    } else {
        assert!(doc_url(&text).is_err(), "{text}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0, "{text}");
}

/// Answers the next of a list of addresses each time, the last one for ever.
struct Changing {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Lookup for Changing {
    async fn addresses(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        Ok(if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        })
    }
}

fn changing(answers: &[&[&str]]) -> Arc<Changing> {
    let read = |list: &&[&str]| list.iter().map(|a| a.parse().unwrap()).collect();
    Arc::new(Changing {
        answers: Mutex::new(answers.iter().map(read).collect()),
        asked: AtomicUsize::new(0),
    })
}

async fn by_name(rules: AddressRules, lookup: &Arc<Changing>, url: &str) -> Result<(), DocSourceError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Docmgr::with_lookup(rules, LIMITS, lookup.clone()).unwrap();
    client.status(&listed(url), PATIENCE).await.map(|_| ())
}

#[tokio::test]
async fn without_settings_no_address_is_connected_to() {
    let (address, connections) = forbidden().await;
    for url in [
        format!("http://{address}"),
        "http://10.0.0.1".to_owned(),
        "http://docs.example.com".to_owned(),
    ] {
        let error = client_with(AddressRules::default())
            .status(&listed(&url), PATIENCE)
            .await
            .unwrap_err();
        assert_eq!(error.code, DocSourceCode::AddressRefused, "{url}: {error}");
        assert!(error.message.contains("--docs-allow-cidr"), "{error}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_listed_loopback_is_connected_to() {
    let (address, _) = forbidden().await;
    let read = client_with(rules(&["127.0.0.1"], &[]))
        .status(&at(address), PATIENCE)
        .await;
    assert_eq!(read.unwrap().root, "/repo/ttmp");
}

#[tokio::test]
async fn the_metadata_address_is_refused() {
    for spelling in [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "0xa9fea9fe",
    ] {
        refused(spelling).await;
    }
}

#[tokio::test]
async fn a_loopback_address_is_refused() {
    for spelling in [
        "127.0.0.1",
        "127.8.8.8",
        "[::1]",
        "localhost",
        "localhost.",
        "LOCALHOST",
    ] {
        refused(spelling).await;
    }
}

#[tokio::test]
async fn a_mapped_ipv6_address_is_refused() {
    for spelling in [
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[::127.0.0.1]",
    ] {
        refused(spelling).await;
    }
}

#[tokio::test]
async fn a_translated_address_is_refused() {
    for spelling in [
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[::ffff:0:127.0.0.1]",
    ] {
        refused(spelling).await;
    }
}

#[tokio::test]
async fn an_octal_address_is_refused() {
    for spelling in ["0177.0.0.1", "0177.0000.0000.0001", "017700000001"] {
        refused(spelling).await;
    }
}

#[tokio::test]
async fn a_hexadecimal_address_is_refused() {
    for spelling in ["0x7f.0.0.1", "0x7f000001", "0X7F.1"] {
        refused(spelling).await;
    }
}

#[tokio::test]
async fn a_decimal_address_is_refused() {
    refused("2130706433").await;
}

#[tokio::test]
async fn a_short_address_is_refused() {
    for spelling in ["127.1", "127.0.1", "0", "0.0.0.0", "[::]"] {
        refused(spelling).await;
    }
}

#[tokio::test]
async fn a_trailing_dot_does_not_help() {
    for spelling in ["127.0.0.1.", "2130706433.", "0x7f.1."] {
        refused(spelling).await;
    }
}

#[tokio::test]
async fn digits_of_other_scripts_are_refused() {
    for spelling in [
        "\u{ff11}\u{ff12}\u{ff17}.\u{ff10}.0.1",
        "\u{2460}\u{2461}\u{2466}.0.0.1",
        "127\u{3002}0\u{3002}0\u{3002}1",
    ] {
        refused(spelling).await;
    }
}

#[tokio::test]
async fn a_percent_encoded_address_is_refused() {
    for spelling in ["%31%32%37.0.0.1", "127%2e0%2e0%2e1", "%6c%6f%63alhost"] {
        refused(spelling).await;
    }
}

#[tokio::test]
async fn userinfo_is_refused() {
    for spelling in [
        "docs.example.com@127.0.0.1",
        "user:word@127.0.0.1",
        "docs.example.com%40127.0.0.1",
    ] {
        refused(spelling).await;
    }
    let server = listed("http://user@docs.example.com");
    let error = client_with(wide()).status(&server, PATIENCE).await.unwrap_err();
    assert_eq!(
        error.code,
        DocSourceCode::AddressRefused,
        "also where the host itself is allowed"
    );
}

#[tokio::test]
async fn other_schemes_are_refused() {
    for url in [
        "ftp://docs.example.com",
        "file:///etc/passwd",
        "gopher://docs.example.com:70/",
        "unix:///run/x",
    ] {
        let error = client_with(wide()).status(&listed(url), PATIENCE).await.unwrap_err();
        assert_eq!(error.code, DocSourceCode::AddressRefused, "{url}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (inside, connections) = forbidden().await;
    for code in [301, 302, 303, 307, 308] {
        let to = format!("Location: http://{inside}/api/v1/workspace/status\r\n");
        let (address, _) = answering(move |_| (code, to.clone(), vec![])).await;
        let error = client_with(rules(&["127.0.0.0/8"], &[]))
            .status(&at(address), PATIENCE)
            .await
            .unwrap_err();
        assert_eq!(error.code, DocSourceCode::Redirected, "{code}: {error}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_loop_is_not_followed() {
    let (address, connections) =
        answering(|_| (302, "Location: /api/v1/workspace/status\r\n".to_owned(), vec![])).await;
    let error = client_with(rules(&["127.0.0.0/8"], &[]))
        .status(&at(address), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code, connections.load(Ordering::SeqCst)),
        (DocSourceCode::Redirected, 1)
    );
}

#[tokio::test]
async fn a_name_that_resolves_to_loopback_is_refused() {
    let (address, connections) = forbidden().await;
    let url = format!("http://docs.example.com:{}", address.port());
    for answer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "0.0.0.0"] {
        let lookup = changing(&[&[answer]]);
        let error = by_name(wide(), &lookup, &url).await.unwrap_err();
        assert_eq!(error.code, DocSourceCode::AddressRefused, "{answer}: {error}");
        assert!(error.message.contains("docs.example.com"), "{error}");
    }
    let both = changing(&[&["127.0.0.1", "::1"]]);
    assert_eq!(
        by_name(wide(), &both, &url).await.unwrap_err().code,
        DocSourceCode::AddressRefused
    );
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_between_check_and_connect_is_dialled_at_the_checked_address() {
    // Both are this machine; the second one must never be dialled.
    let (address, _) = answering(|_| (200, JSON.to_owned(), status(INDEXED).to_string().into_bytes())).await;
    let url = format!("http://docs.example.com:{}", address.port());
    let only_one = rules(&["127.0.0.1"], &["example.com"]);
    let lookup = changing(&[&["127.0.0.1"], &["127.0.0.2"]]);
    by_name(only_one.clone(), &lookup, &url)
        .await
        .expect("what was checked is what was dialled");
    assert_eq!(
        lookup.asked.load(Ordering::SeqCst),
        1,
        "a name is resolved once for one connection"
    );
    let error = by_name(only_one, &lookup, &url).await.unwrap_err();
    assert_eq!(
        error.code,
        DocSourceCode::AddressRefused,
        "and its new answer is judged anew: {error}"
    );
}

#[tokio::test]
async fn of_several_addresses_only_the_listed_ones_are_dialled() {
    let (address, connections) = forbidden().await;
    let url = format!("http://docs.example.com:{}", address.port());
    let lookup = changing(&[&["127.0.0.2", "127.0.0.1", "169.254.169.254"]]);
    by_name(rules(&["127.0.0.1"], &[]), &lookup, &url)
        .await
        .expect("one of them is listed");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_name_without_an_address_is_told_apart_from_a_refused_one() {
    let error = by_name(wide(), &changing(&[&[]]), "http://docs.example.com")
        .await
        .unwrap_err();
    assert_eq!(error.code, DocSourceCode::NameNotResolved);
}

/// Tells the test below that it is the process whose environment names a proxy.
const BEHIND_A_PROXY: &str = "METAWSM_TEST_BEHIND_A_PROXY";

async fn connects_directly_although_a_proxy_is_named() {
    assert!(std::env::var("http_proxy").is_ok());
    let (address, connections) = forbidden().await;
    let client = client_with(rules(&["127.0.0.1"], &[]));
    client
        .status(&at(address), PATIENCE)
        .await
        .expect("it is connected to directly");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_used() {
    if std::env::var_os(BEHIND_A_PROXY).is_some() {
        return connects_directly_although_a_proxy_is_named().await;
    }
    let (proxy, connections) = forbidden().await;
    let proxy = format!("http://{proxy}");
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "address_tricks::a_proxy_of_the_environment_is_not_used"])
        .env(BEHIND_A_PROXY, "1");
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(name, &proxy);
    }
    let done = command
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_live_service_is_reached_at_exactly_its_address_and_by_no_other_name() {
    let (address, connections) = forbidden().await;
    let live = |url: String| DocServer {
        url: url.parse().unwrap(),
        credential: None,
        reach: Reach::Live { address },
    };
    let client = client_with(AddressRules::default());
    client
        .status(&live(format!("http://{address}")), PATIENCE)
        .await
        .expect("the executor lists it");
    for url in [
        format!("http://localhost:{}", address.port()),
        format!("http://127.0.0.2:{}", address.port()),
        "http://127.0.0.1:1".to_owned(),
        "http://127.0.0.1".to_owned(),
        format!("http://user@{address}"),
    ] {
        let error = client.status(&live(url.clone()), PATIENCE).await.unwrap_err();
        assert_eq!(error.code, DocSourceCode::AddressRefused, "{url}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
