//! The `sla` part of a policy file, and which of its rules holds for a state and priority: the most specific one, as a
//! whole. Pure.

use serde::{Deserialize, Deserializer, de};

use super::file::Length;
use super::{ByPriority, SlaPolicy, USUAL};
use crate::kernel::ladder::Ladder;

/// `sla` as it is written.
#[derive(Default)]
pub(super) struct SlaFile {
    all: Option<Ladder>,
    states: StatesFile,
}

impl SlaFile {
    pub(super) fn resolved(self) -> SlaPolicy {
        let usual = Ladder::new(vec![USUAL], None).unwrap_or_default();
        let all = self.all.unwrap_or(usual);
        SlaPolicy {
            new: self.states.new.resolved(&all),
            waiting_human: self.states.waiting_human.resolved(&all),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SlaFields {
    levels: Option<Vec<Length>>,
    repeat_every: Option<Length>,
    #[serde(default)]
    states: StatesFile,
}

impl<'de> Deserialize<'de> for SlaFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let fields = SlaFields::deserialize(from)?;
        Ok(Self {
            all: ladder(fields.levels, fields.repeat_every)?,
            states: fields.states,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatesFile {
    #[serde(default, rename = "New")]
    new: StateFile,
    #[serde(default, rename = "WaitingHuman")]
    waiting_human: StateFile,
}

#[derive(Default)]
struct StateFile {
    all: Option<Ladder>,
    priorities: PrioritiesFile,
}

impl StateFile {
    fn resolved(self, otherwise: &Ladder) -> ByPriority {
        let all = self.all.unwrap_or_else(|| otherwise.clone());
        let of = |rule: Option<RuleFile>| rule.map_or_else(|| all.clone(), |rule| rule.0);
        ByPriority {
            low: of(self.priorities.low),
            normal: of(self.priorities.normal),
            high: of(self.priorities.high),
            urgent: of(self.priorities.urgent),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StateFields {
    levels: Option<Vec<Length>>,
    repeat_every: Option<Length>,
    #[serde(default)]
    priorities: PrioritiesFile,
}

impl<'de> Deserialize<'de> for StateFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let fields = StateFields::deserialize(from)?;
        Ok(Self {
            all: ladder(fields.levels, fields.repeat_every)?,
            priorities: fields.priorities,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PrioritiesFile {
    low: Option<RuleFile>,
    normal: Option<RuleFile>,
    high: Option<RuleFile>,
    urgent: Option<RuleFile>,
}

struct RuleFile(Ladder);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RuleFields {
    levels: Vec<Length>,
    repeat_every: Option<Length>,
}

impl<'de> Deserialize<'de> for RuleFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let fields = RuleFields::deserialize(from)?;
        Ok(Self(
            ladder(Some(fields.levels), fields.repeat_every)?.unwrap_or_default(),
        ))
    }
}

fn ladder<E: de::Error>(levels: Option<Vec<Length>>, repeat: Option<Length>) -> Result<Option<Ladder>, E> {
    match (levels, repeat) {
        (None, None) => Ok(None),
        (levels, repeat) => {
            let rungs = levels.unwrap_or_default().into_iter().map(|l| l.0).collect();
            Ladder::new(rungs, repeat.map(|l| l.0)).map(Some).map_err(E::custom)
        }
    }
}
