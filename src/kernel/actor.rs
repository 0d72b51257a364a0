//! Who did something. Pure; an actor is never taken from a request's body, only from who was authenticated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of actor stands behind a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ActorType {
    Agent,
    Operator,
    Human,
    System,
}

impl ActorType {
    /// The word used in the API, events, SQLite and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "Agent",
            Self::Operator => "Operator",
            Self::Human => "Human",
            Self::System => "System",
        }
    }
}

/// Who did it, and whether the API server vouches for that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// Agent, Operator, Human, or System for the controller itself.
    #[serde(rename = "type")]
    pub kind: ActorType,
    /// The authenticated name; `metawsm` for the controller itself.
    #[schemars(length(max = 253))]
    pub name: String,
}

impl Actor {
    /// The controller itself.
    pub fn system() -> Self {
        Self {
            kind: ActorType::System,
            name: "metawsm".to_owned(),
        }
    }
}
