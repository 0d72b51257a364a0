//! The time of a file, as an instant. Looks at no clock.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// The time of a file.
pub fn of_file(time: SystemTime) -> Option<Timestamp> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Timestamp::new(
        i64::try_from(since.as_secs()).ok()?,
        i32::try_from(since.subsec_nanos()).ok()?,
    )
    .ok()
}
