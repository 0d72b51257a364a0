//! Reads what the three stores hold after any suite and says what contradicts the design: API objects, SQLite, Redis.
//! Reads only. Used by any test binary with `#[path = "../validator/mod.rs"] mod validator;`.

mod authority;
pub mod evidence;
mod federated;
mod federation;
mod folded;
mod folding;
pub mod invariants;
mod streams;
mod threads;

use std::time::Duration;

pub use self::evidence::{Evidence, Place};
pub use self::invariants::{Flaw, Invariant, judge};

/// How long the stores may take to agree after the last change: the relay looks every two seconds, a lost race five, and
/// the cores may be busy with other things.
const SETTLING: Duration = Duration::from_secs(120);
/// How often they are read meanwhile.
const GLANCE: Duration = Duration::from_millis(250);

/// What is still wrong once the stores had time to agree; empty as soon as nothing is.
pub async fn flaws(place: &Place) -> Vec<Flaw> {
    let started = std::time::Instant::now();
    loop {
        let found = judge(&Evidence::gather(place).await);
        if found.is_empty() || started.elapsed() > SETTLING {
            return found;
        }
        tokio::time::sleep(GLANCE).await;
    }
}
