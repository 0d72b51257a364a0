//! Times as docmgr writes them into documents: RFC 3339 with as many digits of fraction as there are. Pure.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;

/// The year 1, which stands for "unknown" in a document.
pub const ZERO: &str = "0001-01-01T00:00:00Z";

/// A date as it stands in a document, with its own offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Written {
    pub instant: Timestamp,
    offset: Offset,
}

impl Written {
    /// Reads a date with or without a time and an offset; without one it is in UTC.
    pub fn parse(text: &str) -> Option<Self> {
        let pieces = Pieces::parse(text.trim()).ok()?;
        let offset = match pieces.to_numeric_offset() {
            Some(offset) => offset,
            None if pieces.time_zone_annotation().is_none() => Offset::UTC,
            None => return None,
        };
        let at = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
        let instant = offset.to_timestamp(at).ok()?;
        Some(Self { instant, offset })
    }

    /// With the offset it was written with.
    pub fn original(&self) -> String {
        match self.offset == Offset::UTC {
            true => self.instant.to_string(),
            false => self.instant.display_with_offset(self.offset).to_string(),
        }
    }

    /// Whether it is docmgr's word for "unknown".
    pub fn is_zero(&self) -> bool {
        self.instant.to_string() == ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_out_as_docmgr_writes_them() {
        for (text, utc, original) in [
            (
                "2026-01-02T03:04:05.5+02:00",
                "2026-01-02T01:04:05.5Z",
                "2026-01-02T03:04:05.5+02:00",
            ),
            (
                "2026-01-02T03:04:05.120000000Z",
                "2026-01-02T03:04:05.12Z",
                "2026-01-02T03:04:05.12Z",
            ),
            ("2026-01-02 03:04:05", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"),
        ] {
            let at = Written::parse(text).unwrap();
            assert_eq!(
                (at.instant.to_string(), at.original()),
                (utc.to_owned(), original.to_owned())
            );
        }
        assert!(Written::parse("soon").is_none() && Written::parse("").is_none());
        assert!(Written::parse(ZERO).unwrap().is_zero());
    }
}
