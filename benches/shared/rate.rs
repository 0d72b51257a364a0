//! How fast something goes.

use std::time::Duration;

/// How many in a second.
pub fn rate(count: usize, took: Duration) -> String {
    let count = f64::from(u32::try_from(count).unwrap());
    format!("{:.0}/s", count / took.as_secs_f64())
}
