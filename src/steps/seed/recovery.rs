//! What an attempt left that ended within an exchange of folders: looked at before anything is removed, for an agent may
//! have written into the old folder at the last moment. Never removes anything itself.

use std::path::Path;

use super::destination::{Destination, Exchange, Record, STAGE, STAGE_OLD};
use crate::ports::executor::StepError;
use crate::steps::context::boundary;

impl Destination<'_> {
    /// Brings an interrupted exchange to an end: what nobody but us knew stays replaced, and somebody's work goes back to
    /// its place, or beside it where more was written there since.
    pub fn finish_exchange(&self) -> Result<(), StepError> {
        let Some(record) = self.record()? else { return Ok(()) };
        let Some(exchange) = &record.exchange else {
            return Ok(());
        };
        let there = self.contents(&exchange.directory)?.map(|c| c.revision());
        for place in [STAGE_OLD, STAGE] {
            let Some(held) = self.revision_in(place)? else { continue };
            let ours = held == record.revision || exchange.old.as_ref() == Some(&held);
            match &there {
                // Between two renames: the old folder is nowhere else.
                None if place == STAGE_OLD => return self.put_back(place, exchange, false, &record),
                _ if ours => {}
                None => return self.put_back(place, exchange, false, &record),
                Some(revision) if *revision == record.revision => return self.put_back(place, exchange, true, &record),
                Some(_) => self.keep(place)?,
            }
        }
        self.looked_at(&record)
    }

    fn put_back(&self, place: &str, exchange: &Exchange, occupied: bool, record: &Record) -> Result<(), StepError> {
        let what = || StepError::io(format!("put \"{}\" back", exchange.directory.display()));
        let private = &self.workspace.private;
        let parent = exchange.directory.parent().unwrap_or(Path::new(""));
        let parent = self.clone.work_tree.make(parent).map_err(what())?;
        let name = exchange.directory.file_name().unwrap_or_default();
        if !occupied {
            private.rename(place, &parent, name).map_err(what())?;
        } else if !private.exchange(place, &parent, name).map_err(what())? {
            private.remove(STAGE).map_err(what())?;
            parent.rename(name, private, STAGE).map_err(what())?;
            private.rename(place, &parent, name).map_err(what())?;
        }
        boundary("step.seed.after_putting_back");
        self.looked_at(record)
    }

    /// Puts a folder aside under a free name in `.metawsm`.
    fn keep(&self, place: &str) -> Result<(), StepError> {
        let private = &self.workspace.private;
        for number in 1..=u32::MAX {
            match private.rename(place, private, format!("kept-{number}")) {
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                other => return other.map_err(StepError::io("keep what was written meanwhile")),
            }
        }
        Ok(())
    }

    fn looked_at(&self, record: &Record) -> Result<(), StepError> {
        self.write_record(&Record {
            exchange: None,
            ..record.clone()
        })
    }
}
