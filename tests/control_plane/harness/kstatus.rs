//! The algorithm by which kstatus (kubectl, Flux, Argo, Helm 4) reads the state of any object. Knows nothing of ours.

use serde_json::Value;

/// What kstatus calls an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Terminating,
    InProgress,
    Failed,
    Current,
}

/// The verdict on an object as the API server shows it.
pub fn verdict(object: &Value) -> Verdict {
    let (metadata, status) = (&object["metadata"], &object["status"]);
    if !metadata["deletionTimestamp"].is_null() {
        return Verdict::Terminating;
    }
    let observed = &status["observedGeneration"];
    if !observed.is_null() && observed != &metadata["generation"] {
        return Verdict::InProgress;
    }
    let value = |kind: &str| -> Option<String> {
        let conditions = status["conditions"].as_array()?;
        let found = conditions.iter().find(|c| c["type"] == kind)?;
        Some(found["status"].as_str()?.to_owned())
    };
    if value("Reconciling").as_deref() == Some("True") {
        return Verdict::InProgress;
    }
    if value("Stalled").as_deref() == Some("True") {
        return Verdict::Failed;
    }
    match value("Ready").as_deref() {
        Some("False" | "Unknown") => Verdict::InProgress,
        Some(_) | None => Verdict::Current,
    }
}
