//! What holds a container in, and what it shares with others.

use std::sync::Arc;

use super::Protocol;

/// What holds a container in, and names of what it was given to know. `None` is what the engine did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// `Config.User`, the image's where the container names none; empty text is root.
    pub user: Option<Arc<str>>,
    /// `HostConfig.ReadonlyRootfs`.
    pub read_only_root: Option<bool>,
    /// `HostConfig.Privileged`.
    pub privileged: Option<bool>,
    /// Names of variables in `Config.Env` that are named like secrets ([`super::is_secret_name`]), sorted, each once, shortened. Values never
    /// leave the engine edge.
    pub secret_variables: Vec<Arc<str>>,
    /// What it may do with networks beside speaking over them.
    pub capabilities: Capabilities,
    /// `HostConfig.PidMode`: whose processes it sees.
    pub pid: Shared,
    /// `HostConfig.IpcMode`: whose shared memory it sees; `private`, `shareable` and `none` are its own.
    pub ipc: Shared,
    /// `HostConfig.UsernsMode` is `host`: ids are not mapped for it where they are for others.
    pub userns_host: bool,
    /// `HostConfig.Sysctls["net.ipv4.ip_forward"]`; unset, a container takes the host's, which an engine turns on.
    pub forwards: Option<bool>,
    /// `HostConfig.Links` as the engine writes them, `/db:/web/db`: what opens ports where containers of a network may not talk.
    pub links: Box<[Arc<str>]>,
    /// Ports that its image, its definition or a publication exposes (`NetworkSettings.Ports`), sorted; none while it does not run.
    pub exposed: Box<[(Protocol, u16)]>,
}

/// Capabilities that matter between containers of a network. `None` is what the engine did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `NET_RAW`: forged packets, with which neighbours can be impersonated. Docker gives it unless told otherwise.
    pub net_raw: Option<bool>,
    /// `NET_ADMIN`: its own addresses, routes and rules.
    pub net_admin: Option<bool>,
}

/// Whose namespace a container is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shared {
    /// One of its own.
    #[default]
    Own,
    /// The host's.
    Host,
    /// That of another container, given by id or name as the engine says it.
    Container(Arc<str>),
}
