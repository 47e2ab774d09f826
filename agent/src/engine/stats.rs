//! `GET /containers/{id}/stats`: what the engine reads from the kernel's files, for those who cannot see them.
//!
//! The answer holds less than the files, and zeros where a figure does not exist. Taken over is only what it really says:
//!
//! | family | cgroup v1 | cgroup v2 | Podman |
//! |---|---|---|---|
//! | CPU time, user, kernel; throttling | yes | yes | yes |
//! | memory usage | yes | yes | before version 5.6 |
//! | working set | yes | yes | from version 5.6, under the name of usage |
//! | rss, cache, mapped, dirty, page faults | yes | yes | no |
//! | highest usage, limit hits | yes | no (`failcnt` counts something else there) | no |
//! | swap, kernel memory, pressure, OOM kills | no | no | no |
//! | bytes read and written by device | yes | yes | yes |
//! | requests by device | yes | no | no |
//! | processes | yes | yes | yes |
//! | network by interface | yes | yes | from version 5 |
//!
//! Podman says with each answer which version it is; what `usage` means is decided by that.
//!
//! Limits are not read: an unlimited container is told the memory of the host as its limit. They come from the inspection.

use std::collections::{BTreeMap, HashMap};

use http::{HeaderValue, Method, Uri};
use http_body_util::BodyExt;
use serde::Deserialize;

use super::{Engine, Error, error::Request, routes::is_id, transport::PODMAN_VERSION};
use crate::{
    model::{ContainerId, ContainerSample, Cpu, DeviceIo, InterfaceCounters, Memory, MemoryKind, Pids},
    telemetry::{EngineCall, Outcome, Reason},
};

/// Devices and interfaces of one container beyond this are left out and counted.
const MAX_ROWS: usize = 64;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    pids_stats: PidsStats,
    blkio_stats: BlkioStats,
    cpu_stats: CpuStats,
    memory_stats: MemoryStats,
    networks: Option<BTreeMap<String, Network>>,
    /// `memory_stats.usage` is what is in use without inactive pages of files: see [`tells_working_set`].
    #[serde(skip)]
    usage_is_working_set: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PidsStats {
    current: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BlkioStats {
    io_service_bytes_recursive: Option<Vec<BlkioRow>>,
    io_serviced_recursive: Option<Vec<BlkioRow>>,
}

#[derive(Debug, Deserialize)]
struct BlkioRow {
    major: u32,
    minor: u32,
    op: String,
    value: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CpuStats {
    cpu_usage: CpuUsage,
    throttling_data: Throttling,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CpuUsage {
    total_usage: u64,
    usage_in_kernelmode: u64,
    usage_in_usermode: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Throttling {
    periods: u64,
    throttled_periods: u64,
    throttled_time: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MemoryStats {
    usage: u64,
    max_usage: Option<u64>,
    failcnt: Option<u64>,
    stats: Option<HashMap<String, u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Network {
    rx_bytes: u64,
    rx_packets: u64,
    rx_errors: u64,
    rx_dropped: u64,
    tx_bytes: u64,
    tx_packets: u64,
    tx_errors: u64,
    tx_dropped: u64,
}

/// See [`Engine::stats`].
pub(super) async fn ask(engine: &Engine, id: &ContainerId) -> Result<Option<ContainerSample>, Error> {
    let request = Request { call: EngineCall::Stats, id: Some(id.as_str().into()) };
    if !is_id(id.as_str()) {
        return Err(Error::InvalidId { request });
    }
    let after = engine.deadlines().answer;
    let answer = match tokio::time::timeout(after, read(engine, id, &request)).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Timeout { request: request.clone(), after }),
    };
    let (outcome, answer) = match answer {
        Err(error) if error.is_gone() => (Outcome::Gone, Ok(None)),
        Err(error) => (Outcome::Error, Err(error)),
        Ok(answer) => {
            let mut refused = 0;
            let sample = sample(answer, &mut refused);
            engine.metrics().refuse(Reason::Devices, refused);
            (Outcome::Ok, Ok(Some(sample)))
        }
    };
    engine.metrics().engine_request(EngineCall::Stats, outcome);
    answer
}

async fn read(engine: &Engine, id: &ContainerId, request: &Request) -> Result<Answer, Error> {
    // One-shot: without it the engine waits for a second sample, which takes it one to two seconds.
    let uri = format!("/containers/{}/stats?stream=false&one-shot=true", id.as_str());
    let uri: Uri = uri.parse().map_err(|_| Error::InvalidId { request: request.clone() })?;
    let transport = engine.transport();
    let broken = |error| Error::broken(request.clone(), transport.address(), error);
    let response = transport.get(&Method::GET, &uri).await.map_err(|error| broken(error.into()))?;
    let status = response.status();
    let usage_is_working_set = response.headers().get(PODMAN_VERSION).is_some_and(tells_working_set);
    // The transport has a ceiling for the whole answer.
    let body = response.into_body().collect().await.map_err(|error| broken(error.into()))?.to_bytes();
    if !status.is_success() {
        let told: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        let sentence = told.as_ref().and_then(|body| body.get("message")).and_then(|message| message.as_str());
        return Err(Error::refused(request.clone(), status.as_u16(), sentence.unwrap_or_default()));
    }
    let answer: Answer = serde_json::from_slice(&body)
        .map_err(|_| Error::Malformed { request: request.clone(), reason: "not the figures of a container" })?;
    Ok(Answer { usage_is_working_set, ..answer })
}

/// Whether Podman of this version calls the working set `usage`: 5.6.0 is the first which does (its library's
/// `cgroups/memory_linux.go`, both versions of cgroups).
fn tells_working_set(version: &HeaderValue) -> bool {
    let text = version.to_str().unwrap_or_default();
    let mut parts = text.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    (parts.next(), parts.next()) >= (Some(5), Some(6))
}

/// What the answer says. `refused` counts rows beyond [`MAX_ROWS`].
fn sample(answer: Answer, refused: &mut u64) -> ContainerSample {
    ContainerSample {
        cpu: cpu(&answer.cpu_stats),
        memory: memory(&answer.memory_stats, answer.usage_is_working_set),
        io: io(&answer.blkio_stats, refused),
        // A container that runs has a process: 0 is an engine without the controller.
        pids: Pids { current: answer.pids_stats.current.filter(|current| *current > 0), limit: None },
        network: answer.networks.map(|networks| interfaces(networks, refused)),
        ..ContainerSample::default()
    }
}

/// Every program has used some CPU: a total of 0 is that of an engine without the controller.
fn cpu(stats: &CpuStats) -> Cpu {
    let usage = &stats.cpu_usage;
    if usage.total_usage == 0 {
        return Cpu::default();
    }
    let throttling = &stats.throttling_data;
    Cpu {
        usage_ns: Some(usage.total_usage),
        user_ns: Some(usage.usage_in_usermode),
        system_ns: Some(usage.usage_in_kernelmode),
        periods: Some(throttling.periods),
        throttled_periods: Some(throttling.throttled_periods),
        throttled_ns: Some(throttling.throttled_time),
        ..Cpu::default()
    }
}

fn memory(stats: &MemoryStats, usage_is_working_set: bool) -> Memory {
    if stats.usage == 0 {
        return Memory::default();
    }
    if usage_is_working_set {
        return Memory { working_set: Some(stats.usage), ..Memory::default() };
    }
    let details = stats.stats.as_ref();
    let get = |key: &str| details.and_then(|details| details.get(key)).copied();
    let v1 = get("total_rss").is_some();
    let field = |v1_key: &str, v2_key: &str| get(if v1 { v1_key } else { v2_key });
    let inactive_file = field("total_inactive_file", "inactive_file");
    Memory {
        kind: if v1 { MemoryKind::V1 } else { MemoryKind::V2 },
        usage: Some(stats.usage),
        working_set: inactive_file.map(|inactive| stats.usage.saturating_sub(inactive)),
        rss: field("total_rss", "anon"),
        cache: field("total_cache", "file"),
        mapped_file: field("total_mapped_file", "file_mapped"),
        max_usage: stats.max_usage.filter(|_| v1),
        // Left out by the engine when it is 0.
        failcnt: v1.then(|| stats.failcnt.unwrap_or_default()),
        active_file: field("total_active_file", "active_file"),
        inactive_file,
        file_dirty: field("total_dirty", "file_dirty"),
        file_writeback: field("total_writeback", "file_writeback"),
        pgfault: get("pgfault"),
        pgmajfault: get("pgmajfault"),
        hierarchy_pgfault: field("total_pgfault", "pgfault"),
        hierarchy_pgmajfault: field("total_pgmajfault", "pgmajfault"),
        pgscan: field("", "pgscan"),
        pgsteal: field("", "pgsteal"),
        ..Memory::default()
    }
}

fn io(stats: &BlkioStats, refused: &mut u64) -> Vec<DeviceIo> {
    let mut devices: BTreeMap<(u32, u32), DeviceIo> = BTreeMap::new();
    let mut add = |rows: &Option<Vec<BlkioRow>>, pick: fn(&mut DeviceIo) -> (&mut Option<u64>, &mut Option<u64>)| {
        for row in rows.iter().flatten() {
            let place = (row.major, row.minor);
            if !devices.contains_key(&place) && devices.len() >= MAX_ROWS {
                *refused += 1;
                continue;
            }
            let device = devices.entry(place).or_insert_with(|| DeviceIo {
                major: row.major,
                minor: row.minor,
                ..DeviceIo::default()
            });
            let (read, write) = pick(device);
            // Capital letters on cgroup v1, small ones on v2.
            match row.op.to_ascii_lowercase().as_str() {
                "read" => *read = Some(row.value),
                "write" => *write = Some(row.value),
                _ => {}
            }
        }
    };
    add(&stats.io_service_bytes_recursive, |device| (&mut device.read_bytes, &mut device.write_bytes));
    add(&stats.io_serviced_recursive, |device| (&mut device.reads, &mut device.writes));
    devices.into_values().collect()
}

fn interfaces(networks: BTreeMap<String, Network>, refused: &mut u64) -> Vec<InterfaceCounters> {
    // Podman before version 5 sums over interfaces it does not name and counts no packets.
    let told = networks.into_iter().filter(|(_, counters)| counters.rx_bytes == 0 || counters.rx_packets > 0);
    let mut rows: Vec<_> = told
        .map(|(name, counters)| InterfaceCounters {
            name: name.into(),
            rx_bytes: counters.rx_bytes,
            rx_packets: counters.rx_packets,
            rx_errors: counters.rx_errors,
            rx_dropped: counters.rx_dropped,
            tx_bytes: counters.tx_bytes,
            tx_packets: counters.tx_packets,
            tx_errors: counters.tx_errors,
            tx_dropped: counters.tx_dropped,
        })
        .collect();
    *refused += u64::try_from(rows.len().saturating_sub(MAX_ROWS)).unwrap_or(u64::MAX);
    rows.truncate(MAX_ROWS);
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> ContainerSample {
        sample(serde_json::from_str(text).expect("recorded answers are JSON"), &mut 0)
    }

    #[test]
    fn cgroup_v1_as_recorded() {
        let sample = read(include_str!("../../tests/fixtures/engine/1.41/stats.json"));
        let cpu = sample.cpu;
        assert_eq!((cpu.usage_ns, cpu.user_ns, cpu.system_ns), (Some(26_867_885), Some(10_000_000), Some(10_000_000)));
        assert_eq!((cpu.periods, cpu.throttled_ns), (Some(4), Some(0)));
        let memory = sample.memory;
        assert_eq!(memory.kind, MemoryKind::V1);
        assert_eq!((memory.usage, memory.working_set), (Some(3_575_808), Some(3_575_808 - 2_154_496)));
        assert_eq!((memory.max_usage, memory.failcnt, memory.swap), (Some(4_071_424), Some(0), None));
        let [disk] = sample.io.as_slice() else { panic!("{:?}", sample.io) };
        assert_eq!((disk.major, disk.read_bytes, disk.writes), (254, Some(765_952), Some(7)));
        assert_eq!(sample.network.expect("a network").len(), 1);
        assert_eq!((sample.pids.current, sample.pids.limit), (Some(1), None));
        // Limits are the inspection's.
        assert_eq!(sample.spec, crate::model::Spec::default());
    }

    #[test]
    fn podman_says_less() {
        for text in [
            include_str!("../../tests/fixtures/engine/podman-4.3/stats.json"),
            include_str!("../../tests/fixtures/engine/podman-5.8/stats.json"),
        ] {
            let sample = read(text);
            assert!(sample.cpu.usage_ns.is_some() && sample.memory.usage.is_some());
            assert_eq!((sample.memory.working_set, sample.memory.failcnt), (None, None));
            assert!(sample.network.iter().flatten().all(|row| &*row.name == "eth0"), "{:?}", sample.network);
        }
    }

    #[test]
    fn what_podman_calls_usage_depends_on_its_version() {
        for (version, expected) in [
            ("4.3.1", false),
            ("5.5.2", false),
            ("5.6.0", true),
            ("5.8.6", true),
            ("5.10.0-dev", true),
            ("6.0.0", true),
            ("", false),
            ("new", false),
        ] {
            assert_eq!(tells_working_set(&HeaderValue::from_static(version)), expected, "{version}");
        }
        let recorded = include_str!("../../tests/fixtures/engine/podman-5.8/stats.json");
        let answer: Answer = serde_json::from_str(recorded).expect("JSON");
        let memory = sample(Answer { usage_is_working_set: true, ..answer }, &mut 0).memory;
        assert_eq!((memory.usage, memory.working_set), (None, Some(425_984)));
    }

    #[test]
    fn cgroup_v2_has_fewer_tables_and_small_letters() {
        let sample = read(
            r#"{"cpu_stats":{"cpu_usage":{"total_usage":5000,"usage_in_kernelmode":2000,"usage_in_usermode":3000}},
            "memory_stats":{"usage":9000,"failcnt":3,"limit":99,"stats":{"anon":4000,"file":5000,"inactive_file":1000,"pgfault":7,"pgmajfault":1,"pgscan":2}},
            "blkio_stats":{"io_service_bytes_recursive":[{"major":8,"minor":0,"op":"read","value":1},{"major":8,"minor":0,"op":"write","value":2}],"io_serviced_recursive":null},
            "pids_stats":{"current":2,"limit":18446744073709551615}}"#,
        );
        let memory = sample.memory;
        assert_eq!((memory.kind, memory.rss, memory.cache), (MemoryKind::V2, Some(4000), Some(5000)));
        assert_eq!(
            (memory.working_set, memory.pgscan, memory.failcnt, memory.max_usage),
            (Some(8000), Some(2), None, None)
        );
        assert_eq!((memory.pgfault, memory.hierarchy_pgfault), (Some(7), Some(7)));
        let [disk] = sample.io.as_slice() else { panic!("{:?}", sample.io) };
        assert_eq!((disk.read_bytes, disk.write_bytes, disk.reads), (Some(1), Some(2), None));
        assert_eq!((sample.pids.current, sample.network), (Some(2), None));
    }

    #[test]
    fn zeros_of_an_engine_without_controllers_are_no_figures() {
        let sample =
            read(r#"{"cpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{},"blkio_stats":{},"pids_stats":{}}"#);
        assert_eq!(sample, ContainerSample::default());
    }

    #[test]
    fn rows_have_a_ceiling() {
        let rows: Vec<_> =
            (0..100).map(|minor| format!(r#"{{"major":8,"minor":{minor},"op":"Read","value":1}}"#)).collect();
        let text = format!(r#"{{"blkio_stats":{{"io_service_bytes_recursive":[{}]}}}}"#, rows.join(","));
        let mut refused = 0;
        let sample = sample(serde_json::from_str(&text).expect("JSON"), &mut refused);
        assert_eq!((sample.io.len(), refused), (MAX_ROWS, 36));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(answer) = serde_json::from_slice::<Answer>(&bytes) {
                sample(answer, &mut 0);
            }
        }
    }
}
