//! Lengths of time as people write them in settings and policies: `90s`, `10m`, `1h30m`, `14d`. Pure.

use std::time::Duration;

use jiff::SignedDuration;

const DAY: Duration = Duration::from_hours(24);
const NOTHING: &str = "it must be longer than nothing";

/// Reads a length of time.
///
/// # Errors
/// What is wrong with it, and how to write it.
pub fn length(text: &str) -> Result<Duration, String> {
    if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()) {
        let length = DAY * days;
        return if length.is_zero() {
            Err(NOTHING.to_owned())
        } else {
            Ok(length)
        };
    }
    let signed: SignedDuration = text
        .parse()
        .map_err(|e| format!("write it like 90s, 10m, 1h30m or 14d ({e})"))?;
    let length = Duration::try_from(signed).map_err(|_| "it must not be negative".to_owned())?;
    if length.is_zero() {
        Err(NOTHING.to_owned())
    } else {
        Ok(length)
    }
}

/// Writes a length of time so that [`length`] reads the same, cut to milliseconds: `1h30m`, `14d`.
pub fn written(length: Duration) -> String {
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let mut left = length.as_millis();
    if left > 0 && left.is_multiple_of(86_400_000) {
        return format!("{}d", left / 86_400_000);
    }
    let mut text = String::new();
    for (unit, millis) in &units[1..] {
        let count = left / millis;
        left %= millis;
        if count > 0 {
            text += &count.to_string();
            text += unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        let table = [("90s", 90), ("10m", 600), ("1h30m", 5400), ("14d", 14 * 86_400)];
        for (text, seconds) in table {
            assert_eq!(length(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["", "0s", "0d", "-5m", "soon", "30", "1 fortnight"] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_as_the_same(millis in 1u64..40_000_000_000) {
            let exact = Duration::from_millis(millis);
            prop_assert_eq!(length(&written(exact)), Ok(exact));
        }
    }
}
