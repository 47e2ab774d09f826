//! Networks and how containers hang on them.

use std::{net::IpAddr, sync::Arc};

/// A network (`GET /networks`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Engine id.
    pub id: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// `bridge`, `host`, `null`, `overlay`, `macvlan`, `ipvlan` or a plugin.
    pub driver: Option<Arc<str>>,
    /// `local` or `swarm`.
    pub scope: Option<Arc<str>>,
    /// No way out by design.
    pub internal: Option<bool>,
    /// Subnets as the engine writes them.
    pub subnets: Vec<Arc<str>>,
}

/// One container on one network (`NetworkSettings.Networks`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Name of the network.
    pub network: Arc<str>,
    /// Id of the network; absent before the first start.
    pub network_id: Option<Arc<str>>,
    /// Addresses in it; none while the container does not run.
    pub addresses: Vec<IpAddr>,
    /// Names it answers to in this network.
    pub aliases: Vec<Arc<str>>,
}
