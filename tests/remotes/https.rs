//! Repositories over https: who is let in, what is told, and that the secret stays where it belongs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metawsm::ports::executor::{Executor, StepName};
use metawsm::ports::secrets::Credential;

use crate::server::Server;
use crate::stage::{Order, PATIENCE, Stage, command_lines_with};

const PASSWORD: &str = "cHf3-very-secret-9Qz";

fn encoded() -> String {
    STANDARD.encode(format!("kim:{PASSWORD}"))
}

fn credential(server: &Server, header: Option<String>) -> Credential {
    Credential::Https {
        authorization: header,
        authority: Some(server.ca.clone()),
        words: vec![encoded(), PASSWORD.to_owned()],
    }
}

fn basic(server: &Server) -> Credential {
    credential(server, Some(format!("Basic {}", encoded())))
}

fn open(stage: &Stage) -> Server {
    Server::start(&stage.at("repos"), &format!("Basic {}", encoded()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_opens_a_repository_and_is_found_nowhere_afterwards() {
    let stage = Stage::new();
    let server = open(&stage);
    let url = server.url("private/home/.git");
    let order = Order::new("r", &url).opened("git/u-1", &basic(&server));
    let outcome = stage.prepare(&order).await.unwrap();
    let base = outcome["repos"][0]["baseCommit"].as_str().unwrap().to_owned();
    assert_eq!(base, stage.git("repos/home", &["rev-parse", "HEAD"]));
    let seeded = stage.seed(&order, &base).await.unwrap();
    assert_eq!(seeded["files"], 1);
    let words = [PASSWORD, &encoded()];
    assert_eq!(stage.files_with(&words), Vec::<std::path::PathBuf>::new());
    assert_eq!(stage.git("ws/team/r/a-1/home", &["remote", "get-url", "origin"]), url);
    assert!(stage.bytes("ws") > 0 && !stage.files_with(&["A-1"]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_opens_too() {
    let stage = Stage::new();
    let server = open(&stage);
    server.want(&format!("Bearer {PASSWORD}"));
    let url = server.url("private/home/.git");
    let token = credential(&server, Some(format!("Bearer {PASSWORD}")));
    stage
        .prepare(&Order::new("r", &url).opened("git/u-1", &token))
        .await
        .unwrap();
    assert_eq!(stage.files_with(&[PASSWORD]), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_asks_for_a_password_gets_none_and_nobody_waits() {
    let stage = Stage::new();
    let server = open(&stage);
    let url = server.url("private/home/.git");
    let only_trusted = credential(&server, None);
    let started = std::time::Instant::now();
    // Whoever waited for a password would wait for so long.
    let patient = |order| Order {
        timeout_seconds: 600,
        ..order
    };
    let order = patient(Order::new("r", &url).opened("ca/u", &only_trusted));
    let error = stage.prepare(&order).await.unwrap_err();
    assert_eq!(
        (error.reason.as_str(), error.retriable),
        ("CredentialsRequired", false),
        "{}",
        error.message
    );
    server.want("Basic other");
    let order = patient(Order::new("q", &url).opened("git/u-1", &basic(&server)));
    let error = stage.prepare(&order).await.unwrap_err();
    assert_eq!(error.reason, "CredentialsRefused", "{}", error.message);
    assert_eq!(
        stage.files_with(&[PASSWORD, &encoded()]),
        Vec::<std::path::PathBuf>::new(),
        "even if the server sends it back"
    );
    assert!(started.elapsed().as_secs() < 600, "nothing waited for an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let stage = Stage::new();
    let server = open(&stage);
    let error = stage
        .prepare(&Order::new("r", &server.url("public/home/.git")))
        .await
        .unwrap_err();
    assert_eq!(
        (error.reason.as_str(), error.retriable),
        ("RemoteCertificateRefused", false),
        "{}",
        error.message
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cache_serves_somebody_whom_the_remote_refuses() {
    let stage = Stage::new();
    let server = open(&stage);
    let url = server.url("private/home/.git");
    let (good, none) = (basic(&server), credential(&server, None));
    stage
        .prepare(&Order::new("r", &url).opened("git/u-1", &good))
        .await
        .unwrap();
    let other_namespace = Order {
        namespace: "other",
        ..Order::new("r", &url).opened("git/u-1", &none)
    };
    for refused in [other_namespace, Order::new("x", &url).opened("ca/u-2", &none)] {
        assert_eq!(stage.prepare(&refused).await.unwrap_err().reason, "CredentialsRequired");
    }
    let same_secret_gone_bad = Order::new("y", &url).opened("git/u-1", &none);
    assert_eq!(
        stage.prepare(&same_secret_gone_bad).await.unwrap_err().reason,
        "CredentialsRequired"
    );
    let caches = std::fs::read_dir(stage.at("data/cache")).unwrap().flatten();
    assert_eq!(
        caches.filter(|e| e.path().is_dir()).count(),
        3,
        "one for each (namespace, url, credential)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_fetch_runs_the_secret_is_in_no_argument_and_in_no_file() {
    let stage = Stage::new();
    let server = open(&stage);
    let url = server.url("hang/home/.git");
    let order = Order::new("r", &url).opened("git/u-1", &basic(&server));
    stage.start(&order).await;
    let deadline = std::time::Instant::now() + PATIENCE;
    while server.hits() == 0 {
        assert!(std::time::Instant::now() < deadline, "the fetch never came");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(!command_lines_with(&url).is_empty(), "a fetch runs");
    assert_eq!(command_lines_with(PASSWORD), Vec::<String>::new());
    assert_eq!(command_lines_with(&encoded()), Vec::<String>::new());
    assert_eq!(
        stage.files_with(&[PASSWORD, &encoded()]),
        Vec::<std::path::PathBuf>::new()
    );
    let key = order.key(StepName::Prepare);
    assert!(!stage.step_folder(&key).join("secrets.json").exists());
    stage.executor.stop_run(&key.run_uid).await.unwrap();
    assert_eq!(command_lines_with(&url), Vec::<String>::new());
    assert_eq!(
        stage.files_with(&[PASSWORD, &encoded()]),
        Vec::<std::path::PathBuf>::new()
    );
}
