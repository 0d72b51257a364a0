//! An endpoint's effects on the outside world, each harmless to repeat. None waits for a server.

use kube::ResourceExt as _;

use super::DocEndpointKind;
use super::crd::DocEndpoint;
use super::decide::Effect;
use crate::failpoint::fallible;
use crate::federation::known::latency_of;
use crate::kernel::outcome::Failure;

/// Performs one effect.
pub fn apply(kind: &DocEndpointKind, object: &DocEndpoint, effect: &Effect) -> Result<(), Failure> {
    let uid = object.uid().unwrap_or_default();
    match effect {
        Effect::Ask(target) => {
            let told = object.status.as_ref().and_then(|s| s.latency.as_deref());
            kind.prober.ask(target.as_ref().clone(), told.and_then(latency_of));
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
