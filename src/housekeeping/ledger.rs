//! Since when each thing is not needed, written down so that a restart does not begin anew. Pure but for `load` and
//! `save`. A clock that jumps makes nothing older than it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::adapters::nofollow::Folder;
use crate::kernel::moment::Moment;

/// Largest ledger that is read: some hundred thousand folders.
const LIMIT: u64 = 64 * 1024 * 1024;
/// The two clocks may differ by so much between two rounds; more is a jump of the wall clock.
const TOLERANCE: Duration = Duration::from_mins(1);

/// The things that are not needed, each with the time when that was first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger(BTreeMap<String, Moment>);

impl Ledger {
    /// Since when; `None` for what is not known.
    pub fn since(&self, id: &str) -> Option<Moment> {
        self.0.get(id).copied()
    }

    /// Takes up what is new, forgets what is needed again or gone. What was first seen in the future, by a clock that
    /// went back since, begins anew.
    pub fn see(&mut self, ids: &BTreeSet<String>, now: Moment) {
        self.0.retain(|id, _| ids.contains(id));
        for id in ids {
            let since = self.0.entry(id.clone()).or_insert(now);
            *since = (*since).min(now);
        }
    }

    /// It is not there any more, or will not be in a moment.
    pub fn forget(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Where the wall clock moved otherwise than time passed, all ages stay what they were. `last`: the round before,
    /// and how long ago that really is.
    pub fn follow_clocks(&mut self, last: Option<(Moment, Duration)>, now: Moment) {
        let Some((at, passed)) = last else { return };
        let expected = at.plus(passed);
        let (ahead, behind) = (now.since(expected), expected.since(now));
        for since in self.0.values_mut() {
            if ahead > TOLERANCE {
                *since = since.plus(ahead);
            } else if behind > TOLERANCE {
                let earlier = since
                    .as_millis()
                    .saturating_sub(i64::try_from(behind.as_millis()).unwrap_or(i64::MAX));
                *since = Moment::from_millis(earlier).unwrap_or(*since);
            }
        }
    }

    /// Reads it; one that is not there is empty, and so is one that cannot be understood: everything is kept longer.
    pub fn load(path: &Path) -> io::Result<Self> {
        let (folder, name) = apart(path)?;
        let Some(text) = folder.read(name, LIMIT)? else {
            return Ok(Self::default());
        };
        Ok(serde_json::from_slice(&text).unwrap_or_else(|error| {
            warn!(path = %path.display(), %error, "the ledger of folders that nobody needs cannot be read; all ages begin anew");
            Self::default()
        }))
    }

    /// Writes it as a whole.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = apart(path)?;
        folder.write_whole(name, &serde_json::to_vec(self)?)
    }
}

fn apart(path: &Path) -> io::Result<(Folder, &str)> {
    let bad = || {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is no file's path", path.display()),
        )
    };
    let (above, name) = (path.parent().ok_or_else(bad)?, path.file_name().ok_or_else(bad)?);
    Ok((Folder::open_trusted(above)?, name.to_str().ok_or_else(bad)?))
}
