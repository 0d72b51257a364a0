//! A real docmgr in the place of the built-in server: found by its flags, or told to be missing.

use std::net::{TcpListener, TcpStream};

use metawsm::adapters::service_folder::DocsProgram;
use metawsm::adapters::services_local::{LocalServiceSettings, LocalServices};
use metawsm::ports::services::Services as _;

use crate::machine::{Machine, ask, key, nothing_left, serving, waiting};

#[tokio::test(flavor = "multi_thread")]
async fn docmgr_gets_a_free_port_of_its_range_and_its_own_flags() {
    let machine = Machine::new();
    let own = env!("CARGO_BIN_EXE_metawsm");
    let told = machine.at("told");
    let text = format!(
        "#!/bin/sh\necho \"$PWD $TZ $*\" > '{}'\n[ \"$1 $2\" = 'api serve' ] || exit 9\nshift 2\nexec '{own}' docs-server \"$@\"\n",
        told.display()
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let first_port = taken.local_addr().unwrap().port().min(65_500);
    let settings = LocalServiceSettings {
        docs: DocsProgram::Docmgr {
            path: machine.script("docmgr", &text),
            first_port,
            last_port: first_port + 20,
        },
        ..machine.settings()
    };
    let (services, key) = (LocalServices::open(settings).unwrap(), key("a"));
    services.start(&key, &machine.docs()).await.unwrap();
    let live = serving(&services, &key).await;
    assert!(
        (first_port..=first_port + 20).contains(&live.addr.port()),
        "{}",
        live.addr
    );
    assert_ne!(live.addr, taken.local_addr().unwrap());
    assert_eq!(
        ask(live.addr, "/api/v1/workspace/status")["root"],
        live.root.to_string_lossy().as_ref()
    );
    let docs = machine.docs();
    let expected = format!(
        "{} UTC api serve --addr {} --root {}\n",
        docs.repo.display(),
        live.addr,
        docs.root.display()
    );
    assert_eq!(std::fs::read_to_string(told).unwrap(), expected);
    services.stop_all("uid-1").await.unwrap();
    assert!(TcpStream::connect(live.addr).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docmgr_that_cannot_be_run_is_told() {
    let machine = Machine::new();
    let settings = LocalServiceSettings {
        docs: DocsProgram::Docmgr {
            path: "/nonexistent/docmgr".into(),
            first_port: 20_000,
            last_port: 40_000,
        },
        ..machine.settings()
    };
    let (services, key) = (LocalServices::open(settings).unwrap(), key("a"));
    services.start(&key, &machine.docs()).await.unwrap();
    let failures = waiting(&services, &key, "/nonexistent/docmgr").await;
    assert!(failures >= 1);
    services.stop_all("uid-1").await.unwrap();
    nothing_left(&machine).await;
}
