//! A supervisor that crashes between any two of its steps.

use metawsm::adapters::services_local::{LocalServiceSettings, LocalServices};
use metawsm::ports::services::{ServiceState, Services as _};

use crate::machine::{Machine, key, until};

/// Killed, or made to fail, between any two steps of starting: in the end there is one server, and after the stop none.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_of_starting_leaves_one_server_and_no_orphan() {
    let own = env!("CARGO_BIN_EXE_metawsm");
    for place in ["after_identity", "after_spawn", "after_announce", "after_setback"] {
        for action in ["kill", "panic", "error"] {
            let machine = Machine::new();
            let once = machine.at("once");
            let text = format!(
                "#!/bin/sh\nFAILPOINTS='service.{place}=return({action} {})' exec '{own}' \"$@\"\n",
                once.display()
            );
            let settings = LocalServiceSettings {
                program: machine.script("program", &text),
                ..machine.settings()
            };
            let (services, key) = (LocalServices::open(settings).unwrap(), key("a"));
            let docs = machine.docs();
            if place == "after_setback" {
                std::fs::rename(&docs.root, machine.at("away")).unwrap();
                std::fs::write(&docs.root, "no folder").unwrap();
            }
            let hit = || async {
                if services.look(&key).await.unwrap() == ServiceState::Absent {
                    services.start(&key, &docs).await.unwrap();
                }
                once.exists().then_some(())
            };
            until(&format!("{place} {action}"), hit).await;
            if place == "after_setback" {
                std::fs::remove_file(&docs.root).unwrap();
                std::fs::rename(machine.at("away"), &docs.root).unwrap();
            }
            until("an answer", || async {
                let state = services.look(&key).await.unwrap();
                if state == ServiceState::Absent {
                    services.start(&key, &docs).await.unwrap();
                }
                matches!(state, ServiceState::Serving(_)).then_some(())
            })
            .await;
            until("one of each", || async {
                let (supervisors, servers) = machine.processes();
                (supervisors.len() == 1 && servers.len() == 1).then_some(())
            })
            .await;
            services.stop_all("uid-1").await.unwrap();
            assert_eq!(machine.processes(), (vec![], vec![]), "{place} {action}");
        }
    }
}
