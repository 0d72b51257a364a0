//! What a Run's transitions are, and what they mean to the world. Pure.

use serde_json::{Value, json};

use super::crd::{Phase, Warning, WorkspaceStatus};
use super::home::{Home, Refusal};
use crate::controller::kind::Note;
use crate::kernel::event::DomainEvent;
use crate::kernel::journal::{JournalEntry, Transition};
use crate::kernel::subject::Subject;
use crate::ports::workspaces::SeedOutcome;

/// The claims on all tickets are held and the home is pinned.
pub const ACCEPTED: &str = "Accepted";
/// The Run may not begin, or not go on.
pub const REFUSED: &str = "Refused";
/// Another phase.
pub const PHASE_CHANGED: &str = "PhaseChanged";
/// A workspace's clones are there.
pub const PREPARED: &str = "WorkspacePrepared";
/// They could not be made.
pub const PREPARE_FAILED: &str = "PrepareFailed";
/// A ticket's documents are in its workspace.
pub const SEEDED: &str = "DocsSeeded";
/// They could not be brought there.
pub const SEED_FAILED: &str = "SeedFailed";
/// Somebody asked for work now.
pub const REQUESTED: &str = "Requested";
/// Somebody should know of something although the Run goes on.
pub const WARNED: &str = "Warned";
/// The Run is gone.
pub const DELETED: &str = "Deleted";

/// The Run was accepted.
pub fn accepted(home: &Home, tickets: &[String]) -> Transition {
    let facts = json!({ "homeRepo": home.repo, "homeURL": home.url, "tickets": tickets.join(",") });
    Transition::of_controller(ACCEPTED, "ClaimsHeld", facts)
}

/// The Run was refused.
pub fn refused(refusal: &Refusal) -> Transition {
    let ticket = (!refusal.ticket.is_empty()).then_some(&refusal.ticket);
    Transition::of_controller(
        REFUSED,
        refusal.reason,
        json!({ "ticket": ticket, "reason": refusal.reason, "message": refusal.message }),
    )
}

/// The phase changed.
pub fn phase_changed(from: Option<Phase>, to: Phase, reason: &str) -> Transition {
    Transition::of_controller(
        PHASE_CHANGED,
        reason,
        json!({ "from": from.map(Phase::as_str), "to": to.as_str(), "reason": reason }),
    )
}

/// The clones are there.
pub fn prepared(workspace: &WorkspaceStatus) -> Transition {
    let repos: serde_json::Map<_, _> = workspace
        .repos
        .iter()
        .map(|r| (r.name.clone(), Value::from(r.base_commit.as_str())))
        .collect();
    let facts = json!({ "ticket": workspace.ticket, "workspace": workspace.name, "branch": workspace.branch, "baseCommits": repos });
    Transition::of_controller(PREPARED, "ClonesReady", facts)
}

/// The clones could not be made.
pub fn prepare_failed(workspace: &WorkspaceStatus) -> Transition {
    let p = &workspace.prepare;
    let facts = json!({ "ticket": workspace.ticket, "workspace": workspace.name, "reason": p.reason, "message": p.message, "attempt": p.attempts });
    Transition::of_controller(PREPARE_FAILED, p.reason.as_deref().unwrap_or("Failed"), facts)
}

/// The documents are there.
pub fn seeded(workspace: &WorkspaceStatus, outcome: &SeedOutcome) -> Transition {
    let s = &workspace.seed;
    let cause = match outcome {
        SeedOutcome { kept: true, .. } => "NothingNew",
        SeedOutcome { bootstrapped: true, .. } => "Bootstrapped",
        SeedOutcome { .. } => "Copied",
    };
    let facts = json!({
        "ticket": workspace.ticket, "workspace": workspace.name, "revision": s.revision, "sourceCommit": s.source_commit,
        "commit": s.commit, "files": s.files, "bytes": s.bytes, "attempt": s.attempts, "directory": outcome.directory,
        "bootstrapped": outcome.bootstrapped.then_some(true), "kept": outcome.kept.then_some(true),
    });
    Transition::of_controller(SEEDED, cause, facts)
}

/// The documents could not be brought there.
pub fn seed_failed(workspace: &WorkspaceStatus) -> Transition {
    let s = &workspace.seed;
    let facts = json!({
        "ticket": workspace.ticket, "workspace": workspace.name, "reason": s.reason, "message": s.message,
        "attempt": s.attempts, "revision": s.revision,
    });
    Transition::of_controller(SEED_FAILED, s.reason.as_deref().unwrap_or("Failed"), facts)
}

/// Work was asked for.
pub fn requested(value: &str) -> Transition {
    Transition::of_controller(REQUESTED, value, json!({}))
}

/// A warning that was not there before.
pub fn warned(warning: &Warning) -> Transition {
    Transition::of_controller(
        WARNED,
        &warning.code,
        json!({ "reason": warning.code, "message": warning.message }),
    )
}

/// The Run goes. `kept`: workspaces that were set aside or left, because work in them was never saved.
pub fn deleted(kept: &[String], inferred: bool) -> Transition {
    let facts = json!({ "inferred": inferred.then_some(true), "kept": (!kept.is_empty()).then(|| kept.join("; ")) });
    Transition::of_controller(DELETED, if inferred { "Vanished" } else { "Deleted" }, facts)
}

/// Refusals that are about who owns a ticket's documents.
const CONFLICTS: [&str; 5] = [
    "DocHomeConflict",
    "RepoNameConflict",
    "DocHomesDiffer",
    "DocsPathConflict",
    "TicketNameTaken",
];

/// The event of an entry.
pub fn event_of(subject: &Subject, entry: &JournalEntry) -> Option<DomainEvent> {
    let event_type = match entry.kind.as_str() {
        PHASE_CHANGED => "run.phase.changed",
        SEEDED => "run.docs.seeded",
        SEED_FAILED => "run.docs.seed_failed",
        DELETED => "run.deleted",
        REFUSED if entry.cause.as_deref().is_some_and(|c| CONFLICTS.contains(&c)) => "topology.conflict",
        _ => return None,
    };
    let ticket = entry.facts.get("ticket").and_then(Value::as_str).map(str::to_owned);
    Some(DomainEvent {
        run_id: Some(subject.path()),
        ticket,
        ..DomainEvent::of(subject, entry, event_type)
    })
}

/// The Kubernetes Event of an entry.
pub fn note_of(entry: &JournalEntry) -> Option<Note> {
    let fact = |name: &str| match entry.facts.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "none".to_owned(),
    };
    let (warning, text) = match entry.kind.as_str() {
        ACCEPTED => (
            false,
            format!(
                "documents live in {} ({}); tickets {} are claimed",
                fact("homeRepo"),
                fact("homeURL"),
                fact("tickets")
            ),
        ),
        REFUSED | WARNED => (true, fact("message")),
        PHASE_CHANGED => (fact("to") == "Failed", format!("{} → {}", fact("from"), fact("to"))),
        PREPARED => (
            false,
            format!("{}: clones are ready on branch {}", fact("ticket"), fact("branch")),
        ),
        PREPARE_FAILED | SEED_FAILED => (
            true,
            format!("{}: {} (attempt {})", fact("ticket"), fact("message"), fact("attempt")),
        ),
        SEEDED => (
            false,
            format!(
                "{}: {} files, {} bytes, revision {}",
                fact("ticket"),
                fact("files"),
                fact("bytes"),
                fact("revision")
            ),
        ),
        REQUESTED => (false, "working now, as asked".to_owned()),
        DELETED if entry.facts.contains_key("kept") => (true, format!("kept: {}", fact("kept"))),
        _ => return None,
    };
    let action = match entry.facts.get("ticket").and_then(Value::as_str) {
        Some(ticket) => format!("{}/{ticket}", entry.kind),
        None => entry.kind.clone(),
    };
    let reason = match entry.kind.as_str() {
        REQUESTED => REQUESTED.to_owned(),
        _ => entry.cause.clone().unwrap_or_else(|| entry.kind.clone()),
    };
    Some(Note {
        warning,
        reason,
        action,
        text,
    })
}
