//! Remotes that redirect, hang or never stop, and repositories that try to run code.

use std::time::Instant;

use metawsm::ports::executor::{Executor, StepName};
use metawsm::ports::secrets::Credential;

use crate::server::Server;
use crate::stage::{Order, PATIENCE, Stage};

fn trusted(server: &Server) -> Credential {
    Credential::Https {
        authorization: Some("Basic c2VjcmV0".into()),
        authority: Some(server.ca.clone()),
        words: vec!["c2VjcmV0".into()],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_never_followed() {
    let stage = Stage::new();
    let (server, elsewhere) = (
        Server::start(&stage.at("repos"), ""),
        Server::start(&stage.at("repos"), ""),
    );
    let url = server.url("redirect/home/.git");
    let forbidden = format!("https://localhost:{}/public", elsewhere.port);
    for (run, target) in [
        ("a", server.url("public")),
        ("b", elsewhere.url("public")),
        ("c", forbidden),
    ] {
        server.redirect_to(&target);
        let error = stage
            .prepare(&Order::new(run, &url).opened("s/u", &trusted(&server)))
            .await
            .unwrap_err();
        assert_eq!(
            (error.reason.as_str(), error.retriable),
            ("RemoteRedirected", false),
            "{}",
            error.message
        );
    }
    assert_eq!(elsewhere.hits(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_hangs_is_left_after_its_time_while_others_work() {
    let stage = Stage::new();
    let server = Server::start(&stage.at("repos"), "");
    let (hanging, good) = (server.url("hang/home/.git"), server.url("public/home/.git"));
    let hang = Order {
        timeout_seconds: 4,
        ..Order::new("hangs", &hanging).opened("s/u", &trusted(&server))
    };
    let started = Instant::now();
    stage.start(&hang).await;
    stage
        .prepare(&Order::new("works", &good).opened("s/u", &trusted(&server)))
        .await
        .unwrap();
    let error = stage.ended(&hang.key(StepName::Prepare)).await.unwrap_err();
    assert_eq!(
        (error.reason.as_str(), error.retriable),
        ("GitTimedOut", true),
        "{}",
        error.message
    );
    assert!(error.message.contains(&hanging), "{}", error.message);
    assert!(
        started.elapsed() < 2 * PATIENCE,
        "it was left, and the other did not wait for it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_larger_than_allowed_leaves_nothing_on_the_disk() {
    let stage = Stage::new();
    let noise: Vec<u8> = (0..6 << 20).map(|_| rand::random()).collect();
    stage.write("repos/home/large.bin", noise);
    stage.commit("repos/home");
    let server = Server::start(&stage.at("repos"), "");
    let url = server.url("public/home/.git");
    let small = Order {
        max_repo_bytes: 2 << 20,
        ..Order::new("r", &url).opened("s/u", &trusted(&server))
    };
    let error = stage.prepare(&small).await.unwrap_err();
    assert_eq!(
        (error.reason.as_str(), error.retriable),
        ("RepoTooLarge", false),
        "{}",
        error.message
    );
    assert!(error.message.contains("--git-max-repo-bytes"), "{}", error.message);
    assert!(stage.bytes("data/cache") < 1 << 20, "{}", stage.bytes("data/cache"));
}

/// A pack of some kilobytes that would be a work tree of 64 MB.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_swells_is_ended_and_removed() {
    let stage = Stage::new();
    for number in 0..16 {
        stage.write(&format!("repos/home/zeros-{number}"), vec![0; 4 << 20]);
    }
    stage.commit("repos/home");
    let server = Server::start(&stage.at("repos"), "");
    let url = server.url("public/home/.git");
    let small = Order {
        max_repo_bytes: 8 << 20,
        ..Order::new("r", &url).opened("s/u", &trusted(&server))
    };
    let error = stage.prepare(&small).await.unwrap_err();
    assert_eq!(
        (error.reason.as_str(), error.retriable),
        ("RepoTooLarge", false),
        "{}",
        error.message
    );
    assert!(stage.bytes("ws") < 1 << 20, "{}", stage.bytes("ws"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refs_without_end_are_ended_by_memory_or_time() {
    let stage = Stage::new();
    let server = Server::start(&stage.at("repos"), "");
    let url = server.url("endless-refs/home/.git");
    let order = Order {
        timeout_seconds: 15,
        ..Order::new("r", &url).opened("s/u", &trusted(&server))
    };
    let error = stage.prepare(&order).await.unwrap_err();
    assert!(
        ["GitTimedOut", "RepoTooLarge", "FetchFailed"].contains(&error.reason.as_str()),
        "{}: {}",
        error.reason,
        error.message
    );
    eprintln!("refs without end: {} ({})", error.reason, error.message);
    assert!(stage.bytes("data/cache") < 1 << 20);
}

/// Everything by which a repository can make git run something, each leaving a sign; its commit.
fn arm(stage: &Stage, canary: &std::path::Path) -> String {
    let run = format!("touch {}; false", canary.display());
    let script = format!("#!/bin/sh\ntouch '{}'\n", canary.display());
    stage.write(
        "repos/home/.gitattributes",
        "* filter=evil diff=evil merge=evil\n*.md export-subst\n",
    );
    let modules = "[submodule \"s\"]\n\tpath = s\n\turl = ext::sh -c touch\\ x\n\tupdate = !touch x\n";
    stage.write("repos/home/.gitmodules", modules);
    stage.git(
        "repos/home",
        &[
            "update-index",
            "--add",
            "--cacheinfo",
            "160000,1111111111111111111111111111111111111111,s",
        ],
    );
    stage.git("repos/home", &["add", ".gitattributes", ".gitmodules"]);
    stage.git("repos/home", &["commit", "-qm", "hostile"]);
    let head = stage.git("repos/home", &["rev-parse", "HEAD"]);
    for hook in [
        "post-checkout",
        "pre-commit",
        "post-upload-pack",
        "reference-transaction",
        "fsmonitor-watchman",
    ] {
        let path = format!("repos/home/.git/hooks/{hook}");
        stage.write(&path, &script);
        std::fs::set_permissions(stage.at(&path), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    for (key, value) in [
        ("core.sshCommand", run.as_str()),
        ("core.fsmonitor", &run),
        ("core.pager", &run),
        ("core.gitProxy", &run),
        ("core.alternateRefsCommand", &run),
        ("core.hooksPath", stage.at("repos/home/.git/hooks").to_str().unwrap()),
        ("uploadpack.packObjectsHook", &run),
        ("credential.helper", &format!("!{run}")),
        ("filter.evil.smudge", &run),
        ("filter.evil.clean", &run),
        ("filter.evil.process", &run),
        ("diff.evil.command", &run),
        ("merge.evil.driver", &run),
        ("remote.origin.uploadpack", &run),
        (&format!("url.ext::{run}.insteadOf"), "/"),
        ("protocol.allow", "always"),
        ("gpg.program", &run),
    ] {
        stage.git("repos/home", &["config", key, value]);
    }
    head
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_repository_brings_is_run() {
    let stage = Stage::new();
    let canary = stage.at("canary");
    let head = arm(&stage, &canary);
    let server = Server::start(&stage.at("repos"), "");
    let (local, remote) = (stage.at("repos/home"), server.url("public/home/.git"));
    let by_path = Order::new("path", local.to_str().unwrap());
    let by_net = Order::new("net", &remote).opened("s/u", &trusted(&server));
    for order in [by_path, by_net] {
        let outcome = stage.prepare(&order).await.unwrap();
        assert_eq!(outcome["repos"][0]["baseCommit"], head);
        stage.seed(&order, &head).await.unwrap();
        let config = std::fs::read_to_string(stage.at("ws/team").join(order.run).join("a-1/home/.git/config")).unwrap();
        assert!(!config.contains("touch"), "{config}");
    }
    assert!(!canary.exists(), "something ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_without_a_credential_is_refused_before_anything_is_asked() {
    let stage = Stage::new();
    let error = stage
        .prepare(&Order::new("r", "ssh://git@127.0.0.1:9/home"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.reason.as_str(), error.retriable),
        ("CredentialsRequired", false),
        "{}",
        error.message
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_secret_of_a_step_that_is_gone() {
    let stage = Stage::new();
    let key = Order::new("r", "x").key(StepName::Prepare);
    std::fs::create_dir_all(stage.step_folder(&key)).unwrap();
    std::fs::write(stage.step_folder(&key).join("secrets.json"), "{}").unwrap();
    let data = stage.at("data");
    let again = metawsm::adapters::executor_local::LocalExecutor::open(&data, "/nonexistent".into(), 1).unwrap();
    assert!(!stage.step_folder(&key).join("secrets.json").exists());
    again.forget(&key).await.unwrap();
}
