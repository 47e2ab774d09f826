//! `GET /version`, `GET /info`, `GET /images/{id}/json`.

use bollard::models as api;

use super::{positive, time, word};
use crate::{
    engine::version::ApiVersion,
    model::{EngineInfo, EngineVersion, Image},
};

/// The engine's versions and the one agreed on.
pub(in crate::engine) fn version(answer: &api::SystemVersion, negotiated: ApiVersion) -> EngineVersion {
    EngineVersion {
        version: word(answer.version.as_deref()).unwrap_or_default(),
        api_version: word(answer.api_version.as_deref()).unwrap_or_default(),
        min_api_version: word(answer.min_api_version.as_deref()),
        negotiated: negotiated.to_string().into(),
        os: word(answer.os.as_deref()),
        arch: word(answer.arch.as_deref()),
        kernel: word(answer.kernel_version.as_deref()),
    }
}

/// Facts of the host as the engine knows them.
pub(in crate::engine) fn info(answer: &api::SystemInfo) -> EngineInfo {
    let enumerated = |text: Option<String>| word(text.as_deref());
    EngineInfo {
        name: word(answer.name.as_deref()).unwrap_or_default(),
        cgroup_driver: enumerated(answer.cgroup_driver.map(|driver| driver.to_string())),
        cgroup_version: enumerated(answer.cgroup_version.map(|version| version.to_string())),
        operating_system: word(answer.operating_system.as_deref()),
        storage_driver: word(answer.driver.as_deref()),
        root_dir: word(answer.docker_root_dir.as_deref()),
        cpus: positive(answer.ncpu),
        memory_bytes: positive(answer.mem_total),
        system_time: time(answer.system_time.as_deref()),
    }
}

/// An image; `asked` names it should the answer not.
pub(in crate::engine) fn image(answer: &api::ImageInspect, asked: &str) -> Image {
    Image { id: word(answer.id.as_deref()).unwrap_or_else(|| asked.into()), created: time(answer.created.as_deref()) }
}
