//! What a tenant may do: Loki's defaults.

use std::time::Duration;

/// `limits_config`, and what stands around it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `auth_enabled`: requests name their tenant in `X-Scope-OrgID`.
    pub tenants: bool,
    /// What a gateway before Loki wants in `Authorization`.
    pub authorization: Option<String>,
    /// `max_line_size`.
    pub line: usize,
    /// `max_label_names_per_series`, `service_name` not counted.
    pub label_names: usize,
    /// `max_label_name_length`.
    pub label_name: usize,
    /// `max_label_value_length`.
    pub label_value: usize,
    /// `allow_structured_metadata`.
    pub metadata: bool,
    /// `max_structured_metadata_size`.
    pub metadata_bytes: usize,
    /// `max_structured_metadata_entries_count`.
    pub metadata_pairs: usize,
    /// `reject_old_samples_max_age`.
    pub max_age: Duration,
    /// `creation_grace_period`.
    pub grace: Duration,
    /// Half of `max_chunk_age`.
    pub behind: Duration,
    /// `ingestion_rate_mb`, bytes a second and at once.
    pub rate: (f64, f64),
    /// `per_stream_rate_limit`, bytes a second and at once.
    pub stream_rate: (f64, f64),
    /// `max_global_streams_per_user`.
    pub streams: usize,
    /// `block_ingestion_status_code` while ingestion is blocked.
    pub blocked: Option<u16>,
    /// `enforced_labels`.
    pub enforced: Vec<String>,
    /// `chunks-block-size`: repeated entries are recognised within it.
    pub block: usize,
    /// `grpc_server_max_recv_msg_size` between distributor and ingester.
    pub message: usize,
    /// `distributor.max_recv_msg_size`.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MB: f64 = 1048576.0;
        Self {
            tenants: false,
            authorization: None,
            line: 262_144,
            label_names: 15,
            label_name: 1024,
            label_value: 2048,
            metadata: true,
            metadata_bytes: 65_536,
            metadata_pairs: 128,
            max_age: Duration::from_secs(7 * 86_400),
            grace: Duration::from_secs(600),
            behind: Duration::from_secs(3600),
            rate: (4.0 * MB, 6.0 * MB),
            stream_rate: (3.0 * MB, 15.0 * MB),
            streams: 5000,
            blocked: None,
            enforced: Vec::new(),
            block: 256 << 10,
            message: 4_194_304,
            body: 100 << 20,
        }
    }
}
