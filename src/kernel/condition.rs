//! Conditions as Kubernetes and kstatus read them. Pure: the time comes in as an argument.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::journal::cut;
use super::moment::Moment;

/// Everything works as asked; what `kubectl wait` waits for.
pub const READY: &str = "Ready";
/// The controller is really working on it now.
pub const RECONCILING: &str = "Reconciling";
/// Somebody is needed; cleared by itself when the cause is gone.
pub const STALLED: &str = "Stalled";
/// `spec.suspend` is set.
pub const SUSPENDED: &str = "Suspended";
/// The database holds another history for a `seq` that the object carries.
pub const AUDIT_FORKED: &str = "AuditForked";

/// The most characters of a message that we write; the API allows 32768.
const MESSAGE_LIMIT: usize = 1024;

/// The three values of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tri {
    True,
    False,
    Unknown,
}

impl Tri {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Tri {
    fn from(yes: bool) -> Self {
        if yes { Self::True } else { Self::False }
    }
}

/// What one condition should say now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub kind: &'static str,
    pub value: Tri,
    pub reason: &'static str,
    pub message: String,
}

impl Verdict {
    /// A verdict; the message is cut to what fits.
    pub fn new(kind: &'static str, value: impl Into<Tri>, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            value: value.into(),
            reason,
            message: cut(&message.into(), MESSAGE_LIMIT),
        }
    }
}

/// The list with the verdicts put in: `lastTransitionTime` moves only where the value does. Order: as in `verdicts`,
/// then what else was there.
pub fn settle(old: &[Condition], verdicts: Vec<Verdict>, generation: i64, now: Moment) -> Vec<Condition> {
    let mut out: Vec<Condition> = Vec::with_capacity(verdicts.len());
    for verdict in verdicts {
        let before = old.iter().find(|c| c.type_ == verdict.kind);
        let since = before
            .filter(|c| c.status == verdict.value.as_str())
            .map(|c| c.last_transition_time.clone());
        out.push(Condition {
            type_: verdict.kind.to_owned(),
            status: verdict.value.as_str().to_owned(),
            reason: verdict.reason.to_owned(),
            message: verdict.message,
            observed_generation: Some(generation),
            last_transition_time: since.unwrap_or_else(|| Time(now.whole_seconds())),
        });
    }
    out
}

/// The condition of that type.
pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.type_ == kind)
}

/// Whether that condition is `True`.
pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    find(conditions, kind).is_some_and(|c| c.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Moment {
        Moment::from_millis(ms).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_with_the_value() {
        let first = settle(&[], vec![Verdict::new(READY, false, "Preparing", "a")], 1, at(1_000));
        let second = settle(&first, vec![Verdict::new(READY, false, "Seeding", "b")], 2, at(9_000));
        let third = settle(&second, vec![Verdict::new(READY, true, "Seeded", "c")], 2, at(12_500));
        assert_eq!(second[0].last_transition_time, first[0].last_transition_time);
        assert_eq!(second[0].reason, "Seeding");
        assert_eq!(third[0].last_transition_time.0.as_second(), 12);
    }
}
