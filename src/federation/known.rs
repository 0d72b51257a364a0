//! What is known of one server, in the steps in which it is told. Pure: what only flickers looks the same.

use std::time::Duration;

use super::target::{Flight, Problem};
use crate::kernel::moment::Moment;

/// What a decision may know of an endpoint's server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// It was asked since this process began, and there was a result.
    pub asked: bool,
    /// The last good answer.
    pub facts: Option<Facts>,
    /// Why the last round failed, and since when it fails for that reason.
    pub trouble: Option<(Problem, Moment)>,
    /// Failed rounds in a row, cut to a power of two.
    pub failures: i64,
    /// The upper bound of the step that the time until the server's status came is in.
    pub latency: Option<Duration>,
    /// The address that was asked last.
    pub url: Option<String>,
    pub flight: Option<Flight>,
}

/// What a good answer says, without its tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub indexed_at: Option<Moment>,
    pub docs_indexed: i64,
    pub root: String,
    pub tickets: i64,
    /// The first tickets that are listed more than once.
    pub twice: Vec<String>,
    /// How many rows could not be used, and the first of them with why.
    pub refused: i64,
    pub first_refused: Option<String>,
}

impl Known {
    /// Whether the last round gave an answer that can be used.
    pub fn reachable(&self) -> bool {
        self.facts.is_some() && self.trouble.is_none()
    }
}

/// The largest power of two that is not above the count; 0 for none.
pub fn step(count: u32) -> i64 {
    if count == 0 { 0 } else { 1 << count.ilog2() }
}

/// The smallest step of a latency; each further one is four times as long.
const FIRST_STEP: Duration = Duration::from_millis(4);
const LAST_STEP: Duration = Duration::from_millis(4 << 14);

/// The step that a latency is in. It stays in the step where it was until it is well outside, so that one on the edge
/// does not move back and forth.
pub fn latency_step(took: Duration, before: Option<Duration>) -> Duration {
    if let Some(step) = before
        && took < step * 2
        && took * 8 >= step
    {
        return step;
    }
    let mut step = FIRST_STEP;
    while took >= step && step < LAST_STEP {
        step *= 4;
    }
    step
}

/// A latency's step in words.
pub fn latency_words(step: Duration) -> String {
    match step.as_millis() {
        ms if ms >= 1000 => format!("<{}s", ms / 1000),
        ms => format!("<{ms}ms"),
    }
}

/// The step of which those are the words; `None`: they are of none.
pub fn latency_of(words: &str) -> Option<Duration> {
    let steps = (0..).map(|power| FIRST_STEP * 4_u32.pow(power));
    steps
        .take_while(|step| *step <= LAST_STEP)
        .find(|step| latency_words(*step) == words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_outage_is_told_in_few_steps() {
        let told: std::collections::BTreeSet<_> = (0..1000).map(step).collect();
        assert_eq!(told.len(), 11, "{told:?}");
        assert_eq!((step(0), step(1), step(3), step(1000)), (0, 1, 2, 512));
    }

    #[test]
    fn a_latency_on_the_edge_of_a_step_stays_where_it_was() {
        let ms = Duration::from_millis;
        let first = latency_step(ms(15), None);
        assert_eq!((first, latency_words(first)), (ms(16), "<16ms".to_owned()));
        assert_eq!(latency_step(ms(17), Some(first)), ms(16));
        assert_eq!(latency_step(ms(3), Some(first)), ms(16));
        assert_eq!(latency_step(ms(40), Some(first)), ms(64));
        assert_eq!(latency_step(ms(1), Some(first)), ms(4));
        assert_eq!(latency_step(Duration::from_secs(3600), None), LAST_STEP);
        assert_eq!(latency_words(ms(4096)), "<4s");
    }

    #[test]
    fn the_words_of_a_step_lead_back_to_it() {
        let mut step = FIRST_STEP;
        while step <= LAST_STEP {
            assert_eq!(latency_of(&latency_words(step)), Some(step));
            step *= 4;
        }
        assert_eq!(latency_of("quick"), None);
    }
}
