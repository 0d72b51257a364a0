//! What `metawsm uninstall` found and did, in words. Prints nothing itself.

use serde::Serialize;

use super::printer::{plain, rendered, table};
use crate::leaving::held::Intent;
use crate::leaving::lease::{Seen, Verdict, Where};
use crate::leaving::release::{Done, Outcome};
use crate::leaving::workspaces::Left;

/// What to do where a controller still works.
pub const STOP_IT_FIRST: &str = "a controller works: nothing was touched. Stop it first (`helm uninstall`, or `kubectl scale \
--replicas=0` of its StatefulSet), or, where it is another team's, name your own Lease with --lease-name and \
--lease-namespace. --force goes on all the same";

/// The whole answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub dry_run: bool,
    pub leases: Vec<Seen>,
    pub objects: Vec<Done>,
    pub workspaces: Vec<Left>,
}

impl Report {
    /// How many objects are held further.
    pub fn failures(&self) -> usize {
        let failed = |d: &&Done| matches!(d.outcome, Outcome::Failed { .. });
        self.objects.iter().filter(failed).count()
    }
}

/// What was seen of the Leases, a line each.
pub fn leases(at: &Where, seen: &[Seen]) -> String {
    if seen.is_empty() {
        let place = at.namespace.as_deref().unwrap_or("any namespace");
        let named = at.name.as_ref().map(|name| format!(" '{}'", plain(name)));
        return format!(
            "no Lease{} of a controller in {}: taking it that none works",
            named.unwrap_or_default(),
            plain(place)
        );
    }
    let line = |lease: &Seen| {
        let name = format!("Lease {}/{}", plain(&lease.namespace), plain(&lease.name));
        match &lease.verdict {
            Verdict::Held { holder } => format!("{name} is held by '{}', who renews it", plain(holder)),
            Verdict::RunOut { holder } => format!("{name} ran out: '{}' does not renew it", plain(holder)),
            Verdict::GivenBack => format!("{name} was given back"),
        }
    };
    seen.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The answer for people.
pub fn report(report: &Report) -> String {
    let mut parts = Vec::new();
    let told: Vec<_> = report.objects.iter().filter(|d| worth_telling(d)).collect();
    if !told.is_empty() {
        let mut lines = table(&["KIND", "NAMESPACE", "NAME", "DELETING", "WHAT", "OUTCOME"]);
        lines.add_rows(told.iter().map(|d| row(d)));
        parts.push(rendered(&lines));
    }
    if !report.workspaces.is_empty() {
        parts.push(workspaces(&report.workspaces));
    }
    parts.push(summary(report));
    parts.join("\n\n")
}

fn worth_telling(done: &Done) -> bool {
    done.object.intent != Intent::Nothing || (done.object.deleting && !done.object.others.is_empty())
}

fn row(done: &Done) -> [String; 6] {
    let object = &done.object;
    let what = match object.intent {
        Intent::Release => "take the finalizer off",
        Intent::ReleaseAndDelete => "take the finalizer off, delete",
        Intent::Delete => "delete",
        Intent::Nothing => "",
    };
    let others = object.others.iter().map(|o| plain(o)).collect::<Vec<_>>().join(", ");
    let outcome = match &done.outcome {
        Outcome::Planned | Outcome::Nothing if others.is_empty() => String::new(),
        Outcome::Planned | Outcome::Nothing => format!("held by {others} as well"),
        Outcome::Released if others.is_empty() => "let go".to_owned(),
        Outcome::Released => format!("let go; still held by {others}"),
        Outcome::Gone => "gone".to_owned(),
        Outcome::Failed { message } => format!("FAILED: {}", plain(message)),
    };
    [
        object.kind.to_owned(),
        plain(&object.namespace),
        plain(&object.name),
        if object.deleting { "yes" } else { "" }.to_owned(),
        what.to_owned(),
        outcome,
    ]
}

fn workspaces(left: &[Left]) -> String {
    let mut lines = table(&["RUN", "TICKET", "LEFT ON THE VOLUME", "WORK THAT MAY BE NOWHERE ELSE"]);
    for one in left {
        lines.add_row([
            plain(&format!("{}/{}", one.namespace, one.run)),
            plain(&one.ticket),
            plain(&one.path),
            plain(&work(one)),
        ]);
    }
    format!(
        "{}\n\nas the controller looked last; what was done since is not in it",
        rendered(&lines)
    )
}

fn work(left: &Left) -> String {
    let parts = [
        ("not committed", &left.uncommitted),
        ("commits of its own", &left.unpushed),
        ("unknown", &left.unknown),
    ];
    let told = parts.iter().filter(|(_, clones)| !clones.is_empty());
    let told: Vec<_> = told
        .map(|(what, clones)| format!("{what}: {}", clones.join(", ")))
        .collect();
    if told.is_empty() {
        "none".to_owned()
    } else {
        told.join("; ")
    }
}

fn summary(report: &Report) -> String {
    let count = |judge: fn(&Done) -> bool| report.objects.iter().filter(|d| judge(d)).count();
    let with_work = report.workspaces.iter().filter(|w| w.has_work()).count();
    let left = format!(
        "{} workspaces stay on the volume, {with_work} with work that may be nowhere else",
        report.workspaces.len()
    );
    if report.dry_run {
        let due = count(|d| d.object.intent != Intent::Nothing);
        return format!("would work on {due} of {} objects; {left}", report.objects.len());
    }
    format!(
        "{} let go, {} gone, {} failed, {} needed nothing; {left}",
        count(|d| d.outcome == Outcome::Released),
        count(|d| d.outcome == Outcome::Gone),
        report.failures(),
        count(|d| d.outcome == Outcome::Nothing),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaving::held::Found;

    fn done(intent: Intent, outcome: Outcome, others: &[&str]) -> Done {
        let object = Found {
            kind: "Run",
            namespace: "team-a".to_owned(),
            name: "relay".to_owned(),
            uid: "u".to_owned(),
            deleting: true,
            intent,
            others: others.iter().map(|o| (*o).to_owned()).collect(),
        };
        Done { object, outcome }
    }

    fn told(dry_run: bool, objects: Vec<Done>) -> String {
        let left = Left {
            namespace: "team-a".to_owned(),
            run: "relay".to_owned(),
            ticket: "A-1".to_owned(),
            path: "/data/workspaces/team-a/relay/A-1".to_owned(),
            uncommitted: vec!["api".to_owned()],
            unpushed: vec!["docs".to_owned()],
            unknown: vec![],
        };
        report(&Report {
            dry_run,
            leases: vec![],
            objects,
            workspaces: vec![left],
        })
    }

    #[test]
    fn the_report_names_what_failed_what_others_hold_and_what_stays_on_the_volume() {
        let refused = Outcome::Failed {
            message: "no right\u{1b}[31m".to_owned(),
        };
        let text = told(
            false,
            vec![
                done(Intent::Release, Outcome::Gone, &[]),
                done(Intent::Release, Outcome::Released, &["example.com/backup"]),
                done(Intent::Release, refused, &[]),
                done(Intent::Nothing, Outcome::Nothing, &[]),
            ],
        );
        assert!(text.contains("let go; still held by example.com/backup"), "{text}");
        assert!(text.contains("FAILED: no right\\u{1b}[31m"), "{text}");
        assert!(text.contains("not committed: api; commits of its own: docs"), "{text}");
        let last = "1 let go, 1 gone, 1 failed, 1 needed nothing; 1 workspaces stay on the volume, 1 with work that may be nowhere else";
        assert!(text.ends_with(last), "{text}");
    }

    #[test]
    fn a_dry_run_counts_what_it_would_do() {
        let text = told(
            true,
            vec![
                done(Intent::Release, Outcome::Planned, &[]),
                done(Intent::Nothing, Outcome::Planned, &[]),
            ],
        );
        assert!(text.contains("would work on 1 of 2 objects"), "{text}");
    }

    #[test]
    fn without_a_lease_it_says_which_one_was_looked_for() {
        let at = Where {
            name: Some("metawsm".to_owned()),
            namespace: None,
        };
        assert!(leases(&at, &[]).starts_with("no Lease 'metawsm' of a controller in any namespace"));
    }
}
