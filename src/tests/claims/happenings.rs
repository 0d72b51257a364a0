//! What may happen between two looks at the world, and the few Runs, tickets and homes that it happens to.

use proptest::prelude::*;

const X: &str = "/repos/x";
const Y: &str = "/repos/y";

/// The repositories of a Run, the first one its home unless something else decides, and the home it names.
pub(super) type Choice = (&'static [(&'static str, &'static str)], Option<&'static str>);

pub(super) const REPOS: [Choice; 7] = [
    (&[("docs", X)], None),
    (&[("docs", Y)], None),
    (&[("wiki", Y)], None),
    (&[("main", X)], None),
    (&[("docs", X), ("wiki", Y)], None),
    (&[("docs", X), ("wiki", Y)], Some("wiki")),
    (&[("wiki", Y), ("docs", X)], None),
];

/// What topologies by hand say.
pub(super) const HOMES: [(&str, Option<&str>); 4] = [
    ("docs", Some(X)),
    ("wiki", Some(Y)),
    ("docs", None),
    ("elsewhere", Some("/repos/z")),
];

/// The tickets of a Run: indices, in the order of its spec.
pub(super) const TICKETS: [&[usize]; 8] = [&[0], &[1], &[0, 1], &[1, 0], &[2, 0], &[1, 2], &[2, 1, 0], &[0, 1, 2]];

#[derive(Clone, Debug)]
pub(super) enum Happening {
    Create {
        name: usize,
        tickets: usize,
        repos: usize,
    },
    Delete(usize),
    /// Somebody takes a Run's finalizer away: it is gone at once, with its claims where they are.
    TearOut(usize),
    Write {
        ticket: usize,
        home: usize,
    },
    Edit {
        ticket: usize,
        home: usize,
    },
    DeleteTopology(usize),
    /// A Run's work becomes canonical history: what a close does before it gives the claims back.
    Canonise(usize),
    /// A person says so of a ticket, or takes it back.
    MarkCanonical {
        ticket: usize,
        is: bool,
    },
    /// What is seen of the world moves on by so many writes.
    SeeMore(usize),
    RunPass(usize),
    /// A Run's pass that dies after so many effects, before it writes the status.
    DyingPass(usize, usize),
    TopologyPass(usize),
    /// A new process lists everything anew.
    Restart,
    TimePasses(u16),
}

pub(super) fn happenings() -> impl Strategy<Value = Happening> {
    let name = 0usize..6;
    prop_oneof![
        5 => (name.clone(), 0..TICKETS.len(), 0..REPOS.len())
            .prop_map(|(name, tickets, repos)| Happening::Create { name, tickets, repos }),
        2 => name.clone().prop_map(Happening::Delete),
        1 => name.clone().prop_map(Happening::TearOut),
        1 => (0usize..3, 0..HOMES.len()).prop_map(|(ticket, home)| Happening::Write { ticket, home }),
        1 => (0usize..3, 0..HOMES.len()).prop_map(|(ticket, home)| Happening::Edit { ticket, home }),
        1 => (0usize..3).prop_map(Happening::DeleteTopology),
        1 => name.clone().prop_map(Happening::Canonise),
        1 => (0usize..3, any::<bool>()).prop_map(|(ticket, is)| Happening::MarkCanonical { ticket, is }),
        8 => (1usize..6).prop_map(Happening::SeeMore),
        14 => name.clone().prop_map(Happening::RunPass),
        2 => (name, 0usize..4).prop_map(|(name, effects)| Happening::DyingPass(name, effects)),
        8 => (0usize..3).prop_map(Happening::TopologyPass),
        1 => Just(Happening::Restart),
        2 => (1u16..200).prop_map(Happening::TimePasses),
    ]
}
