//! The marks that we leave in a cluster and that must be found when leaving it: finalizers, in the order in which they may go,
//! and who writes the Lease. Names only.

/// Field manager of the Lease, whatever the Lease is called.
pub const LEASE_MANAGER: &str = "metawsm-lease";

/// A kind, as the API names it, and its finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub kind: &'static str,
    pub plural: &'static str,
    pub finalizer: &'static str,
}

pub const DOC_ENDPOINT: Held = Held {
    kind: "DocEndpoint",
    plural: "docendpoints",
    finalizer: "metawsm.dev/docendpoint",
};
pub const RUN: Held = Held {
    kind: "Run",
    plural: "runs",
    finalizer: "metawsm.dev/run",
};
pub const TOPOLOGY: Held = Held {
    kind: "TicketTopology",
    plural: "tickettopologies",
    finalizer: "metawsm.dev/topology",
};
pub const THREAD: Held = Held {
    kind: "ForumThread",
    plural: "forumthreads",
    finalizer: "metawsm.dev/thread",
};

/// As the controller itself ends them: endpoints before the Run that owns them (a deletion in the foreground waits for
/// them), a Run before the topologies that it claims, threads last, for they outlive all of these.
pub const IN_ORDER: [Held; 4] = [DOC_ENDPOINT, RUN, TOPOLOGY, THREAD];
