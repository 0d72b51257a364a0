//! What lies on the disk, and who is alive. Pure but for measuring.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::adapters::disk;
use crate::adapters::nofollow::Folder;

/// What something is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A workspace with our marker.
    Workspace {
        namespace: String,
        run: String,
        ticket: String,
        owner: String,
    },
    /// What a removal left that was interrupted.
    HalfRemoved { namespace: String, run: String },
    /// Anything below `.orphans`.
    SetAside,
    /// The caches' folder of one repository.
    Cache { key: String },
    /// The executions of a Run's steps.
    Steps { uid: String },
    /// Not ours: no marker.
    Foreign,
}

impl Kind {
    /// Every word.
    pub const WORDS: [&'static str; 6] = ["workspace", "half_removed", "set_aside", "cache", "steps", "foreign"];

    /// The word in logs and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Workspace { .. } => "workspace",
            Self::HalfRemoved { .. } => "half_removed",
            Self::SetAside => "set_aside",
            Self::Cache { .. } => "cache",
            Self::Steps { .. } => "steps",
            Self::Foreign => "foreign",
        }
    }
}

/// One thing that lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub kind: Kind,
    pub path: PathBuf,
}

impl Found {
    /// Tells it from everything else; another owner's folder at the same place is another thing.
    pub fn id(&self) -> String {
        let owner = match &self.kind {
            Kind::Workspace { owner, .. } => owner,
            Kind::HalfRemoved { .. } | Kind::SetAside | Kind::Cache { .. } | Kind::Steps { .. } | Kind::Foreign => "",
        };
        format!("{} {} {owner}", self.kind.word(), self.path.display())
    }

    /// The room it takes; 0 where that cannot be seen, and for what is no folder.
    pub fn measure(&self) -> u64 {
        let (Some(above), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return 0;
        };
        let folder = Folder::open_trusted(above).and_then(|above| above.folder(name));
        folder
            .and_then(|folder| disk::used_by(&folder))
            .map_or(0, |usage| usage.bytes)
    }
}

/// Who is alive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Living {
    /// The uids of all Runs, readable or not.
    pub runs: BTreeSet<String>,
    /// `(namespace, run, ticket)` of every workspace that a Run has or may make.
    pub workspaces: BTreeSet<(String, String, String)>,
    /// `(namespace, run)` of Runs that cannot be read: whatever lies below may be theirs.
    pub unreadable: BTreeSet<(String, String)>,
    /// The caches that Runs need: how their names begin, whatever credential opens them.
    pub caches: BTreeSet<String>,
}

impl Living {
    /// Whether a Run of that name is alive, or may be.
    pub fn has_run(&self, namespace: &str, run: &str) -> bool {
        let named = |(n, r, _): &(String, String, String)| n == namespace && r == run;
        self.unreadable.contains(&(namespace.to_owned(), run.to_owned())) || self.workspaces.iter().any(named)
    }

    /// Whether somebody alive needs it, or may.
    pub fn needs(&self, found: &Found) -> bool {
        match &found.kind {
            Kind::Workspace {
                namespace,
                run,
                ticket,
                owner,
            } => {
                let place = (namespace.clone(), run.clone(), ticket.clone());
                self.runs.contains(owner)
                    || self.workspaces.contains(&place)
                    || self.unreadable.contains(&(namespace.clone(), run.clone()))
            }
            Kind::HalfRemoved { namespace, run } => self.has_run(namespace, run),
            // A Run that cannot be read may need any cache.
            Kind::Cache { key } => {
                self.caches.iter().any(|family| key.starts_with(family)) || !self.unreadable.is_empty()
            }
            Kind::Steps { uid } => self.runs.contains(uid),
            Kind::SetAside | Kind::Foreign => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_among_the_words() {
        let text = String::new;
        let (namespace, run) = (text(), text());
        let all = [
            Kind::Workspace {
                namespace: text(),
                run: text(),
                ticket: text(),
                owner: text(),
            },
            Kind::HalfRemoved { namespace, run },
            Kind::SetAside,
            Kind::Cache { key: text() },
            Kind::Steps { uid: text() },
            Kind::Foreign,
        ];
        assert_eq!(all.map(|kind| kind.word()), Kind::WORDS);
    }
}
