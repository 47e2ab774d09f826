//! `GET /version`, `GET /info`, `GET /images/{id}/json`.

use super::{api, positive, time, word};
use crate::{
    engine::version::ApiVersion,
    model::{EngineInfo, EngineVersion, Firewall, Image},
};

/// The engine's versions and the one agreed on.
pub(in crate::engine) fn version(answer: &bollard::models::SystemVersion, negotiated: ApiVersion) -> EngineVersion {
    EngineVersion {
        version: word(answer.version.as_deref()).unwrap_or_default(),
        api_version: word(answer.api_version.as_deref()).unwrap_or_default(),
        min_api_version: word(answer.min_api_version.as_deref()),
        negotiated: negotiated.to_string().into(),
        os: word(answer.os.as_deref()),
        arch: word(answer.arch.as_deref()),
        kernel: word(answer.kernel_version.as_deref()),
        podman: answer.components.iter().flatten().any(|component| component.name.contains("Podman")),
    }
}

/// Facts of the host as the engine knows them.
pub(in crate::engine) fn info(answer: &api::SystemInfo) -> EngineInfo {
    EngineInfo {
        name: word(answer.name.as_deref()).unwrap_or_default(),
        cgroup_driver: word(answer.cgroup_driver.as_deref()),
        cgroup_version: word(answer.cgroup_version.as_deref()),
        operating_system: word(answer.operating_system.as_deref()),
        storage_driver: word(answer.driver.as_deref()),
        root_dir: word(answer.docker_root_dir.as_deref()),
        cpus: positive(answer.ncpu),
        memory_bytes: positive(answer.mem_total),
        system_time: time(answer.system_time.as_deref()),
        firewall: firewall(answer),
        rootless: has_option(answer, "rootless"),
        userns: has_option(answer, "userns"),
        swarm: answer.swarm.as_ref().and_then(|swarm| swarm.local_node_state.as_deref()) == Some("active"),
    }
}

/// `SecurityOptions` are `name=...`, with more of each behind a comma.
fn has_option(answer: &api::SystemInfo, wanted: &str) -> bool {
    let first = |option: &str| option.split(',').next().and_then(|part| part.strip_prefix("name=")) == Some(wanted);
    answer.security_options.iter().flatten().any(|option| first(option))
}

/// Warnings are sentences for people; the names of what they are about have stayed the same from 20.10 to 29.
fn firewall(answer: &api::SystemInfo) -> Firewall {
    let warned = |name: &str| answer.warnings.iter().flatten().any(|warning| warning.contains(name));
    let backend = answer.firewall_backend.as_ref();
    let pairs = backend.and_then(|backend| backend.info.as_ref()).into_iter().flatten();
    let proxy = pairs.clone().find_map(|pair| match pair.as_slice() {
        [name, value] if name == "EnableUserlandProxy" => value.parse().ok(),
        _ => None,
    });
    Firewall {
        backend: word(backend.and_then(|backend| backend.driver.as_deref())),
        userland_proxy: proxy,
        raw_off: warned("DOCKER_INSECURE_NO_IPTABLES_RAW"),
        bridge_v4_off: warned("bridge-nf-call-iptables is disabled"),
        bridge_v6_off: warned("bridge-nf-call-ip6tables is disabled"),
        experimental: answer.experimental_build,
    }
}

/// An image; `asked` names it should the answer not.
pub(in crate::engine) fn image(answer: &api::ImageInspect, asked: &str) -> Image {
    Image { id: word(answer.id.as_deref()).unwrap_or_else(|| asked.into()), created: time(answer.created.as_deref()) }
}
