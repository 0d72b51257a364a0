//! An endpoint's effects on the outside world, each harmless to repeat. None waits for a server.

use kube::ResourceExt as _;

use super::DocEndpointKind;
use super::crd::DocEndpoint;
use super::decide::Effect;
use crate::failpoint::fallible;
use crate::kernel::outcome::Failure;

/// Performs one effect.
pub fn apply(kind: &DocEndpointKind, object: &DocEndpoint, effect: &Effect) -> Result<(), Failure> {
    let uid = object.uid().unwrap_or_default();
    match effect {
        Effect::Ask(target) => {
            kind.prober.ask(target.as_ref().clone());
            fallible("doc_endpoint.after_ask")?;
        }
        Effect::Refresh { announced } => {
            kind.prober.refresh(&uid, *announced);
            fallible("doc_endpoint.after_refresh")?;
        }
        Effect::Forget => {
            kind.prober.forget(&uid);
            fallible("doc_endpoint.after_forget")?;
        }
    }
    Ok(())
}
