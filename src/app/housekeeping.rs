//! Starts the housekeeper once all caches are complete, and tells it who is alive. Decides nothing.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::reflector::Store;

use super::Ground;
use crate::adapters::git::cache;
use crate::controller::context::Shared;
use crate::controller::runner::Guarded;
use crate::housekeeping::Housekeeper;
use crate::housekeeping::found::Living;
use crate::ports::executor::Executor;
use crate::run::crd::Run;
use crate::tasks::Tasks;

/// Starts it.
pub fn start_housekeeping(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    runs: Store<Guarded<Run>>,
    executor: Arc<dyn Executor>,
) {
    let housekeeper = Housekeeper::new(
        ground.args.housekeeping_settings(),
        Arc::new(move || living(&runs)),
        executor,
        ground.clock.clone(),
        ground.housekeeping_metrics.clone(),
    );
    let (caches, stop) = (shared.caches.clone(), ground.stop.clone());
    tasks.spawn("housekeeping", async move {
        tokio::select! {
            () = caches.complete() => {}
            () = stop.cancelled() => return,
        }
        housekeeper.work(stop).await;
    });
}

/// Who is alive, as the cache has it now.
fn living(runs: &Store<Guarded<Run>>) -> Living {
    let mut living = Living::default();
    for object in runs.state() {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        living.runs.extend(object.uid());
        let Ok(run) = &object.0 else {
            living.unreadable.insert((namespace, name));
            continue;
        };
        let tickets = run.spec.tickets.iter();
        living
            .workspaces
            .extend(tickets.map(|t| (namespace.clone(), name.clone(), t.clone())));
        let repos = run.spec.repos.iter();
        living
            .caches
            .extend(repos.map(|r| cache::family_of(&namespace, &r.url)));
    }
    living
}
