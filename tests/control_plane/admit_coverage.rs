//! Every CEL rule in `crds/` must have cases: a rule that nobody tried is a rule that nobody knows.

use crate::admission::{Base, Case};
use crate::schemas::{Rule, rules};
use crate::{
    admit_run_immutable, admit_run_names, admit_run_repos, admit_run_rules, admit_thread, admit_thread_posts,
    admit_topology,
};

fn all_cases() -> Vec<Case> {
    [
        admit_run_names::cases(),
        admit_run_repos::cases(),
        admit_run_rules::cases(),
        admit_run_immutable::cases(),
        admit_topology::cases(),
        admit_thread::cases(),
        admit_thread_posts::cases(),
    ]
    .concat()
}

#[test]
fn every_rule_has_an_accepted_case_and_two_refused_ones() {
    let cases = all_cases();
    let mut bare = Vec::new();
    for base in [Base::Run, Base::Topology, Base::Thread] {
        for rule in rules(base) {
            let about = |refused: bool| {
                cases
                    .iter()
                    .filter(|c| c.refused == refused && is_about(c, base, &rule))
                    .count()
            };
            if !is_unreachable(base, &rule) && (about(false) < 1 || about(true) < 2) {
                bare.push(format!(
                    "{base:?} {:?}: {} ({} accepted, {} refused)",
                    rule.path,
                    rule.message,
                    about(false),
                    about(true)
                ));
            }
        }
    }
    assert!(bare.is_empty(), "rules without enough cases:\n{}", bare.join("\n"));
}

#[test]
fn every_rule_says_what_to_do_in_words_of_its_own() {
    for base in [Base::Run, Base::Topology, Base::Thread] {
        for rule in rules(base) {
            assert!(
                rule.message.len() > 20,
                "{:?} has no helpful message: {:?}",
                rule.path,
                rule.message
            );
        }
    }
}

fn is_about(case: &Case, base: Base, rule: &Rule) -> bool {
    let kind = |b: Base| if b == Base::Bootstrap { Base::Run } else { b };
    kind(case.base) == kind(base) && case.path == rule.path && rule.message.contains(case.words)
}

fn is_unreachable(base: Base, rule: &Rule) -> bool {
    let known = admit_run_immutable::UNREACHABLE.iter();
    known
        .chain(&admit_thread_posts::TRIED_ELSEWHERE)
        .any(|(b, path, words)| *b == base && rule.path == *path && rule.message.contains(words))
}
