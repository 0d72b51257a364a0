//! Repositories over ssh with a real server, where one is installed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use metawsm::ports::secrets::Credential;

use crate::ports;
use crate::stage::{Order, PATIENCE, Stage};

const SSHD: &str = "/usr/sbin/sshd";

/// A server for the user who runs the tests; ended when dropped.
struct Sshd {
    child: Child,
    port: u16,
}

impl Sshd {
    fn start(stage: &Stage) -> Self {
        for key in ["host", "other-host", "client", "stranger"] {
            let path = stage.at(key);
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(path)
                .status();
            assert!(made.unwrap().success());
        }
        std::fs::copy(stage.at("client.pub"), stage.at("authorized")).unwrap();
        // It separates itself from its user in a folder that packages make when the service starts.
        let _ = std::fs::create_dir_all("/run/sshd");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let port = ports::free();
            let mut sshd = Self {
                child: Self::listening(stage, port),
                port,
            };
            // Somebody else may have had the port before it did: then it ended, and another one is tried.
            while sshd.child.try_wait().unwrap().is_none() {
                if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return sshd;
                }
                assert!(Instant::now() < deadline, "sshd does not come up");
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(Instant::now() < deadline, "sshd ends again and again");
        }
    }

    fn listening(stage: &Stage, port: u16) -> Child {
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile {authorized}\nPidFile none\n\
             StrictModes no\nPasswordAuthentication no\nUsePAM no\nPermitRootLogin prohibit-password\n",
            host = stage.at("host").display(),
            authorized = stage.at("authorized").display(),
        );
        stage.write("sshd_config", settings);
        Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(stage.at("sshd_config"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn credential(stage: &Stage, port: u16, host_key: &str, identity: &str) -> Credential {
    let read = |name: &str| std::fs::read_to_string(stage.at(name)).unwrap();
    Credential::Ssh {
        identity: read(identity),
        known_hosts: format!("[127.0.0.1]:{port} {}", read(&format!("{host_key}.pub"))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_key_for_the_right_host_opens() {
    if !Path::new(SSHD).exists() {
        eprintln!("left out: there is no {SSHD} (package openssh-server)");
        return;
    }
    let stage = Stage::new();
    let sshd = Sshd::start(&stage);
    let url = format!(
        "ssh://{}@127.0.0.1:{}{}",
        user(),
        sshd.port,
        stage.at("repos/home").display()
    );
    let good = credential(&stage, sshd.port, "host", "client");
    let order = Order::new("good", &url).opened("key/u-1", &good);
    let outcome = stage.prepare(&order).await.unwrap();
    assert_eq!(
        outcome["repos"][0]["baseCommit"],
        stage.git("repos/home", &["rev-parse", "HEAD"])
    );
    let Credential::Ssh { identity, .. } = &good else {
        panic!("no ssh")
    };
    let line = identity.lines().nth(2).unwrap();
    assert_eq!(stage.files_with(&[line]), Vec::<std::path::PathBuf>::new());

    for (run, host, identity, reason) in [
        ("stranger", "host", "stranger", "CredentialsRefused"),
        ("impostor", "other-host", "client", "RemoteHostKeyRefused"),
    ] {
        let credential = credential(&stage, sshd.port, host, identity);
        let error = stage
            .prepare(&Order::new(run, &url).opened("key/u-2", &credential))
            .await
            .unwrap_err();
        assert_eq!(
            (error.reason.as_str(), error.retriable),
            (reason, false),
            "{}",
            error.message
        );
    }
}
