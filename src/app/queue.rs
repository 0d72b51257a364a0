//! Wakes the Runs that wait for a place when the line has moved: those whose turn it is, and those that are to say
//! another position. Decides nothing; the line itself is in `run/queue.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::controller::runner::{Guarded, Pokes};
use crate::run::crd::Run;
use crate::run::queue::{Turn, rough};
use crate::run::turnstile::Turnstile;

/// Changes of so long are taken together: many Runs change at once, and a place need not be filled any faster.
const GATHER: Duration = Duration::from_millis(250);
/// How often the line is looked at without a change: a Run that was let in and failed gives its place up in silence.
const LOOK: Duration = Duration::from_secs(15);

/// Wakes whoever has a reason, for ever.
pub async fn call_up(
    turnstile: Arc<Turnstile>,
    runs: Store<Guarded<Run>>,
    wake: Pokes<Run>,
    moved: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut told: BTreeMap<String, Option<String>> = BTreeMap::new();
    loop {
        tokio::select! {
            () = moved.notified() => {}
            () = tokio::time::sleep(LOOK) => told.retain(|_, position| position.is_some()),
            () = stop.cancelled() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(GATHER) => {}
            () = stop.cancelled() => return,
        }
        let line = turnstile.line();
        let now: BTreeMap<_, _> = line
            .everybody()
            .into_iter()
            .map(|(uid, turn)| (uid.to_owned(), words(turn)))
            .collect();
        let news = |uid: &String| now.get(uid).is_some_and(|position| told.get(uid) != Some(position));
        for run in runs
            .state()
            .iter()
            .filter(|run| run.uid().is_some_and(|uid| news(&uid)))
        {
            let _ = wake.send(ObjectRef::from_obj(run.as_ref()));
        }
        told = now;
    }
}

/// What a Run in the line is told: nothing where it may go.
fn words(turn: Turn) -> Option<String> {
    match turn {
        Turn::Go => None,
        Turn::Wait { position, .. } => Some(rough(position)),
    }
}
