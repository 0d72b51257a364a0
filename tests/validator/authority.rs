//! What must hold of who is the authority. Pure: evidence in, flaws out. The merge rule is written down here a second
//! time, from `docs/ticket-topology.md` and without the product's.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use metawsm::doc_endpoint::crd::EndpointKind;
use metawsm::kernel::journal::cut;
use metawsm::kernel::moment::Moment;
use metawsm::kernel::repo_url::normalise;
use metawsm::ticket_topology::crd::{Record, TicketTopologySpec, TicketTopologyStatus};

use super::evidence::{Evidence, Object};
use super::federated::Row;
use super::federation::{Endpoint, endpoints, parsed};

/// How many losers a status lists.
const LISTED: usize = 16;

/// What topologies say follows from what Runs and endpoints say, by the merge rule.
pub fn authority_is_rule(evidence: &Evidence) -> Vec<String> {
    let endpoints = endpoints(evidence);
    let topologies = evidence.objects.iter().filter(|o| o.kind == "TicketTopology");
    // One that nobody has looked at yet says nothing; of one that goes nothing new is said.
    let known = topologies.filter(|t| !t.deleting && !t.status["authority"].is_null());
    let ruled = known.filter_map(|t| Ruled::of(evidence, &endpoints, t));
    ruled.flat_map(|ruled| ruled.flaws()).collect()
}

/// A copy of the ticket, and what the rule says of it.
struct Copy<'a> {
    endpoint: &'a Endpoint<'a>,
    row: Option<&'a Row>,
    verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Lost(&'static str),
    /// Of this rank, if what it said last is all that counts.
    May(u8),
    /// Whether it has the ticket is not known from outside: it does not answer, and the process may remember or not.
    Unsure,
}

struct Ruled<'a> {
    topology: &'a Object,
    spec: TicketTopologySpec,
    status: TicketTopologyStatus,
    /// The Runs that work on the ticket, the oldest claim first.
    active: Vec<String>,
    copies: Vec<Copy<'a>>,
}

impl<'a> Ruled<'a> {
    fn of(evidence: &'a Evidence, endpoints: &'a [Endpoint<'a>], topology: &'a Object) -> Option<Self> {
        let (spec, status): (TicketTopologySpec, TicketTopologyStatus) =
            (parsed(&topology.spec)?, parsed(&topology.status)?);
        let works = |uid: &str| {
            let run = evidence.objects.iter().find(|o| o.kind == "Run" && o.uid == uid);
            run.is_some_and(|run| !run.deleting && run.status["phase"] != "Stopping")
        };
        let mut claims = status.claims.clone();
        claims.retain(|claim| works(&claim.run_uid));
        claims.sort_by(|a, b| (a.since, &a.run_uid).cmp(&(b.since, &b.run_uid)));
        let mut ruled = Self {
            topology,
            spec,
            status,
            active: claims.into_iter().map(|claim| claim.run_uid).collect(),
            copies: vec![],
        };
        let key = ruled.spec.ticket.to_ascii_lowercase();
        for endpoint in endpoints {
            let rows = evidence.federated.rows.iter().filter(|r| r.ticket_key == key);
            let row = rows.into_iter().find(|r| r.endpoint_uid == endpoint.object.uid);
            if row.is_some() || ruled.should_have(endpoint) {
                let verdict = ruled.verdict(endpoint, row);
                ruled.copies.push(Copy { endpoint, row, verdict });
            }
        }
        Some(ruled)
    }

    fn is_own(&self, endpoint: &Endpoint<'_>) -> bool {
        let of = endpoint.spec.ticket.as_deref();
        of.is_some_and(|ticket| ticket.eq_ignore_ascii_case(&self.spec.ticket))
    }

    fn is_home(&self, endpoint: &Endpoint<'_>) -> bool {
        let written = self.spec.doc_home_url.as_deref().map(normalise);
        let home = written.or_else(|| self.status.claims.first().map(|claim| claim.home_url.clone()));
        match (home, endpoint.spec.repo_url.as_deref().map(normalise)) {
            (Some(home), Some(theirs)) => home == theirs,
            (Some(_) | None, _) => self.spec.doc_home_repo == endpoint.spec.repo,
        }
    }

    fn should_have(&self, endpoint: &Endpoint<'_>) -> bool {
        match endpoint.spec.kind {
            EndpointKind::Workspace => self.is_own(endpoint),
            EndpointKind::Repo => self.is_home(endpoint),
        }
    }

    fn verdict(&self, endpoint: &Endpoint<'_>, row: Option<&Row>) -> Verdict {
        let of_run = endpoint.spec.run_ref.as_ref().map(|run| &run.uid);
        let rank = match endpoint.spec.kind {
            EndpointKind::Workspace if !self.is_own(endpoint) => return Verdict::Lost("OtherTicket"),
            EndpointKind::Workspace if !self.active.iter().any(|uid| Some(uid) == of_run) => {
                return Verdict::Lost("RunNotActive");
            }
            EndpointKind::Workspace if self.active.first() != of_run => return Verdict::Lost("NotOwner"),
            EndpointKind::Workspace => 1,
            EndpointKind::Repo if !self.is_home(endpoint) => return Verdict::Lost("OtherHome"),
            EndpointKind::Repo => 2,
        };
        match row {
            _ if !endpoint.answers() => Verdict::Unsure,
            Some(row) if row.twice => Verdict::Lost("TicketTwice"),
            Some(_) => Verdict::May(rank),
            None => Verdict::Lost("TicketNotListed"),
        }
    }

    /// Everything is known from outside.
    fn is_certain(&self) -> bool {
        let known = |copy: &Copy<'_>| {
            copy.verdict != Verdict::Unsure && (copy.endpoint.answers() || self.should_have(copy.endpoint))
        };
        self.copies.iter().all(known)
    }

    fn flaws(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let owner = self.status.owner.as_ref().map(|owner| &owner.run_uid);
        if owner != self.active.first() {
            wrong.push(format!("owner is {owner:?} and not {:?}", self.active.first()));
        }
        let several = self.living_workspaces() > 1;
        let warned = self.status.warnings.iter().any(|w| w.code == "SeveralWorkspaces");
        if several != warned {
            wrong.push(format!("several workspaces: {several}, warned of: {warned}"));
        }
        wrong.extend(if self.is_certain() {
            self.differences()
        } else {
            self.absurdities()
        });
        let name = &self.topology.name;
        wrong.iter().map(|what| format!("topology {name}: {what}")).collect()
    }

    fn living_workspaces(&self) -> usize {
        let living = |copy: &&Copy<'_>| {
            let of_run = copy.endpoint.spec.run_ref.as_ref();
            self.is_own(copy.endpoint) && of_run.is_some_and(|run| self.active.contains(&run.uid))
        };
        self.copies.iter().filter(living).count()
    }

    /// Those that may win, the first of them first.
    fn standing(&self) -> Vec<(u8, &Copy<'a>)> {
        let may = |copy: &'_ Copy<'a>| match copy.verdict {
            Verdict::May(rank) => Some(rank),
            Verdict::Lost(_) | Verdict::Unsure => None,
        };
        let mut standing: Vec<_> = self.copies.iter().filter_map(|c| Some((may(c)?, c))).collect();
        standing.sort_by_key(|(rank, copy)| {
            let (updated, indexed) = times(copy);
            (
                *rank,
                Reverse(updated),
                Reverse(indexed),
                copy.endpoint.object.name.clone(),
            )
        });
        standing
    }

    /// What is otherwise than the rule has it.
    fn differences(&self) -> Vec<String> {
        let standing = self.standing();
        let winner = standing.first().map(|(_, copy)| *copy);
        let mut lost: BTreeMap<&str, &str> = BTreeMap::new();
        for copy in &self.copies {
            if let Verdict::Lost(why) = copy.verdict {
                lost.insert(&copy.endpoint.object.name, why);
            }
        }
        for (rank, loser) in standing.iter().skip(1) {
            let (of_winner, of_loser) = (times(standing[0].1), times(loser));
            let why = match () {
                () if *rank != standing[0].0 => "WorkspaceRules",
                () if of_winner.0 != of_loser.0 => "Older",
                () if of_winner.1 != of_loser.1 => "IndexedEarlier",
                () => "NameOrder",
            };
            lost.insert(&loser.endpoint.object.name, why);
        }
        let mut wrong = Vec::new();
        let told: BTreeMap<_, _> = self
            .status
            .alternates
            .iter()
            .map(|a| (&*a.endpoint, &*a.reason))
            .collect();
        if self.copies.len() <= LISTED && told != lost {
            wrong.push(format!("the others are {told:?} and not {lost:?}"));
        }
        if self.status.copies != i64::try_from(self.copies.len()).unwrap_or(i64::MAX) {
            wrong.push(format!("{} copies and not {}", self.status.copies, self.copies.len()));
        }
        wrong.extend(self.other_authority(winner));
        wrong.extend(self.other_record(winner));
        wrong
    }

    fn other_authority(&self, winner: Option<&Copy<'_>>) -> Option<String> {
        let expected = match winner.map(|copy| copy.endpoint) {
            None => ("None".to_owned(), None, None),
            Some(endpoint) => {
                let name = Some(endpoint.object.name.clone());
                (
                    format!("{:?}", endpoint.spec.kind),
                    name,
                    endpoint.page(&self.spec.ticket),
                )
            }
        };
        let authority = self.status.authority.as_ref()?;
        let kind = authority.kind.as_str().to_owned();
        let told = (kind, authority.endpoint.clone(), authority.web_url.clone());
        (told != expected).then(|| format!("the authority is {told:?} and not {expected:?}"))
    }

    fn other_record(&self, winner: Option<&Copy<'_>>) -> Option<String> {
        let record = self.status.record.as_ref();
        let Some((copy, row)) = winner.and_then(|copy| Some((copy, copy.row?))) else {
            let fresh = record.filter(|record| !record.stale)?;
            return Some(format!(
                "nobody has the ticket, and what {} said is not stale",
                fresh.source
            ));
        };
        let of = |r: &Record| {
            let times = (r.updated_at.map(Moment::as_millis), r.indexed_at.map(Moment::as_millis));
            (r.source.clone(), r.title.clone(), r.status.clone(), times, r.stale)
        };
        let (source, title, status) = (
            copy.endpoint.object.name.clone(),
            cut(&row.title, 512),
            cut(&row.status, 128),
        );
        let expected = Some((source, title, status, times(copy), !copy.endpoint.is_fresh()));
        let told = record.map(of);
        (told != expected).then(|| format!("the record is {told:?} and not {expected:?}"))
    }

    /// What no rule allows, whatever those remember that do not answer.
    fn absurdities(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let winner = self.status.authority.as_ref().and_then(|a| a.endpoint.as_deref());
        let named = |name: &str| self.copies.iter().find(|c| c.endpoint.object.name == name);
        match winner.map(named) {
            Some(None) => wrong.push(format!("the authority is {winner:?}, which has no copy")),
            Some(Some(copy)) => {
                if let Verdict::Lost(why) = copy.verdict {
                    wrong.push(format!("the authority is {winner:?}, which cannot be: {why}"));
                }
            }
            None => {}
        }
        let listed: BTreeSet<_> = self.status.alternates.iter().map(|a| a.endpoint.as_str()).collect();
        let must = self
            .copies
            .iter()
            .filter(|c| c.endpoint.answers() || self.should_have(c.endpoint));
        let silent = must.map(|c| c.endpoint.object.name.as_str());
        let silent: Vec<_> = silent
            .filter(|name| !listed.contains(name) && Some(*name) != winner)
            .collect();
        if self.copies.len() <= LISTED && !silent.is_empty() {
            wrong.push(format!("nothing is said of the copies of {silent:?}"));
        }
        wrong
    }
}

/// When the ticket was changed there, and when the index that says so was built.
fn times(copy: &Copy<'_>) -> (Option<i64>, Option<i64>) {
    let indexed = copy.endpoint.status.indexed_at.map(Moment::as_millis);
    (copy.row.and_then(|row| row.updated_at_ms), indexed)
}
