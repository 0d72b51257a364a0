//! How long to wait after failures. Pure but for the dice.

use std::time::Duration;

/// The first pause at most: a connection that was only cut is back by then.
const FIRST: Duration = Duration::from_millis(100);

/// No pause is longer, so that news flow soon after Redis is back.
const LONGEST: Duration = Duration::from_secs(5);

/// A random pause below the ceiling (full jitter), so that many controllers do not come back in step.
pub fn pause_after(failures: u32) -> Duration {
    ceiling(failures).mul_f64(rand::random::<f64>())
}

fn ceiling(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST.saturating_mul(doubled).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_its_cap() {
        let millis = [1, 2, 3, 6, 7, 1000].map(|failures| ceiling(failures).as_millis());
        assert_eq!(millis, [100, 200, 400, 3200, 5000, 5000]);
        assert!((1..100).all(|failures| pause_after(failures) <= ceiling(failures)));
    }
}
