//! The engine and how well it is heard.

use jiff::Timestamp;
use serde::Serialize;

use crate::inventory::EngineStatus;

/// Version of this program.
pub(in crate::http) const AGENT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// `engine` in every answer: everything else in it is as old as `age_seconds`.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Engine<'a> {
    /// The event stream is open and the inventory complete.
    pub(in crate::http) connected: bool,
    /// When the engine last answered or sent anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) heard_at: Option<Timestamp>,
    /// How long ago that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) age_seconds: Option<f64>,
    /// Since when the first inventory is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) ready_since: Option<Timestamp>,
    /// Why it is not connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) trouble: Option<&'a str>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) version: Option<&'a str>,
    /// API version spoken with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) api_version: Option<&'a str>,
    /// Operating system of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) operating_system: Option<&'a str>,
    /// Kernel release of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) kernel: Option<&'a str>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(status: &'a EngineStatus, now: Timestamp) -> Self {
        let (version, info) = (status.version.as_deref(), status.info.as_deref());
        Self {
            connected: status.connected,
            heard_at: status.heard_at,
            // Below 0 when the clock was set back meanwhile, which is no age.
            age_seconds: status.heard_at.map(|heard| now.duration_since(heard).as_secs_f64().max(0.0)),
            ready_since: status.ready_since,
            trouble: status.trouble.as_deref(),
            version: version.map(|version| version.version.as_ref()),
            api_version: version.map(|version| version.negotiated.as_ref()),
            operating_system: info.and_then(|info| info.operating_system.as_deref()),
            kernel: version.and_then(|version| version.kernel.as_deref()),
        }
    }
}
