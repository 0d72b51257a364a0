//! What a thread's spec says and its status has not recorded yet, in the order in which it goes into the journal. Pure.
//!
//! Posts come first, then changes: an answer stands in the history before the state that it brought about. Where admission
//! wrote `changes`, each line is one fact. What the lines do not explain (there is no such policy in the cluster) is told
//! from what was recorded last: nobody vouches for who it was, and several changes may look like one.

use super::crd::{Assignee, Author, Change, ChangedField, ForumThread, ForumThreadStatus, Post, Priority, ThreadState};

/// One thing that happened, not recorded yet.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact<'a> {
    /// The thread was made, like this.
    Opened {
        state: ThreadState,
        priority: Priority,
        assignee: Option<Assignee>,
        author: Option<&'a Author>,
    },
    /// Something was said.
    Posted { post: &'a Post },
    /// State, priority or assignee changed.
    Changed { what: Changed, by: By<'a> },
}

/// What changed, from and to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    State(ThreadState, ThreadState),
    Priority(Priority, Priority),
    Assignee(Option<Assignee>, Option<Assignee>),
}

/// Who changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// A line of `changes` says so.
    Line(&'a Change),
    /// Nobody says so. `coalesced`: it may have been more than one change.
    Unknown { coalesced: bool },
}

/// Everything that is not recorded, oldest first.
pub fn unrecorded(thread: &ForumThread) -> Vec<Fact<'_>> {
    let (spec, unseen) = (&thread.spec, ForumThreadStatus::default());
    let status = thread.status.as_ref().unwrap_or(&unseen);
    let mut facts = Vec::new();
    let mut known = Known::of(thread);
    if status.state.is_none() {
        facts.push(Fact::Opened {
            state: known.state,
            priority: known.priority,
            assignee: known.assignee.clone(),
            author: spec.posts.first().and_then(|p| p.author.as_ref()),
        });
    }
    let said = spec.posts.iter().skip(status.posts.len());
    facts.extend(said.map(|post| Fact::Posted { post }));
    let recorded = usize::try_from(status.change_count).unwrap_or(0);
    for line in spec.changes.iter().skip(recorded) {
        if let Some(what) = meaning(line) {
            known.follow(&what);
            facts.push(Fact::Changed {
                what,
                by: By::Line(line),
            });
        }
    }
    let coalesced = !is_one_write(thread);
    let unexplained = known.differences(thread).into_iter();
    facts.extend(unexplained.map(|what| Fact::Changed {
        what,
        by: By::Unknown { coalesced },
    }));
    facts
}

/// Whether the spec was written exactly once since it was recorded last.
fn is_one_write(thread: &ForumThread) -> bool {
    let observed = thread.status.as_ref().and_then(|s| s.observed_generation).unwrap_or(0);
    let deleting = i64::from(thread.metadata.deletion_timestamp.is_some());
    thread.metadata.generation.unwrap_or(0) - deleting - observed == 1
}

/// What is known to hold, as far as one has read.
struct Known {
    state: ThreadState,
    priority: Priority,
    assignee: Option<Assignee>,
}

impl Known {
    /// As it was recorded last; of a thread that was never recorded, as it was made: what the first change of each field
    /// changed, and where there is none, what the spec says. A state that no thread begins in was entered since.
    fn of(thread: &ForumThread) -> Self {
        let spec = &thread.spec;
        if let Some(ForumThreadStatus {
            state: Some(state),
            priority,
            assigned_to,
            ..
        }) = &thread.status
        {
            return Self {
                state: *state,
                priority: priority.unwrap_or(spec.priority),
                assignee: assigned_to.clone(),
            };
        }
        let mut made = Self {
            state: spec.state,
            priority: spec.priority,
            assignee: spec.assignee.clone(),
        };
        if !matches!(
            spec.state,
            ThreadState::New | ThreadState::WaitingOperator | ThreadState::WaitingHuman
        ) {
            made.state = ThreadState::New;
        }
        for line in spec.changes.iter().rev() {
            match meaning(line) {
                Some(Changed::State(from, _)) => made.state = from,
                Some(Changed::Priority(from, _)) => made.priority = from,
                Some(Changed::Assignee(from, _)) => made.assignee = from,
                None => {}
            }
        }
        made
    }

    fn follow(&mut self, what: &Changed) {
        match what {
            Changed::State(_, to) => self.state = *to,
            Changed::Priority(_, to) => self.priority = *to,
            Changed::Assignee(_, to) => self.assignee.clone_from(to),
        }
    }

    fn differences(self, thread: &ForumThread) -> Vec<Changed> {
        let spec = &thread.spec;
        let mut found = Vec::new();
        if self.assignee != spec.assignee {
            found.push(Changed::Assignee(self.assignee, spec.assignee.clone()));
        }
        if self.priority != spec.priority {
            found.push(Changed::Priority(self.priority, spec.priority));
        }
        if self.state != spec.state {
            found.push(Changed::State(self.state, spec.state));
        }
        found
    }
}

/// A line in our own words; `None` where it says nothing that we know (only admission writes lines, and only these).
fn meaning(line: &Change) -> Option<Changed> {
    Some(match line.field {
        ChangedField::State => Changed::State(word(&line.from)?, word(&line.to)?),
        ChangedField::Priority => Changed::Priority(word(&line.from)?, word(&line.to)?),
        ChangedField::Assignee => Changed::Assignee(assignee(&line.from).ok()?, assignee(&line.to).ok()?),
    })
}

fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(text.into()).ok()
}

/// `<type>/<name>`, or nothing for nobody.
fn assignee(text: &str) -> Result<Option<Assignee>, serde_json::Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let (kind, name) = text.split_once('/').unwrap_or_default();
    Ok(Some(Assignee {
        kind: serde_json::from_value(kind.into())?,
        name: name.to_owned(),
    }))
}

/// Whether anything at all is not recorded: cheap, and true of a pruned object too.
pub fn has_news(thread: &ForumThread) -> bool {
    let spec = &thread.spec;
    thread.status.as_ref().is_none_or(|status| {
        status.state != Some(spec.state)
            || status.priority != Some(spec.priority)
            || status.assigned_to != spec.assignee
            || status.posts.len() < spec.posts.len()
            || usize::try_from(status.change_count).unwrap_or(0) < spec.changes.len()
    })
}
