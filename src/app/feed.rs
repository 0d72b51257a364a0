//! One kind's cache, its wakes and its driver, whatever the kind is. Starts them; decides nothing.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector::{self, ObjectRef, Store, store::Writer};
use kube::runtime::watcher::Event;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::{COUNT, Ground};
use crate::controller::context::Context;
use crate::controller::index::Index;
use crate::controller::kind::Kind;
use crate::controller::kind_status::CommonStatus;
use crate::controller::metrics::{ControllerLabels, Metrics};
use crate::controller::recall;
use crate::controller::runner::{self, Guarded, Pokes};
use crate::controller::tally::{Tally, tally};
use crate::controller::vanished;
use crate::tasks::Tasks;

/// How often the mirror is compared with the cluster, for objects that vanished.
const SWEEP: Duration = Duration::from_mins(5);

/// One kind's cache and the wakes of its objects, before its driver runs.
pub struct Feed<R: kube::Resource<DynamicType = ()> + Clone + 'static> {
    pub store: Store<Guarded<R>>,
    writer: Writer<Guarded<R>>,
    /// What its objects are about, for those who look for them by that.
    pub index: Index<R>,
    pub wake: Pokes<R>,
    wakes: UnboundedReceiver<ObjectRef<Guarded<R>>>,
}

impl<R: kube::Resource<DynamicType = ()> + Clone + 'static> Feed<R> {
    /// A feed whose objects nobody looks for but by their names.
    pub fn new() -> Self {
        Self::indexed(|_| vec![])
    }

    /// A feed whose objects are looked for by what they are about.
    pub fn indexed(keys: fn(&R) -> Vec<String>) -> Self {
        let (store, writer) = reflector::store();
        let (wake, wakes) = mpsc::unbounded_channel();
        Self {
            store,
            writer,
            index: Index::by(keys),
            wake,
            wakes,
        }
    }
}

/// Starts the driver of a kind; `tap` sees every object that changed.
pub fn start_kind<K: Kind>(
    ground: &Ground,
    tasks: &mut Tasks,
    context: Context<K>,
    feed: Feed<K::Resource>,
    tap: impl Fn(&Guarded<K::Resource>) + Send + 'static,
) {
    let (args, cx) = (&ground.args, Arc::new(context));
    cx.shared.metrics.expect(K::NAME);
    let index = feed.index;
    let meeting = cx.clone();
    let stream = runner::watch(
        cx.shared.client.clone(),
        args.namespace.clone(),
        feed.writer,
        cx.shared.caches.clone(),
        K::PAGE,
        move |object| {
            recall::meet(&meeting, object);
            K::prune(object);
        },
        move |event| {
            index.see(event);
            match event {
                Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => tap(object),
                Event::Init | Event::InitDone => {}
            }
        },
    );
    let stop = ground.stop.clone();
    tasks.spawn(
        K::NAME,
        runner::run(
            cx.clone(),
            feed.store.clone(),
            stream,
            feed.wakes,
            args.concurrency,
            stop,
        ),
    );
    tasks.spawn("upkeep", upkeep(cx, feed.store, ground));
}

/// Reads what was recorded before; then counts the objects, and finds those that vanished while nobody watched.
fn upkeep<K: Kind>(
    cx: Arc<Context<K>>,
    store: Store<Guarded<K::Resource>>,
    ground: &Ground,
) -> impl Future<Output = ()> + Send + 'static {
    let (stop, namespace) = (ground.stop.clone(), ground.args.namespace.clone());
    async move {
        let (mut swept, mut told) = (None, Tally::new());
        let ready = async {
            // While the caches are filled, so that no pass has to wait for it.
            recall::held(&cx).await;
            cx.shared.caches.complete().await;
        };
        tokio::select! {
            () = ready => {}
            () = stop.cancelled() => {}
        }
        while !stop.is_cancelled() {
            told = count::<K>(&cx.shared.metrics, &store, told);
            if swept.is_none_or(|at: tokio::time::Instant| at.elapsed() >= SWEEP) {
                let complete = vanished::sweep(&cx, &store, namespace.as_deref()).await;
                swept = complete.then(tokio::time::Instant::now);
            }
            tokio::select! {
                () = tokio::time::sleep(COUNT) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// Shows how many objects there are, how many could not be read, and what the others' conditions say.
fn count<K: Kind>(metrics: &Metrics, store: &Store<Guarded<K::Resource>>, told: Tally) -> Tally {
    let label = ControllerLabels { controller: K::NAME };
    let objects = store.state();
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let unreadable = objects.iter().filter(|o| o.0.is_err()).count();
    metrics.objects.get_or_create(&label).set(number(objects.len()));
    metrics.undecodable.get_or_create(&label).set(number(unreadable));
    let statuses = objects.iter().filter_map(|o| K::status(o.0.as_ref().ok()?));
    let counted = tally(statuses.map(CommonStatus::conditions), told);
    for (condition, counts) in &counted {
        metrics.show_condition(K::NAME, condition, counts);
    }
    counted
}
