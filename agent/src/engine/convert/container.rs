//! `GET /containers/{id}/json`.

use std::sync::Arc;

use super::{
    api,
    health::health,
    network::{attachments, published_ports},
    pairs, positive, time, word,
};
use crate::model::{
    Capabilities, Confinement, Container, ContainerId, ContainerState, Identity, InOrder as _, Labels, Limits,
    LogSetup, Mount, NetworkMode, Protocol, RestartPolicy, Shared, is_secret_name, shorten,
};

/// Period in force where only a quota was given (kernel default, microseconds).
const DEFAULT_CPU_PERIOD: u64 = 100_000;

/// Names of variables kept of one container, and bytes of each: more than anybody sets.
const MAX_VARIABLES: usize = 32;
const MAX_VARIABLE_BYTES: usize = 64;

/// Links and exposed ports kept of one container, and bytes of a link.
const MAX_LINKS: usize = 64;
const MAX_LINK_BYTES: usize = 256;
const MAX_EXPOSED: usize = 64;

/// Everything spyhop keeps of one inspection. `asked` names the container should the answer not.
pub(in crate::engine) fn container(answer: api::ContainerInspect, asked: &ContainerId) -> Container {
    let id = word(answer.id.as_deref()).map_or_else(|| asked.clone(), ContainerId::new);
    let config = answer.config.unwrap_or_default();
    let host = answer.host_config.unwrap_or_default();
    let settings = answer.network_settings.unwrap_or_default();
    let said = answer.state.unwrap_or_default();
    let state = state(&said);
    let pid = said.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
    let finished_at = time(said.finished_at.as_deref());
    let name: Arc<str> = match answer.name.as_deref().map(|name| name.trim_start_matches('/')) {
        Some(name) if !name.is_empty() => name.into(),
        _ => id.short().into(),
    };
    let labels = Labels::new(pairs(config.labels));
    let image_id = word(answer.image.as_deref());
    Container {
        identity: Identity::from_labels(&labels, &name),
        name,
        image: word(config.image.as_deref()).or_else(|| image_id.clone()).unwrap_or_default(),
        image_id,
        labels,
        created: time(answer.created.as_deref()),
        state,
        pid,
        started_at: time(said.started_at.as_deref()),
        finished_at,
        exit_code: exit_code(said.exit_code, pid.is_some(), finished_at.is_some()),
        oom_killed: said.oom_killed,
        restart_count: answer.restart_count.and_then(|count| u64::try_from(count).ok()),
        health: health(config.healthcheck, said.health),
        limits: limits(&host),
        restart_policy: restart_policy(host.restart_policy.as_ref()),
        network_mode: network_mode(host.network_mode.as_deref()),
        networks: attachments(settings.networks),
        confinement: Confinement {
            exposed: pid.and(settings.ports.as_ref()).map(exposed).unwrap_or_default(),
            ..confinement(&host, config.user, config.env)
        },
        exposed_ports: pid.and(settings.ports.as_ref()).map(|ports| ports.len()),
        // Bound ports exist while it runs; before and after, what was asked for is all there is to say.
        ports: published_ports(if pid.is_some() { settings.ports } else { host.port_bindings }),
        mounts: mounts(answer.mounts),
        log: log_setup(host.log_config, answer.log_path.as_deref(), config.tty),
        id,
    }
}

/// The engine's word; where it is absent or was not understood, what the older flags beside it say.
fn state(said: &api::State) -> ContainerState {
    use api::Status as Word;
    match said.status {
        Some(Word::Created) => ContainerState::Created,
        // Podman between the signal and the end: its processes still run.
        Some(Word::Running | Word::Stopping) => ContainerState::Running,
        Some(Word::Paused) => ContainerState::Paused,
        Some(Word::Restarting) => ContainerState::Restarting,
        Some(Word::Removing) => ContainerState::Removing,
        Some(Word::Exited) => ContainerState::Exited,
        Some(Word::Dead) => ContainerState::Dead,
        Some(Word::None) | None => match said {
            // The order is that of the engine itself: a paused or restarting container also counts as running.
            said if said.paused == Some(true) => ContainerState::Paused,
            said if said.restarting == Some(true) => ContainerState::Restarting,
            said if said.running == Some(true) => ContainerState::Running,
            said if said.dead == Some(true) => ContainerState::Dead,
            _ => ContainerState::Unknown,
        },
    }
}

/// The engine writes 0 while a container runs or has never run. A start that failed leaves a code and no end.
fn exit_code(code: Option<i64>, runs: bool, has_ended: bool) -> Option<i64> {
    code.filter(|code| !runs && (has_ended || *code != 0))
}

fn limits(host: &api::HostConfig) -> Limits {
    let quota = || {
        let period = positive(host.cpu_period).unwrap_or(DEFAULT_CPU_PERIOD);
        positive(host.cpu_quota).map(|quota| quota as f64 / period as f64)
    };
    Limits {
        memory_bytes: positive(host.memory),
        memory_reservation_bytes: positive(host.memory_reservation),
        memory_swap_bytes: positive(host.memory_swap),
        cpu_cores: positive(host.nano_cpus).map(|nano| nano as f64 / 1e9).or_else(quota),
        cpu_shares: positive(host.cpu_shares),
        pids: positive(host.pids_limit),
    }
}

fn restart_policy(policy: Option<&api::RestartPolicy>) -> RestartPolicy {
    use api::RestartName as Name;
    let Some(policy) = policy else {
        return RestartPolicy::No;
    };
    match policy.name {
        Some(Name::No) => RestartPolicy::No,
        Some(Name::Always) => RestartPolicy::Always,
        Some(Name::UnlessStopped) => RestartPolicy::UnlessStopped,
        Some(Name::OnFailure) => RestartPolicy::OnFailure(positive(policy.maximum_retry_count)),
        // A policy without a name is one whose name was not understood.
        None => RestartPolicy::Unknown,
    }
}

fn network_mode(mode: Option<&str>) -> NetworkMode {
    match mode.unwrap_or_default() {
        "host" => NetworkMode::Host,
        "none" => NetworkMode::None,
        "" => NetworkMode::Own("default".into()),
        mode => match mode.strip_prefix("container:") {
            Some(other) => NetworkMode::Container(other.into()),
            None => NetworkMode::Own(mode.into()),
        },
    }
}

/// Options are words in a map: `mode`, `cache-disabled` and `max-file` are the ones that change what can be read.
fn log_setup(config: Option<api::LogConfig>, path: Option<&str>, tty: Option<bool>) -> LogSetup {
    let config = config.unwrap_or_default();
    let options = config.config.unwrap_or_default();
    let option = |name: &str| options.get(name).map(String::as_str);
    LogSetup {
        driver: word(config.typ.as_deref()),
        path: word(path),
        tty: tty == Some(true),
        non_blocking: option("mode") == Some("non-blocking"),
        cache_disabled: option("cache-disabled") == Some("true"),
        max_files: option("max-file").and_then(|count| count.parse().ok()),
    }
}

/// Of the environment names only: people keep secrets in the values.
fn confinement(host: &api::HostConfig, user: Option<String>, environment: Option<Vec<String>>) -> Confinement {
    let name = |pair: String| {
        let name = pair.split('=').next().filter(|name| is_secret_name(name))?;
        Some(Arc::from(shorten(name, MAX_VARIABLE_BYTES)))
    };
    let mut secret_variables: Vec<Arc<str>> = environment.into_iter().flatten().filter_map(name).collect();
    secret_variables.order();
    secret_variables.dedup();
    secret_variables.truncate(MAX_VARIABLES);
    Confinement {
        user: user.map(Into::into),
        read_only_root: host.readonly_rootfs,
        privileged: host.privileged,
        secret_variables,
        capabilities: Capabilities {
            net_raw: has_capability(host, "NET_RAW", true),
            net_admin: has_capability(host, "NET_ADMIN", false),
        },
        pid: shared(host.pid_mode.as_deref()),
        ipc: shared(host.ipc_mode.as_deref()),
        userns_host: host.userns_mode.as_deref() == Some("host"),
        forwards: sysctl(host, "net.ipv4.ip_forward"),
        links: host
            .links
            .iter()
            .flatten()
            .map(|link| Arc::from(shorten(link, MAX_LINK_BYTES)))
            .take(MAX_LINKS)
            .collect(),
        exposed: Box::default(),
    }
}

/// What is added wins over what is taken, in the engine too; `given` is what it does without a word. Everything for the privileged.
fn has_capability(host: &api::HostConfig, name: &str, given: bool) -> Option<bool> {
    let names = |list: &Option<Vec<String>>, wanted: &str| {
        let bare = |word: &str| word.to_ascii_uppercase().trim_start_matches("CAP_") == wanted;
        list.iter().flatten().any(|word| bare(word))
    };
    let privileged = host.privileged?;
    let (add, drop) = (&host.cap_add, &host.cap_drop);
    let added = names(add, name) || (names(add, "ALL") && !names(drop, name));
    let dropped = names(drop, name) || names(drop, "ALL");
    Some(privileged || added || (given && !dropped))
}

fn shared(mode: Option<&str>) -> Shared {
    match mode.unwrap_or_default() {
        "host" => Shared::Host,
        mode => mode.strip_prefix("container:").map_or(Shared::Own, |other| Shared::Container(other.into())),
    }
}

fn sysctl(host: &api::HostConfig, name: &str) -> Option<bool> {
    match host.sysctls.as_ref()?.get(name)?.trim() {
        "0" => Some(false),
        "" => None,
        _ => Some(true),
    }
}

/// Ports by protocol and number. SCTP is nobody's flow.
fn exposed(ports: &api::PortMap) -> Box<[(Protocol, u16)]> {
    let port = |text: &String| {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        Some((Protocol::from_word(protocol)?, number.parse().ok()?))
    };
    let mut exposed: Vec<_> = ports.keys().filter_map(port).collect();
    exposed.order();
    exposed.truncate(MAX_EXPOSED);
    exposed.into()
}

fn mounts(points: Option<Vec<api::MountPoint>>) -> Vec<Mount> {
    let mount = |point: api::MountPoint| {
        Some(Mount {
            destination: word(point.destination.as_deref())?,
            // A volume is known by its name; its path on the host is the engine's business.
            source: word(point.name.as_deref()).or_else(|| word(point.source.as_deref())).unwrap_or_default(),
            kind: word(point.typ.as_deref()).unwrap_or_default(),
            // The engine's own default.
            read_write: point.rw.unwrap_or(true),
        })
    };
    let mut mounts: Vec<_> = points.into_iter().flatten().filter_map(mount).collect();
    mounts.order();
    mounts
}
