//! Recomputes the hash chains of the audit log, row by row. Pure.

use super::read::AuditRow;
use crate::ports::read_model::{Flaw, Verdict};

/// Walks rows ordered by uid and seq. Several rows of one seq (a restored cluster) are branches: each row must go on
/// from some row of the seq before.
#[derive(Default)]
pub struct ChainWalk {
    verdict: Verdict,
    uid: String,
    subject: String,
    seq: i64,
    /// Hashes at `seq - 1` and at `seq`.
    before: Vec<String>,
    here: Vec<String>,
}

impl ChainWalk {
    /// Looks at the next row.
    pub fn look(&mut self, row: &AuditRow) {
        self.verdict.checked += 1;
        let subject = format!("{}/{}/{}", row.kind, row.namespace, row.name);
        if self.uid != row.uid {
            self.uid.clone_from(&row.uid);
            self.subject.clone_from(&subject);
            self.begin(row);
        } else if row.seq != self.seq {
            self.step(row);
        }
        if subject != self.subject {
            self.flaw(row, format!("the object was '{}' in earlier rows", self.subject));
        }
        self.link(row);
        self.here.push(row.hash.clone());
    }

    /// What was found.
    pub fn verdict(self) -> Verdict {
        self.verdict
    }

    fn begin(&mut self, row: &AuditRow) {
        self.seq = row.seq;
        (self.before, self.here) = (Vec::new(), Vec::new());
        if row.seq > 1 {
            self.gap(row, 1);
        }
    }

    fn step(&mut self, row: &AuditRow) {
        if row.seq == self.seq + 1 {
            self.before = std::mem::take(&mut self.here);
        } else {
            let first_missing = self.seq + 1;
            (self.before, self.here) = (Vec::new(), Vec::new());
            self.gap(row, first_missing);
        }
        self.seq = row.seq;
    }

    fn link(&mut self, row: &AuditRow) {
        match row.entry().map(|entry| entry.hash(&row.uid)) {
            Some(hash) if hash == row.hash => {}
            Some(_) | None => self.flaw(row, "the row was rewritten: its content does not give its hash".into()),
        }
        let holds = match (row.seq, self.before.is_empty()) {
            (1, _) => row.prev_hash.is_empty(),
            (_, true) => true,
            (_, false) => self.before.contains(&row.prev_hash),
        };
        if !holds {
            self.flaw(
                row,
                "the row does not go on from the one before: its previous hash is another".into(),
            );
        }
    }

    fn gap(&mut self, row: &AuditRow, first_missing: i64) {
        let last_missing = row.seq - 1;
        self.verdict.gaps.push(Flaw {
            subject: format!("{}/{}/{}", row.kind, row.namespace, row.name),
            seq: Some(first_missing),
            problem: format!("seq {first_missing} to {last_missing} are not here"),
        });
    }

    fn flaw(&mut self, row: &AuditRow, problem: String) {
        let subject = format!("{}/{}/{}", row.kind, row.namespace, row.name);
        self.verdict.flaws.push(Flaw {
            subject,
            seq: Some(row.seq),
            problem,
        });
    }
}
