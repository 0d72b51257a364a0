//! A reference model of the API server and of the caches in front of it, as far as claims are concerned: every write is
//! conditional on the version that was seen, and whoever looks may see an older moment than the world's.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use kube::api::ObjectMeta;

use crate::kernel::moment::Moment;
use crate::kernel::ticket::topology_name;
use crate::run::crd::Run;
use crate::ticket_topology::crd::{Claim, MADE_BY, MADE_BY_RUN, TicketTopology, TicketTopologySpec};

/// Somebody else was faster, or it is gone: the pass ends, and another one looks again.
#[derive(Debug, PartialEq, Eq)]
pub struct Lost;

/// All objects at one moment.
#[derive(Clone, Default)]
pub struct Objects {
    pub runs: BTreeMap<String, Arc<Run>>,
    pub topologies: BTreeMap<String, Arc<TicketTopology>>,
}

/// The store and its history.
#[derive(Default)]
pub struct ApiServer {
    pub now: Objects,
    /// Every moment so far, the newest last.
    pub history: Vec<Objects>,
    version: u64,
    made: u64,
}

impl ApiServer {
    /// How many writes there were.
    pub fn version(&self) -> u64 {
        self.version
    }

    fn next(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    /// A finished write: from now on it can be seen.
    fn written(&mut self) {
        self.history.push(self.now.clone());
    }

    fn fresh(&mut self, name: &str, finalizer: &str) -> ObjectMeta {
        self.made += 1;
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("n".to_owned()),
            uid: Some(format!("uid-{}", self.made)),
            generation: Some(1),
            resource_version: Some(self.next()),
            finalizers: Some(vec![finalizer.to_owned()]),
            ..ObjectMeta::default()
        }
    }

    pub fn create_run(&mut self, mut run: Run) -> Result<(), Lost> {
        let name = run.name_any();
        if self.now.runs.contains_key(&name) {
            return Err(Lost);
        }
        run.metadata = self.fresh(&name, "metawsm.dev/run");
        self.now.runs.insert(name, Arc::new(run));
        self.written();
        Ok(())
    }

    /// Creates, never overwrites.
    pub fn create_topology(&mut self, spec: TicketTopologySpec, by_run: bool, at: Moment) -> Result<String, Lost> {
        let name = topology_name(&spec.ticket);
        if self.now.topologies.contains_key(&name) {
            return Err(Lost);
        }
        let mut topology = TicketTopology::new(&name, spec);
        topology.metadata = ObjectMeta {
            creation_timestamp: Some(Time(at.whole_seconds())),
            labels: by_run.then(|| BTreeMap::from([(MADE_BY.to_owned(), MADE_BY_RUN.to_owned())])),
            ..self.fresh(&name, "metawsm.dev/topology")
        };
        let version = topology.resource_version().unwrap();
        self.now.topologies.insert(name, Arc::new(topology));
        self.written();
        Ok(version)
    }

    /// Changes a topology if it still has the version that was seen; without one, in any.
    pub fn change_topology(
        &mut self,
        name: &str,
        seen: Option<&str>,
        change: impl FnOnce(&mut TicketTopology),
    ) -> Result<(), Lost> {
        let mut topology = self.now.topologies.get(name).ok_or(Lost)?.as_ref().clone();
        if seen.is_some_and(|seen| topology.resource_version().as_deref() != Some(seen)) {
            return Err(Lost);
        }
        let before = topology.clone();
        change(&mut topology);
        if topology != before {
            topology.metadata.resource_version = Some(self.next());
            self.now.topologies.insert(name.to_owned(), Arc::new(topology));
            self.written();
        }
        Ok(())
    }

    /// Changes a Run likewise.
    pub fn change_run(&mut self, name: &str, seen: Option<&str>, change: impl FnOnce(&mut Run)) -> Result<(), Lost> {
        let mut run = self.now.runs.get(name).ok_or(Lost)?.as_ref().clone();
        if seen.is_some_and(|seen| run.resource_version().as_deref() != Some(seen)) {
            return Err(Lost);
        }
        let before = run.clone();
        change(&mut run);
        if run != before {
            run.metadata.resource_version = Some(self.next());
            self.now.runs.insert(name.to_owned(), Arc::new(run));
            self.written();
        }
        Ok(())
    }

    /// Marks for deletion; finalizers hold it.
    pub fn delete_topology(&mut self, name: &str, seen: Option<&str>, at: Moment) -> Result<(), Lost> {
        self.change_topology(name, seen, |t| {
            t.metadata.deletion_timestamp.get_or_insert(Time(at.whole_seconds()));
        })
    }

    pub fn remove_topology(&mut self, name: &str, seen: Option<&str>) -> Result<(), Lost> {
        self.change_topology(name, seen, |_| {})?;
        self.now.topologies.remove(name).ok_or(Lost)?;
        self.next();
        self.written();
        Ok(())
    }

    pub fn remove_run(&mut self, name: &str, seen: Option<&str>) -> Result<(), Lost> {
        self.change_run(name, seen, |_| {})?;
        self.now.runs.remove(name).ok_or(Lost)?;
        self.next();
        self.written();
        Ok(())
    }

    /// Server-side apply of one Run's entry among the claims; `None` takes it away.
    pub fn apply_claim(
        &mut self,
        name: &str,
        seen: Option<&str>,
        run_uid: &str,
        claim: Option<Claim>,
    ) -> Result<(), Lost> {
        self.change_topology(name, seen, |topology| {
            let claims = topology.status.get_or_insert_default();
            claims.claims.retain(|c| c.run_uid != run_uid);
            claims.claims.extend(claim);
        })
    }
}
