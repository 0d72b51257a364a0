//! A thread's status in the making: takes facts in, one after the other, as far as the journal has room. Pure.

use super::clock_guard::Hold;
use super::crd::{
    Author, ForumThread, ForumThreadStatus, LastPost, Post, RecordedPost, SlaSnapshot, SlaStatus, ThreadState,
};
use super::events;
use super::history::{By, Changed, Fact};
use super::observe::Observed;
use super::snapshot;
use super::state_since::state_since;
use crate::kernel::event::event_id;
use crate::kernel::journal::Transition;
use crate::kernel::moment::Moment;
use crate::kernel::question;

/// A plan in the making.
pub struct Draft<'a> {
    pub status: ForumThreadStatus,
    pub transitions: Vec<Transition>,
    /// Escalations that are due wait for the clock.
    pub held: Option<Hold>,
    pub reason: &'static str,
    observed: &'a Observed,
    now: Moment,
}

impl<'a> Draft<'a> {
    /// Begins with what was recorded last.
    pub fn new(observed: &'a Observed, now: Moment) -> Self {
        Self {
            status: observed.thread.status.clone().unwrap_or_default(),
            transitions: Vec::new(),
            held: None,
            reason: "Recorded",
            observed,
            now,
        }
    }

    fn thread(&self) -> &'a ForumThread {
        &self.observed.thread
    }

    /// How many transitions still fit.
    pub fn room(&self) -> usize {
        self.observed.room.saturating_sub(self.transitions.len())
    }

    /// The journal's number of the next transition.
    pub fn next_seq(&self) -> i64 {
        let last = self.status.journal.last().map_or(0, |e| e.seq);
        last + 1 + i64::try_from(self.transitions.len()).unwrap_or(0)
    }

    /// The id of the event of the next transition.
    pub fn next_event(&self) -> String {
        event_id(
            self.thread().metadata.uid.as_deref().unwrap_or_default(),
            self.next_seq(),
        )
        .to_string()
    }

    /// When the journal will say that the next transition was decided.
    pub fn at(&self) -> Moment {
        self.status
            .journal
            .last()
            .map_or(self.now, |last| last.at.max(self.now))
    }

    /// Takes in as many facts as fit; how many. Where not even one fits, it is taken all the same: the driver sees that
    /// the journal is full of what could not be recorded, and says so.
    pub fn record(&mut self, facts: &[Fact<'_>]) -> usize {
        let mut taken = 0;
        for fact in facts {
            let needs = match fact {
                Fact::Changed {
                    what: Changed::State(_, ThreadState::Closed),
                    ..
                } => 2,
                Fact::Opened { .. } | Fact::Posted { .. } | Fact::Changed { .. } => 1,
            };
            if needs > self.room() && !(taken == 0 && self.transitions.is_empty()) {
                break;
            }
            self.take(fact);
            taken += 1;
        }
        taken
    }

    fn take(&mut self, fact: &Fact<'_>) {
        match fact {
            Fact::Opened {
                state,
                priority,
                assignee,
                author,
            } => {
                let made = self
                    .thread()
                    .metadata
                    .creation_timestamp
                    .as_ref()
                    .map(|t| Moment::new(t.0));
                let opened = events::opened(self.thread(), fact, self.vouched(*author));
                self.transitions.extend(opened);
                self.status.priority = Some(*priority);
                self.status.assigned_to.clone_from(assignee);
                self.enter(*state, state_since(made, None, self.now));
            }
            Fact::Posted { post } => self.say(post),
            Fact::Changed { what, by } => self.change(what, *by),
        }
    }

    /// Whether the API server vouches for somebody on this thread.
    fn vouched(&self, author: Option<&Author>) -> bool {
        let made = self.thread().metadata.creation_timestamp.as_ref();
        made.is_some_and(|made| self.observed.attestation.vouches_for(Moment::new(made.0), author))
    }

    fn say(&mut self, post: &Post) {
        let at = self.at();
        let author = post.author.as_ref();
        self.status.posts.push(RecordedPost {
            id: post.id.clone(),
            recorded_at: at,
            seq: self.next_seq(),
            attested: self.vouched(author),
        });
        self.status.post_count = i64::try_from(self.status.posts.len()).unwrap_or(i64::MAX);
        self.status.last_post = Some(LastPost {
            id: post.id.clone(),
            kind: post.kind,
            author_type: author.map(|a| a.kind),
            author_name: author.map(|a| a.name.clone()),
            at,
        });
        self.transitions.push(events::posted(post, self.vouched(author)));
    }

    fn change(&mut self, what: &Changed, by: By<'_>) {
        if let By::Line(line) = by {
            self.status.change_count = i64::from(line.num);
        }
        let since = state_since(self.observed.owned_since, self.status.state_since, self.now);
        let from = self.status.state;
        match what {
            Changed::State(_, to) => self.enter(*to, since),
            Changed::Priority(_, to) => self.status.priority = Some(*to),
            Changed::Assignee(_, to) => self.status.assigned_to.clone_from(to),
        }
        let turn = question::turn(
            self.status.state.unwrap_or_default(),
            self.status.assigned_to.as_ref().map(|a| a.kind),
            self.asked_by(),
        );
        let author = match by {
            By::Line(line) => Some(&line.actor),
            By::Unknown { .. } => None,
        };
        let change = events::changed(what, by, since, turn, self.vouched(author));
        let closed = match (what, from) {
            (Changed::State(_, ThreadState::Closed), Some(from)) => Some(events::closed(from, &change)),
            (Changed::State(..) | Changed::Priority(..) | Changed::Assignee(..), _) => None,
        };
        self.transitions.push(change);
        self.transitions.extend(closed);
    }

    /// A state is entered: its clock starts with what the policy says now, and with no level escalated.
    fn enter(&mut self, state: ThreadState, since: Moment) {
        let priority = self.status.priority.unwrap_or_default();
        let observed = self.observed;
        let policy = snapshot::taken(&observed.policy.sla, observed.revision.as_deref(), state, priority);
        let deadline = snapshot::ladder(&policy).deadline(since, 1);
        let before = self.status.sla.take();
        self.status.sla = Some(SlaStatus {
            policy,
            deadline,
            level: 0,
            breached: false,
            late_by: None,
            ..before.unwrap_or_else(no_clock)
        });
        (self.status.state, self.status.state_since) = (Some(state), Some(since));
    }

    /// Who asked: the author of the first post.
    pub fn asked_by(&self) -> Option<super::crd::Party> {
        let author = self.thread().spec.posts.first().and_then(|p| p.author.as_ref());
        author.map(|a| a.kind)
    }
}

fn no_clock() -> SlaStatus {
    SlaStatus {
        policy: SlaSnapshot::default(),
        deadline: None,
        due: None,
        level: 0,
        escalation_count: 0,
        escalations: Vec::new(),
        breached: false,
        late_by: None,
    }
}
