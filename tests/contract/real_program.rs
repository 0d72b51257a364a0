//! The real docmgr, where it is on the PATH.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use metawsm::ports::doc_source::{DocSource as _, ServerStatus};

use crate::stage::{PATIENCE, at, client};

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_real_program_is_read_like_its_recordings() {
    if Command::new("docmgr").arg("--help").output().is_err() {
        eprintln!("docmgr is not on the PATH: only its recorded answers were read");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/docmgr/example-ttmp/.");
    let root = folder.path().join("ttmp");
    let copied = Command::new("cp").args(["-r", example]).arg(&root).status().unwrap();
    assert!(copied.success());
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new("docmgr");
    command
        .args(["api", "serve", "--addr", &free.to_string(), "--root"])
        .arg(&root);
    command
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _served = Served(command.spawn().unwrap());
    let before = until_up(free).await;
    assert_eq!(before.root, root.to_str().unwrap());
    let list = client().tickets(&at(free), PATIENCE).await.unwrap();
    assert!(list.rows.iter().any(|r| r.ticket == "METAWSM-101"), "{list:?}");
    assert_eq!(list.duplicates, ["DUP-1"]);
    let refreshed = client().refresh(&at(free), PATIENCE).await.unwrap();
    assert!(Some(refreshed.indexed_at) > before.indexed_at);
}

async fn until_up(address: std::net::SocketAddr) -> ServerStatus {
    let end = Instant::now() + PATIENCE;
    loop {
        match client().status(&at(address), Duration::from_secs(2)).await {
            Ok(status) => return status,
            Err(error) => assert!(Instant::now() < end, "docmgr did not come up: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
