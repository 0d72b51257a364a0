//! When an endpoint's index is refreshed: on request, and after documents were copied; one at a time, and not more often
//! than the settings allow. Requests that come meanwhile are answered together by the next one. Pure.
//!
//! ```text
//! wish ─▶ Waiting (cannot be asked, or the last one was a moment ago) ─▶ Running ─▶ Done | Failed
//! ```

use std::time::Duration;

use super::crd::{DocEndpointStatus, Refresh, RefreshState};
use super::observe::Observed;
use crate::federation::target::Flight;
use crate::kernel::moment::{Moment, in_words};
use crate::kernel::request::requested;

/// The reason word of a refresh that is put off because the last one was a moment ago.
pub const TOO_SOON: &str = "RefreshTooSoon";

/// A clock that went back further than this no longer says when the last refresh was.
const CLOCK_SLACK: Duration = Duration::from_mins(1);

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    cause: &'static str,
    request: Option<String>,
    revision: Option<String>,
}

/// What is to be done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Begin the refresh that status announced at that moment.
    pub begin: Option<Moment>,
    /// A refresh was announced in this pass, for this cause.
    pub announced: Option<String>,
    /// Something is due after this time.
    pub after: Option<Duration>,
}

/// Brings the refresh in the status a step on.
pub fn step(status: &mut DocEndpointStatus, observed: &Observed, now: Moment) -> Step {
    if let (Some(refresh), Some(announced)) = (status.refresh.clone(), status.last_refresh_at)
        && refresh.state == RefreshState::Running
    {
        return under_way(status, refresh, announced, observed);
    }
    let Some(wish) = wish(status, observed) else {
        if status
            .refresh
            .as_ref()
            .is_some_and(|r| r.state == RefreshState::Waiting)
        {
            status.refresh = None;
        }
        return Step::default();
    };
    if let Some(why) = cannot(observed) {
        status.refresh = Some(waiting(wish, why, None));
        return Step::default();
    }
    let interval = observed.settings.refresh_interval;
    if let Some((next, left)) = left(status.last_refresh_at, interval, now) {
        let message = format!(
            "{TOO_SOON}: the last refresh was begun {} ago and one per {} is allowed; the next is possible at {next} and \
             is made then",
            in_words(interval.saturating_sub(left)),
            in_words(interval),
        );
        let kept = status
            .refresh
            .take()
            .filter(|r| r.state == RefreshState::Waiting && r.next_at == Some(next));
        let message = kept.map_or(message, |r| r.message);
        status.refresh = Some(waiting(wish, message, Some(next)));
        return Step {
            after: Some(left),
            ..Step::default()
        };
    }
    let announced = Some(wish.cause.to_owned());
    status.last_refresh_at = Some(now);
    status.refresh = Some(Refresh {
        state: RefreshState::Running,
        ..waiting(wish, String::new(), None)
    });
    Step {
        announced,
        ..Step::default()
    }
}

/// One that was announced: begun if it was not yet (it may have been announced by a process that is gone), or ended.
fn under_way(status: &mut DocEndpointStatus, refresh: Refresh, announced: Moment, observed: &Observed) -> Step {
    let flight = observed.known.flight.as_ref().filter(|f| f.announced == announced);
    let next_at = Some(announced.plus(observed.settings.refresh_interval));
    let (state, message) = match flight.map(|Flight { outcome, .. }| outcome) {
        None => match cannot(observed) {
            None => {
                return Step {
                    begin: Some(announced),
                    ..Step::default()
                };
            }
            Some(why) => (RefreshState::Waiting, why),
        },
        Some(None) => return Step::default(),
        Some(Some(Ok(indexed_at))) => {
            status.seed_revision = refresh.revision.clone().or(status.seed_revision.take());
            (RefreshState::Done, format!("the index is of {indexed_at} now"))
        }
        Some(Some(Err(problem))) => (RefreshState::Failed, format!("{}: {}", problem.code, problem.message)),
    };
    if state != RefreshState::Waiting {
        status.last_handled_request = refresh.request.clone().or(status.last_handled_request.take());
    }
    status.refresh = Some(Refresh {
        state,
        message,
        next_at,
        ..refresh
    });
    Step::default()
}

fn wish(status: &mut DocEndpointStatus, observed: &Observed) -> Option<Wish> {
    let request =
        requested(observed.endpoint_annotations()).filter(|r| status.last_handled_request.as_ref() != Some(r));
    let seed = observed.run.as_ref().and_then(|run| run.seed.as_ref());
    let mut revision = seed
        .map(|(revision, _)| revision.clone())
        .filter(|revision| status.seed_revision.as_ref() != Some(revision));
    // An index that was built after the copy has it already.
    if let (Some(newer), Some((_, seeded_at))) = (&revision, seed)
        && observed
            .known
            .facts
            .as_ref()
            .and_then(|f| f.indexed_at)
            .is_some_and(|at| at > *seeded_at)
    {
        status.seed_revision = Some(newer.clone());
        revision = None;
    }
    let cause = match (&request, &revision) {
        (Some(_), _) => "Requested",
        (None, Some(_)) => "Seeded",
        (None, None) => return None,
    };
    Some(Wish {
        cause,
        request,
        revision,
    })
}

/// Why it cannot be refreshed now.
fn cannot(observed: &Observed) -> Option<String> {
    if observed.endpoint.spec.suspend {
        return Some("spec.suspend is set: it is refreshed once that is taken away".to_owned());
    }
    if observed.known.reachable() {
        return None;
    }
    Some(match &observed.known.trouble {
        Some((problem, _)) => format!(
            "the server cannot be asked now ({}): it is refreshed once it can",
            problem.code
        ),
        None => "the server was not asked yet: it is refreshed once it was".to_owned(),
    })
}

fn waiting(wish: Wish, message: String, next_at: Option<Moment>) -> Refresh {
    Refresh {
        state: RefreshState::Waiting,
        cause: wish.cause.to_owned(),
        request: wish.request,
        revision: wish.revision,
        message,
        next_at,
    }
}

/// When the next refresh is possible, and how long until then; `None`: now.
fn left(last: Option<Moment>, interval: Duration, now: Moment) -> Option<(Moment, Duration)> {
    let last = last.filter(|last| *last <= now.plus(CLOCK_SLACK))?;
    let next = last.plus(interval);
    Some((next, next.since(now))).filter(|(_, left)| !left.is_zero())
}
