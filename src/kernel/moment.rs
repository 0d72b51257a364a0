//! A point in time as our journals and events carry it. Pure: it never reads a clock.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An instant cut to whole milliseconds, so that what was written compares equal to what is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(Timestamp);

impl Moment {
    /// The instant, cut (never rounded up) to milliseconds.
    pub fn new(at: Timestamp) -> Self {
        Self(Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at))
    }

    /// Milliseconds since 1970; `None` outside the years that a timestamp can name.
    pub fn from_millis(ms: i64) -> Option<Self> {
        Timestamp::from_millisecond(ms).ok().map(Self)
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The underlying timestamp.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Cut to whole seconds, the precision of Kubernetes' `Time`.
    pub fn whole_seconds(self) -> Timestamp {
        Timestamp::from_second(self.0.as_second()).unwrap_or(self.0)
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Moment) -> Duration {
        let gap = self.0.duration_since(earlier.0);
        Duration::try_from(gap).unwrap_or(Duration::ZERO)
    }

    #[must_use]
    /// This instant moved later; stays where it is at the end of time.
    pub fn plus(self, by: Duration) -> Self {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        Self::new(self.0.checked_add(by).unwrap_or(self.0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Moment {
    type Err = jiff::Error;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse::<Timestamp>().map(Self::new)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Reads a length of time like `30s`, `1h30m` or `500ms`; `None` where it is none, or nothing.
pub fn length_of_time(text: &str) -> Option<Duration> {
    let length = text.parse::<SignedDuration>().ok()?;
    Duration::try_from(length).ok().filter(|length| !length.is_zero())
}

/// A length of time in words for people: the two largest units that are not zero, like `3m20s`.
pub fn in_words(length: Duration) -> String {
    let total = length.as_secs();
    let (d, h, m, s) = (total / 86_400, total / 3_600 % 24, total / 60 % 60, total % 60);
    match (d, h, m) {
        (0, 0, 0) => format!("{s}s"),
        (0, 0, _) => format!("{m}m{s}s"),
        (0, _, _) => format!("{h}h{m}m"),
        _ => format!("{d}d{h}h"),
    }
}

/// Cut to a whole minute: what only tells activity is shown no finer, so that it writes seldom.
pub fn whole_minute(at: Moment) -> Moment {
    at.0.round(
        jiff::TimestampRound::new()
            .smallest(Unit::Minute)
            .mode(jiff::RoundMode::Trunc),
    )
    .map_or(at, Moment)
}
