//! The engine's large answers, as far as they are looked at; bollard has the small ones. Field names are those of its API (1.41 to 1.55), which `fixtures/engine` has recorded.
//!
//! Every field may be absent, and `null` is absent too. Fields which nobody asks for are passed over unread, so that nothing of theirs can
//! keep an answer from being understood. Words out of a closed list are lists here too: an unknown one is refused, and [`super::lenient`]
//! leaves out that field alone. The strict reading and the lenient one share their code: each reader of JSON that one of these types is
//! read by costs a tenth of a mebibyte of program.

use std::collections::HashMap;

use serde::Deserialize;

/// Words by words.
type Words = HashMap<String, String>;

/// Ports by `80/tcp`; without bindings where the port is only exposed.
pub(super) type PortMap = HashMap<String, Option<Vec<PortBinding>>>;

/// A type of an answer: every field optional, with names as the API writes them.
macro_rules! answer {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $type:ty = $key:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        pub(super) struct $name {
            $($(#[$field_about])* #[serde(rename = $key)] pub(super) $field: Option<$type>,)*
        }
    };
}

answer! {
    /// `GET /info`.
    SystemInfo {
        name: String = "Name",
        cgroup_driver: String = "CgroupDriver",
        cgroup_version: String = "CgroupVersion",
        operating_system: String = "OperatingSystem",
        driver: String = "Driver",
        docker_root_dir: String = "DockerRootDir",
        ncpu: i64 = "NCPU",
        mem_total: i64 = "MemTotal",
        system_time: String = "SystemTime",
        security_options: Vec<String> = "SecurityOptions",
        warnings: Vec<String> = "Warnings",
        firewall_backend: FirewallInfo = "FirewallBackend",
        experimental_build: bool = "ExperimentalBuild",
        swarm: SwarmInfo = "Swarm",
    }
}
answer! { FirewallInfo { driver: String = "Driver", info: Vec<Vec<String>> = "Info", } }
answer! { SwarmInfo { local_node_state: String = "LocalNodeState", } }

answer! {
    /// A row of `GET /containers/json`. All but the id comes from the inspection.
    ContainerSummary { id: String = "Id", }
}

answer! {
    /// `GET /images/{id}/json`.
    ImageInspect { id: String = "Id", created: String = "Created", }
}

answer! {
    /// `GET /containers/{id}/json`.
    ContainerInspect {
        id: String = "Id",
        name: String = "Name",
        created: String = "Created",
        image: String = "Image",
        restart_count: i64 = "RestartCount",
        log_path: String = "LogPath",
        state: State = "State",
        config: Config = "Config",
        host_config: HostConfig = "HostConfig",
        network_settings: NetworkSettings = "NetworkSettings",
        mounts: Vec<MountPoint> = "Mounts",
    }
}
answer! {
    State {
        status: Status = "Status",
        running: bool = "Running",
        paused: bool = "Paused",
        restarting: bool = "Restarting",
        dead: bool = "Dead",
        oom_killed: bool = "OOMKilled",
        pid: i64 = "Pid",
        exit_code: i64 = "ExitCode",
        started_at: String = "StartedAt",
        finished_at: String = "FinishedAt",
        health: Health = "Health",
    }
}
answer! {
    Health { status: HealthWord = "Status", failing_streak: i64 = "FailingStreak", log: Vec<HealthResult> = "Log", }
}
answer! { HealthResult { start: String = "Start", end: String = "End", exit_code: i64 = "ExitCode", } }
answer! {
    Config {
        image: String = "Image",
        labels: Words = "Labels",
        user: String = "User",
        env: Vec<String> = "Env",
        tty: bool = "Tty",
        healthcheck: HealthConfig = "Healthcheck",
    }
}
answer! {
    /// Times in nanoseconds; 0 is the engine's default.
    HealthConfig {
        test: Vec<String> = "Test",
        interval: i64 = "Interval",
        timeout: i64 = "Timeout",
        start_period: i64 = "StartPeriod",
        retries: i64 = "Retries",
    }
}
answer! {
    HostConfig {
        memory: i64 = "Memory",
        memory_reservation: i64 = "MemoryReservation",
        memory_swap: i64 = "MemorySwap",
        nano_cpus: i64 = "NanoCpus",
        cpu_period: i64 = "CpuPeriod",
        cpu_quota: i64 = "CpuQuota",
        cpu_shares: i64 = "CpuShares",
        pids_limit: i64 = "PidsLimit",
        restart_policy: RestartPolicy = "RestartPolicy",
        network_mode: String = "NetworkMode",
        port_bindings: PortMap = "PortBindings",
        log_config: LogConfig = "LogConfig",
        readonly_rootfs: bool = "ReadonlyRootfs",
        privileged: bool = "Privileged",
        cap_add: Vec<String> = "CapAdd",
        cap_drop: Vec<String> = "CapDrop",
        pid_mode: String = "PidMode",
        ipc_mode: String = "IpcMode",
        userns_mode: String = "UsernsMode",
        sysctls: Words = "Sysctls",
        links: Vec<String> = "Links",
    }
}
answer! { RestartPolicy { name: RestartName = "Name", maximum_retry_count: i64 = "MaximumRetryCount", } }
answer! { LogConfig { typ: String = "Type", config: Words = "Config", } }
answer! { NetworkSettings { ports: PortMap = "Ports", networks: HashMap<String, EndpointSettings> = "Networks", } }
answer! { PortBinding { host_ip: String = "HostIp", host_port: String = "HostPort", } }
answer! {
    EndpointSettings {
        network_id: String = "NetworkID",
        ip_address: String = "IPAddress",
        global_ipv6_address: String = "GlobalIPv6Address",
        aliases: Vec<String> = "Aliases",
        dns_names: Vec<String> = "DNSNames",
    }
}
answer! {
    MountPoint {
        typ: String = "Type",
        name: String = "Name",
        source: String = "Source",
        destination: String = "Destination",
        rw: bool = "RW",
    }
}

answer! {
    /// A line of `GET /events`. `time` in seconds since 1970, `time_nano` in nanoseconds.
    EventMessage {
        typ: EventType = "Type",
        action: String = "Action",
        actor: EventActor = "Actor",
        time: i64 = "time",
        time_nano: i64 = "timeNano",
    }
}
answer! { EventActor { id: String = "ID", attributes: Words = "Attributes", } }

/// The state of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    #[serde(rename = "")]
    None,
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
    Stopping,
}

/// What the engine makes of a container's checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum HealthWord {
    #[serde(alias = "")]
    None,
    Starting,
    Healthy,
    Unhealthy,
}

/// When a container is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RestartName {
    #[serde(alias = "")]
    No,
    Always,
    UnlessStopped,
    OnFailure,
}

/// What an event is about; all that are not asked for are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EventType {
    Container,
    Network,
    #[serde(
        alias = "",
        alias = "builder",
        alias = "config",
        alias = "daemon",
        alias = "image",
        alias = "node",
        alias = "plugin",
        alias = "secret",
        alias = "service",
        alias = "volume"
    )]
    Other,
}
