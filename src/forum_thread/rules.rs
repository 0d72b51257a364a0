//! The CEL rules of a thread that are longer than a line, and the words of their refusals. Pure text; `crd.rs` says
//! where each stands.

/// Which state may follow which (design, 2.4). A state may always stay.
pub const STATE_TABLE: &str = "self.state == oldSelf.state || self.state in \
{'New': ['Triaged', 'WaitingOperator', 'WaitingHuman', 'Answered', 'Closed'], \
'Triaged': ['WaitingOperator', 'WaitingHuman', 'Answered', 'Closed'], \
'WaitingOperator': ['Triaged', 'WaitingHuman', 'Answered', 'Closed'], \
'WaitingHuman': ['Triaged', 'WaitingOperator', 'Answered', 'Closed'], \
'Answered': ['WaitingOperator', 'WaitingHuman', 'Closed'], \
'Closed': []}[oldSelf.state]";

/// Names both states and what would be possible.
pub const STATE_TABLE_HELP: &str = "'state cannot go from ' + oldSelf.state + ' to ' + self.state + '; possible are: ' + \
{'New': 'Triaged, WaitingOperator, WaitingHuman, Answered, Closed', \
'Triaged': 'WaitingOperator, WaitingHuman, Answered, Closed', \
'WaitingOperator': 'Triaged, WaitingHuman, Answered, Closed', \
'WaitingHuman': 'Triaged, WaitingOperator, Answered, Closed', \
'Answered': 'WaitingOperator, WaitingHuman, Closed', \
'Closed': 'none, open another thread with continuedFrom'}[oldSelf.state]";

/// Where a thread may begin.
pub const BEGINNING: &str = "oldSelf.hasValue() || self.state in ['New', 'WaitingOperator', 'WaitingHuman']";

/// Says where a thread may begin.
pub const BEGINNING_HELP: &str =
    "a thread begins as New, WaitingOperator or WaitingHuman: remove state, or set one of these";

/// A new Answer answers: it brings the state with it.
pub const ANSWER_ENDS: &str = "self.posts.all(i, p, p.kind != 'Answer' || self.state in ['Answered', 'Closed'] || \
(oldSelf.hasValue() && i < oldSelf.value().posts.size()))";

/// Says how an Answer is given.
pub const ANSWER_ENDS_HELP: &str = "a new Answer comes with state: Answered or Closed in the same write; post a Comment or a Draft \
to say something without answering";

/// Nothing is called answered without an answer.
pub const ANSWERED_NEEDS_ANSWER: &str = "self.state != 'Answered' || oldSelf.state == 'Answered' || \
self.posts.exists(i, p, i >= oldSelf.posts.size() && p.kind == 'Answer')";

/// Says what comes with state Answered.
pub const ANSWERED_NEEDS_ANSWER_HELP: &str =
    "state: Answered needs a new post of kind Answer in the same write; use Closed to end a thread without one";

/// Nothing waits without a question.
pub const WAITING_NEEDS_QUESTION: &str = "!(self.state in ['WaitingOperator', 'WaitingHuman']) || self.state == oldSelf.state || \
self.posts.exists(q, q.kind == 'Question' && !self.posts.exists(a, a.kind == 'Answer' && has(a.inReplyTo) && a.inReplyTo == q.id))";

/// Says how to ask again.
pub const WAITING_NEEDS_QUESTION_HELP: &str = "state: WaitingOperator and WaitingHuman need a Question that no Answer replies to: \
post a new Question in the same write";

/// A choice is one of those offered, and made by an Answer.
pub const CHOICE_IS_OFFERED: &str = "self.posts.all(p, !has(p.choice) || \
(p.kind == 'Answer' && has(self.choices) && p.choice in self.choices))";

/// Says which choice is possible.
pub const CHOICE_IS_OFFERED_HELP: &str =
    "choice belongs to a post of kind Answer and must be one of spec.choices: remove it, or name one of those offered";

/// The offered answers stand in one line each.
pub const CHOICES_ARE_LINES: &str = "self.all(c, !c.matches('[\\\\x00-\\\\x1f\\\\x7f-\\\\x{9f}\\\\x{200e}\\\\x{200f}\\\\x{2028}-\\\\x{202e}\\\\x{2066}-\\\\x{2069}\\\\x{061c}]'))";

/// A closed thread is history.
pub const CLOSED_STAYS: &str = "oldSelf.state != 'Closed' || self == oldSelf";

/// Says how to go on after the end.
pub const CLOSED_STAYS_HELP: &str =
    "a closed thread cannot change at all: open another one with continuedFrom naming this one";

/// The last changes are kept for closing, so that a thread that saw too many can still end.
pub const CHANGES_LEAVE_ROOM: &str = "!has(self.changes) || self.changes.size() <= 253 || self.state == 'Closed'";

/// Says how to go on when no more changes fit.
pub const CHANGES_LEAVE_ROOM_HELP: &str = "changes holds 253 lines, and only closing is left: set state: Closed, and open another \
thread with continuedFrom naming this one";

/// What stands at a place stays there; new ones come behind. (`exists` instead of the place would let posts be moved.)
pub const APPEND_ONLY: &str = "oldSelf.all(i, o, i < self.size() && self[i].id == o.id)";

/// Says why a manifest that was applied before is refused.
pub const APPEND_ONLY_HELP: &str = "posts can only be added at the end: none can be removed or moved. A thread is a conversation, not a \
GitOps manifest: do not apply its first manifest again, but add a post with a JSON patch on /spec/posts/-";

/// How many posts a thread holds. The schema's bound is higher, so that this rule speaks first and names the way out.
pub const POSTS_FIT: &str = "self.size() <= 64";

/// Says how to go on when a thread is full.
pub const POSTS_FIT_HELP: &str =
    "posts holds at most 64: the thread is full; close it, and open another one with continuedFrom naming it";

/// All bodies together, in bytes: etcd's limit for an object is in bytes.
pub const BODIES_FIT: &str = "self.map(p, bytes(p.body).size()).sum() <= 196608";

/// Says how to go on when a thread holds too much text.
pub const BODIES_FIT_HELP: &str = "posts may hold 192 KiB (196608 bytes) of bodies together: the thread is full; close it, and open \
another one with continuedFrom naming it";

/// Replies point backwards.
pub const REPLY_IS_THERE: &str = "self.all(i, p, !has(p.inReplyTo) || self.exists(j, q, j < i && q.id == p.inReplyTo))";

/// Says what a reply may point to.
pub const REPLY_IS_THERE_HELP: &str = "inReplyTo must be the id of an earlier post of this thread";

/// An Answer says which question it answers.
pub const ANSWER_TO_QUESTION: &str = "self.all(p, p.kind != 'Answer' || \
(has(p.inReplyTo) && self.exists(q, q.kind == 'Question' && q.id == p.inReplyTo)))";

/// Says what an Answer replies to.
pub const ANSWER_TO_QUESTION_HELP: &str =
    "a post of kind Answer needs inReplyTo: the id of the Question that it answers";

/// The beginning of a field that can be neither added, changed nor removed: `has` on the parent, for a rule on the
/// field itself would let it be added and removed.
macro_rules! fixed {
    ($field:literal) => {
        concat!(
            "has(self.",
            $field,
            ") == has(oldSelf.",
            $field,
            ") && (!has(self.",
            $field,
            ") || self.",
            $field,
            " == oldSelf.",
            $field,
            ")"
        )
    };
}
pub(super) use fixed;
