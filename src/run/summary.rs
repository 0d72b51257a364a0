//! What a Run's conditions and its phase say, from the state of its parts. Pure.

use super::crd::{DocSeedMode, DocsStatus, Phase, PrepareState, RunStatus, SeedState, WorkspaceStatus};
use super::room::DISK_FULL;
use crate::kernel::canonical::sha256;
use crate::kernel::condition::{READY, RECONCILING, STALLED, SUSPENDED, Tri, Verdict};

/// The claims on all tickets are held.
pub const TOPOLOGY_ACCEPTED: &str = "TopologyAccepted";
/// Every workspace's clones are there.
pub const WORKSPACES_READY: &str = "WorkspacesReady";
/// Every ticket's documents are there.
pub const DOCS_SEEDED: &str = "DocsSeeded";

/// The way out for a workspace that is not whole any more.
const MAKE_ANEW: &str =
    "put it back, or set a new value of the annotation metawsm.dev/requestedAt: what is missing is made anew";

/// Whether the Run may work, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    Accepted,
    Waiting { reason: &'static str, message: String },
    Refused { reason: &'static str, message: String },
}

/// One sentence about a part: its value, reason and message.
struct Part {
    value: Tri,
    stalled: bool,
    reason: &'static str,
    message: String,
}

/// Every condition of a Run that is not being deleted, `Ready` first.
pub fn verdicts(status: &RunStatus, admission: &Admission, suspended: bool, progress: &[String]) -> Vec<Verdict> {
    let parts = [
        (TOPOLOGY_ACCEPTED, admitted(admission)),
        (WORKSPACES_READY, prepared(&status.workspaces)),
        (DOCS_SEEDED, seeded(&status.workspaces, progress)),
    ];
    let blocking = parts
        .iter()
        .find(|(_, p)| p.stalled)
        .or_else(|| parts.iter().find(|(_, p)| p.value != Tri::True));
    let (ready, stalled, reason, message) = match blocking {
        None => (true, false, "Seeded", parts[2].1.message.clone()),
        Some((_, part)) => (false, part.stalled, part.reason, part.message.clone()),
    };
    let waits = matches!(admission, Admission::Waiting { .. });
    let mut out = vec![
        Verdict::new(READY, ready, reason, message.clone()),
        reconciling(
            !ready && !stalled && !suspended,
            if waits { "Waiting" } else { reason },
            &message,
        ),
        Verdict::new(
            STALLED,
            stalled,
            if stalled { reason } else { "NotStalled" },
            if stalled { message } else { String::new() },
        ),
    ];
    if suspended {
        out.push(Verdict::new(
            SUSPENDED,
            true,
            "Suspended",
            "spec.suspend is set: nothing new is started",
        ));
    }
    out.extend(
        parts
            .into_iter()
            .map(|(kind, p)| Verdict::new(kind, p.value, p.reason, p.message)),
    );
    out
}

fn reconciling(busy: bool, reason: &'static str, message: &str) -> Verdict {
    match busy {
        true => Verdict::new(RECONCILING, true, reason, message),
        false => Verdict::new(RECONCILING, false, "NotReconciling", ""),
    }
}

fn admitted(admission: &Admission) -> Part {
    match admission {
        Admission::Accepted => Part {
            value: Tri::True,
            stalled: false,
            reason: "ClaimsHeld",
            message: "every ticket is claimed by this Run".to_owned(),
        },
        Admission::Waiting { reason, message } => Part {
            value: Tri::False,
            stalled: false,
            reason,
            message: message.clone(),
        },
        Admission::Refused { reason, message } => Part {
            value: Tri::False,
            stalled: true,
            reason,
            message: message.clone(),
        },
    }
}

fn prepared(workspaces: &[WorkspaceStatus]) -> Part {
    let ready = workspaces
        .iter()
        .filter(|w| w.prepare.state == PrepareState::Ready)
        .count();
    let failed = worst(
        workspaces,
        |w| w.prepare.state == PrepareState::Failed,
        |w| w.prepare.stalled,
    );
    if let Some(w) = failed {
        let message = format!(
            "{}: {}",
            w.ticket,
            w.prepare.message.as_deref().unwrap_or("preparing failed")
        );
        return Part {
            value: Tri::False,
            stalled: w.prepare.stalled,
            reason: match w.prepare.reason.as_deref() {
                Some(DISK_FULL) => DISK_FULL,
                reason => word(reason, "PrepareFailed"),
            },
            message,
        };
    }
    let full = |w: &&WorkspaceStatus| w.prepare.reason.as_deref() == Some(DISK_FULL);
    if let Some(w) = workspaces.iter().find(full) {
        return Part {
            value: Tri::False,
            stalled: false,
            reason: DISK_FULL,
            message: w.prepare.message.clone().unwrap_or_default(),
        };
    }
    if let Some((w, repo)) = workspaces
        .iter()
        .find_map(|w| w.repos.iter().find(|r| r.problem.is_some()).map(|r| (w, r)))
    {
        let problem = repo.problem.as_deref().unwrap_or_default();
        let message = format!("{}: clone '{}': {problem}; {MAKE_ANEW}", w.ticket, repo.name);
        return Part {
            value: Tri::False,
            stalled: true,
            reason: "WorkspaceDamaged",
            message,
        };
    }
    count(
        ready,
        workspaces.len(),
        ("ClonesReady", "workspaces have their clones"),
        "Preparing",
    )
}

fn seeded(workspaces: &[WorkspaceStatus], progress: &[String]) -> Part {
    let done = workspaces
        .iter()
        .filter(|w| matches!(w.seed.state, SeedState::Synced | SeedState::Skipped))
        .count();
    let failed = worst(workspaces, |w| w.seed.state == SeedState::Failed, |w| w.seed.stalled);
    if let Some(w) = failed {
        let message = format!(
            "{}: {}",
            w.ticket,
            w.seed.message.as_deref().unwrap_or("seeding failed")
        );
        return Part {
            value: Tri::False,
            stalled: w.seed.stalled,
            reason: word(w.seed.reason.as_deref(), "SeedFailed"),
            message,
        };
    }
    let skipped = !workspaces.is_empty() && workspaces.iter().all(|w| w.seed.state == SeedState::Skipped);
    let full = if skipped {
        ("SeedSkipped", "workspaces need no documents (docSeedMode: None)")
    } else {
        ("Seeded", "workspaces have their documents")
    };
    let mut part = count(done, workspaces.len(), full, "Seeding");
    if !progress.is_empty() && part.value != Tri::True {
        part.message = format!("{}: {}", part.message, progress.join("; "));
    }
    part
}

/// The failure to tell of: one that needs somebody before one that is tried again.
fn worst(
    workspaces: &[WorkspaceStatus],
    failed: impl Fn(&WorkspaceStatus) -> bool,
    stalled: impl Fn(&WorkspaceStatus) -> bool,
) -> Option<&WorkspaceStatus> {
    let mut failures = workspaces.iter().filter(|w| failed(w));
    failures.clone().find(|w| stalled(w)).or_else(|| failures.next())
}

fn count(done: usize, of: usize, full: (&'static str, &str), busy: &'static str) -> Part {
    let message = format!("{done} of {of} {}", full.1);
    match (of, done == of) {
        (0, _) => Part {
            value: Tri::Unknown,
            stalled: false,
            reason: "Pending",
            message: "there are no workspaces yet".to_owned(),
        },
        (_, true) => Part {
            value: Tri::True,
            stalled: false,
            reason: full.0,
            message,
        },
        (_, false) => Part {
            value: Tri::False,
            stalled: false,
            reason: busy,
            message,
        },
    }
}

/// The reasons that steps give, as the words of conditions; what is not among them gets the general word, and its
/// message says the rest.
const STEP_REASONS: [&str; 41] = [
    "BaseBranchNotFound",
    "CredentialsRefused",
    "CredentialsRequired",
    "DiskFull",
    "DocsIgnoredByGit",
    "DocsPathUnusable",
    "FetchFailed",
    "GitFailed",
    "GitOutputTooLarge",
    "GitTimedOut",
    "Killed",
    "LocalRepoNotAllowed",
    "OrphansFull",
    "OutcomeUnreadable",
    "OutcomeUnwritable",
    "PlanUnreadable",
    "RemoteCertificateRefused",
    "RemoteHostKeyRefused",
    "RemoteRedirected",
    "RemoteUnreachable",
    "RepoHostNotAllowed",
    "RepoNameInvalid",
    "RepoNotFound",
    "RepoTooLarge",
    "RepoUrlInvalid",
    "SecretInvalid",
    "SecretNotFound",
    "SecretsNotPermitted",
    "SeedLimitExceeded",
    "SeedRefNotFound",
    "StartFailed",
    "StepIoFailed",
    "TicketDocsAmbiguous",
    "TicketDocsNotFound",
    "WorkingTreeNotLocal",
    "WorkspaceBusy",
    "WorkspaceDamaged",
    "WorkspaceDiverged",
    "WorkspaceNotReady",
    "WorkspacePathInvalid",
    "WorkspacePathUnsafe",
];

fn word(reason: Option<&str>, general: &'static str) -> &'static str {
    STEP_REASONS
        .into_iter()
        .find(|known| Some(*known) == reason)
        .unwrap_or(general)
}

/// The phase, for people.
pub fn phase(admission: &Admission, verdicts: &[Verdict]) -> Phase {
    let is = |kind: &str| verdicts.iter().any(|v| v.kind == kind && v.value == Tri::True);
    match admission {
        _ if is(STALLED) => Phase::Failed,
        Admission::Accepted if is(READY) => Phase::Active,
        Admission::Accepted => Phase::Preparing,
        Admission::Waiting { .. } | Admission::Refused { .. } => Phase::Pending,
    }
}

/// Brings the summary of the seeds up to date. The revision moves only when a seed succeeded.
pub fn freshness(docs: &mut DocsStatus, workspaces: &[WorkspaceStatus]) {
    let synced: Vec<_> = workspaces
        .iter()
        .filter(|w| w.seed.state == SeedState::Synced)
        .collect();
    docs.seed_summary = match docs.seed_mode {
        DocSeedMode::CopyFromRepoOnStart => format!("{}/{}", synced.len(), workspaces.len()),
        DocSeedMode::None => "skipped".to_owned(),
    };
    let mut lines: Vec<_> = workspaces
        .iter()
        .filter_map(|w| w.seed.revision.as_ref().map(|r| format!("{} {r}\n", w.ticket)))
        .collect();
    lines.sort();
    docs.freshness_revision = (!lines.is_empty()).then(|| sha256(lines.concat()));
    docs.freshness_at = workspaces.iter().filter_map(|w| w.seed.synced_at).min();
}
