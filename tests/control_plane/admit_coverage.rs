//! Every CEL rule in `crds/` must have cases: a rule that nobody tried is a rule that nobody knows.

use crate::admission::{Base, Case};
use crate::schemas::{Rule, rules};
use crate::{
    admit_doc_endpoint, admit_doc_endpoint_bounds, admit_run_immutable, admit_run_names, admit_run_repos,
    admit_run_rules, admit_thread, admit_thread_posts, admit_topology,
};

fn all_cases() -> Vec<Case> {
    [
        admit_run_names::cases(),
        admit_run_repos::cases(),
        admit_run_rules::cases(),
        admit_run_immutable::cases(),
        admit_topology::cases(),
        admit_doc_endpoint::cases(),
        admit_doc_endpoint_bounds::cases(),
        admit_thread::cases(),
        admit_thread_posts::cases(),
    ]
    .concat()
}

#[test]
fn every_rule_has_an_accepted_case_and_two_refused_ones() {
    let cases = all_cases();
    let mut bare = Vec::new();
    for base in [Base::Run, Base::Topology, Base::DocEndpoint, Base::Thread] {
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
    for base in [Base::Run, Base::Topology, Base::DocEndpoint, Base::Thread] {
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
    schema_of(case.base) == schema_of(base) && case.path == rule.path && rule.message.contains(case.words)
}

/// Bases of one kind share its rules.
fn schema_of(base: Base) -> Base {
    match base {
        Base::Run | Base::Bootstrap => Base::Run,
        Base::Topology => Base::Topology,
        Base::DocEndpoint | Base::WorkspaceEndpoint => Base::DocEndpoint,
        Base::Thread => Base::Thread,
    }
}

fn is_unreachable(base: Base, rule: &Rule) -> bool {
    let known = admit_run_immutable::UNREACHABLE.iter();
    known
        .chain(&admit_thread_posts::TRIED_ELSEWHERE)
        .any(|(b, path, words)| *b == base && rule.path == *path && rule.message.contains(words))
}
