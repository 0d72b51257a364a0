//! Everything a driver works with, put together once at start. Holds handles; decides nothing.

use std::sync::Arc;

use kube::Client;
use kube::api::Api;

use super::caches::Caches;
use super::kind::Kind;
use super::lease::Leadership;
use super::memory::Memory;
use super::metrics::Metrics;
use super::recall::Before;
use super::report::Reporter;
use crate::ports::clock::Clock;
use crate::ports::journal::Journal;

/// What all kinds share.
#[derive(Clone)]
pub struct Shared {
    pub client: Client,
    pub journal: Arc<dyn Journal>,
    pub clock: Arc<dyn Clock>,
    pub leadership: Leadership,
    pub reporter: Reporter,
    pub metrics: Arc<Metrics>,
    pub caches: Caches,
}

/// What one kind's driver works with.
pub struct Context<K: Kind> {
    pub kind: K,
    pub shared: Shared,
    pub memory: Memory,
    pub before: Before,
}

impl<K: Kind> Context<K> {
    /// A driver's context.
    pub fn new(kind: K, shared: Shared) -> Self {
        Self {
            kind,
            shared,
            memory: Memory::default(),
            before: Before::default(),
        }
    }

    /// The API of this kind in a namespace.
    pub fn api(&self, namespace: &str) -> Api<K::Resource> {
        Api::namespaced(self.shared.client.clone(), namespace)
    }
}
