//! Whether a Run holds the claims on all its tickets, may take them, or must keep off. Pure.
//! All or none, in sorted order: two Runs that want the same tickets meet at the first of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt as _;

use super::crd::Run;
use super::home::{Home, Refusal, agrees, resolve};
use crate::kernel::ticket::topology_name;
use crate::ticket_topology::crd::TicketTopology;

/// Where a Run stands with its tickets' topologies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claiming {
    /// Every claim is held.
    Held(Home),
    /// These tickets' claims are still to be taken, in this order.
    Take(Home, Vec<String>),
    /// Not now; claims that are held are given back.
    Wait {
        reason: &'static str,
        message: String,
        release: Vec<String>,
    },
    /// Not as things are; claims that are held are given back.
    Refused { refusal: Refusal, release: Vec<String> },
}

/// Compares what the Run wants with what the topologies say. A Run that was accepted before keeps what it holds,
/// whatever becomes of the rest.
pub fn claiming(run: &Run, topologies: &BTreeMap<String, Arc<TicketTopology>>) -> Claiming {
    let accepted = run.status.as_ref().is_some_and(|s| s.docs.is_some());
    let mut tickets: Vec<_> = run.spec.tickets.iter().map(|t| (topology_name(t), t.clone())).collect();
    tickets.sort();
    let held: Vec<_> = tickets
        .iter()
        .filter(|(n, _)| topologies.get(n).is_some_and(|t| holds(run, t)))
        .cloned()
        .collect();
    let release = || {
        if accepted {
            vec![]
        } else {
            held.iter().map(|(_, t)| t.clone()).collect()
        }
    };
    let home = match resolve(run, topologies) {
        Ok(home) => home,
        Err(refusal) => {
            return Claiming::Refused {
                refusal,
                release: release(),
            };
        }
    };
    let mut missing = Vec::new();
    for (name, ticket) in &tickets {
        let Some(topology) = topologies.get(name) else {
            missing.push(ticket.clone());
            continue;
        };
        if let Err(refusal) = agrees(run, &home, ticket, topology) {
            return Claiming::Refused {
                refusal,
                release: release(),
            };
        }
        if holds(run, topology) {
            continue;
        }
        if topology.metadata.deletion_timestamp.is_some() {
            let message = format!("TicketTopology '{name}' is being deleted; waiting until it is gone");
            return Claiming::Wait {
                reason: "TopologyDeleting",
                message,
                release: release(),
            };
        }
        missing.push(ticket.clone());
    }
    if missing.is_empty() {
        Claiming::Held(home)
    } else {
        Claiming::Take(home, missing)
    }
}

/// Whether the Run's claim stands on the topology.
pub fn holds(run: &Run, topology: &TicketTopology) -> bool {
    let uid = run.uid().unwrap_or_default();
    topology
        .status
        .as_ref()
        .is_some_and(|s| s.claims.iter().any(|c| c.run_uid == uid))
}
