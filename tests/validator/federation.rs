//! What must hold of what documents' servers say and of what is kept of it. Pure: evidence in, flaws out.

use std::collections::{BTreeMap, BTreeSet};

use metawsm::doc_endpoint::crd::{DocEndpointSpec, DocEndpointStatus, EndpointKind};
use metawsm::kernel::moment::Moment;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::evidence::{Evidence, Object};
/// An endpoint as the API server has it.
pub struct Endpoint<'a> {
    pub object: &'a Object,
    pub spec: DocEndpointSpec,
    pub status: DocEndpointStatus,
}

impl Endpoint<'_> {
    /// What it said last is what its server says.
    pub fn answers(&self) -> bool {
        self.status.reachable && !self.spec.suspend && !self.object.deleting
    }

    /// Its index is as young as it should be.
    pub fn is_fresh(&self) -> bool {
        let mut conditions = self.status.conditions.iter();
        conditions.any(|c| c.type_ == "Fresh" && c.status == "True")
    }

    /// Where people read a ticket.
    pub fn page(&self, ticket: &str) -> Option<String> {
        let site = self.status.web_url.as_deref()?;
        Some(match self.spec.kind {
            EndpointKind::Repo => format!("{}/ticket/{ticket}", site.trim_end_matches('/')),
            EndpointKind::Workspace => site.to_owned(),
        })
    }
}

/// A part of an object as the program reads it.
pub fn parsed<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

/// All endpoints.
pub fn endpoints(evidence: &Evidence) -> Vec<Endpoint<'_>> {
    let objects = evidence.objects.iter().filter(|o| o.kind == "DocEndpoint");
    let read = |object| {
        Some(Endpoint {
            object,
            spec: parsed(&object.spec)?,
            status: parsed(&object.status).unwrap_or_default(),
        })
    };
    objects.filter_map(read).collect()
}

/// What is kept is of living endpoints, whole, and what they said last; and the view of all tickets shows that, once each.
pub fn federated_is_answered(evidence: &Evidence) -> Vec<String> {
    let (endpoints, kept) = (endpoints(evidence), &evidence.federated);
    let mut wrong = Vec::new();
    let alive: BTreeSet<_> = endpoints.iter().map(|e| e.object.uid.as_str()).collect();
    let of_nobody = kept.sources.iter().filter(|s| !alive.contains(s.endpoint_uid.as_str()));
    wrong.extend(of_nobody.map(|s| format!("what endpoint {} said is kept, and it is gone", s.endpoint)));
    for endpoint in endpoints.iter().filter(|e| e.answers()) {
        let (name, status) = (&endpoint.object.name, &endpoint.status);
        let Some(source) = kept.sources.iter().find(|s| s.endpoint_uid == endpoint.object.uid) else {
            wrong.push(format!("endpoint {name} answers, and nothing of it is kept"));
            continue;
        };
        let rows = kept.rows.iter().filter(|r| r.endpoint_uid == endpoint.object.uid);
        let count = i64::try_from(rows.count()).ok();
        if count != status.tickets {
            let told = status.tickets;
            wrong.push(format!("endpoint {name} has {told:?} tickets, and {count:?} are kept"));
        }
        let indexed = status.indexed_at.map(Moment::as_millis);
        let kind = format!("{:?}", endpoint.spec.kind);
        let said = (source.endpoint.as_str(), source.kind.as_str(), source.repo.as_str());
        if said != (name.as_str(), &kind, endpoint.spec.repo.as_str()) || source.indexed_at_ms != indexed {
            wrong.push(format!("endpoint {name} is kept as {source:?}, not as of {indexed:?}"));
        }
    }
    wrong.extend(view_shows_what_is_kept(evidence));
    wrong
}

fn view_shows_what_is_kept(evidence: &Evidence) -> Vec<String> {
    let kept = &evidence.federated;
    let mut copies: BTreeMap<&str, i64> = BTreeMap::new();
    for row in &kept.rows {
        *copies.entry(&row.ticket_key).or_default() += 1;
    }
    let shown: BTreeMap<_, _> = kept.lines.iter().map(|l| (l.ticket_key.as_str(), l.copies)).collect();
    let mut wrong = Vec::new();
    if shown != copies || shown.len() != kept.lines.len() {
        wrong.push(format!("the view has the tickets {shown:?}, and kept are {copies:?}"));
    }
    let topologies = evidence.objects.iter().filter(|o| o.kind == "TicketTopology");
    for topology in topologies {
        let key = topology.spec["ticket"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let Some(line) = kept.lines.iter().find(|l| l.ticket_key == key) else {
            continue;
        };
        let authority = &topology.status["authority"];
        let told = ["kind", "endpoint", "reason"].map(|field| authority[field].as_str());
        let in_view = [&line.authority, &line.endpoint, &line.reason].map(Option::as_deref);
        if told != in_view {
            wrong.push(format!(
                "the view says {in_view:?} of {}, its topology {told:?}",
                topology.name
            ));
        }
    }
    wrong
}
