//! The work itself, done by short-lived processes of this binary: `metawsm step …` under `metawsm supervise`.
//! A step reads one plan file and writes one outcome file; it knows no Kubernetes, no database and no controller.

pub mod cleanup;
pub mod clones;
pub mod command;
pub mod context;
pub mod execute;
pub mod inspect;
pub mod place;
pub mod prepare;
pub mod seed;
pub mod supervise;
#[cfg(test)]
mod tests;
pub mod workspace;
