//! Finds what our finalizers hold, in the order in which it may go, and what Runs leave on the volume. Reads only. A kind
//! that the cluster does not know holds nothing.

use kube::Client;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};

use super::held::Found;
use super::workspaces::{Left, left_by};
use super::{call, if_there};
use crate::kernel::finalizers::{Held, IN_ORDER, RUN};

/// Objects per page. Runs are read whole, the others by their metadata.
const PAGE: u32 = 250;

/// Where to look, and whether what is there shall go.
#[derive(Clone)]
pub struct Ground {
    pub client: Client,
    /// `None`: everywhere.
    pub namespace: Option<String>,
    pub delete: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    pub objects: Vec<Found>,
    pub workspaces: Vec<Left>,
}

/// The API of a kind, untyped: what cannot be read by its type must be let go as well.
pub fn api(ground: &Ground, of: Held, namespace: Option<&str>) -> Api<DynamicObject> {
    let named = GroupVersionKind::gvk("metawsm.dev", "v1alpha1", of.kind);
    let resource = ApiResource::from_gvk_with_plural(&named, of.plural);
    match namespace {
        Some(namespace) => Api::namespaced_with(ground.client.clone(), namespace, &resource),
        None => Api::all_with(ground.client.clone(), &resource),
    }
}

/// Looks at every kind.
///
/// # Errors
/// The API server does not answer, or does not let us list.
pub async fn survey(ground: &Ground) -> anyhow::Result<Survey> {
    let mut survey = Survey::default();
    for of in IN_ORDER {
        list(ground, of, &mut survey).await?;
    }
    Ok(survey)
}

async fn list(ground: &Ground, of: Held, into: &mut Survey) -> anyhow::Result<()> {
    let api = api(ground, of, ground.namespace.as_deref());
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let what = format!("list {}", of.plural);
        let next = if of == RUN {
            let Some(found) = call(&what, if_there(api.list(&page))).await? else {
                return Ok(());
            };
            for run in &found.items {
                let object = Found::new(of, &run.metadata, ground.delete);
                into.workspaces
                    .extend(left_by(&object.namespace, &object.name, &run.data["status"]));
                into.objects.push(object);
            }
            found.metadata.continue_
        } else {
            let Some(found) = call(&what, if_there(api.list_metadata(&page))).await? else {
                return Ok(());
            };
            let objects = found.items.iter().map(|o| Found::new(of, &o.metadata, ground.delete));
            into.objects.extend(objects);
            found.metadata.continue_
        };
        match next.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(()),
        }
    }
}
