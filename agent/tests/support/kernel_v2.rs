//! cgroup v2: one folder for everything.

use super::{
    facts::{Facts, float},
    kernel::{Cgroup, device_io},
};

const MICROSECONDS: f64 = 1e6;

/// Reads everything this version has.
pub fn read(cgroup: &Cgroup, facts: &mut Facts) {
    cpu(cgroup, facts);
    memory(cgroup, facts);
    limits(cgroup, facts);
    io(cgroup, facts);
    facts.count("pids.current", cgroup.number("", "pids.current"));
}

fn cpu(cgroup: &Cgroup, facts: &mut Facts) {
    let stat = cgroup.table("", "cpu.stat");
    let seconds = |key: &str| stat.get(key).map(|us| float(*us) / MICROSECONDS);
    facts.set("container_cpu_usage_seconds_total", &[("cpu", "total")], seconds("usage_usec"));
    facts.set("container_cpu_user_seconds_total", &[], seconds("user_usec"));
    facts.set("container_cpu_system_seconds_total", &[], seconds("system_usec"));
    if quota(cgroup).0.is_some() {
        facts.count("container_cpu_cfs_periods_total", stat.get("nr_periods").copied());
        facts.count("container_cpu_cfs_throttled_periods_total", stat.get("nr_throttled").copied());
        facts.set("container_cpu_cfs_throttled_seconds_total", &[], seconds("throttled_usec"));
        facts.count("container_cpu_cfs_burst_periods_total", stat.get("nr_bursts").copied());
        facts.set("container_cpu_cfs_burst_seconds_total", &[], seconds("burst_usec"));
    }
}

fn memory(cgroup: &Cgroup, facts: &mut Facts) {
    let stat = cgroup.table("", "memory.stat");
    let events = cgroup.table("", "memory.events");
    let usage = cgroup.number("", "memory.current");
    facts.count("container_memory_usage_bytes", usage);
    let inactive = stat.get("inactive_file").copied().unwrap_or(0);
    facts.count("container_memory_working_set_bytes", usage.map(|usage| usage.saturating_sub(inactive)));
    for (name, key) in [
        ("container_memory_rss", "anon"),
        ("container_memory_cache", "file"),
        ("container_memory_mapped_file", "file_mapped"),
        ("container_memory_total_active_file_bytes", "active_file"),
        ("container_memory_total_inactive_file_bytes", "inactive_file"),
        ("container_memory_file_dirty_bytes", "file_dirty"),
        ("container_memory_file_writeback_bytes", "file_writeback"),
        ("container_memory_kernel_usage", "kernel"),
        ("container_memory_pgscan_total", "pgscan"),
        ("container_memory_pgsteal_total", "pgsteal"),
        ("container_memory_workingset_refault_file_total", "workingset_refault_file"),
        ("container_memory_workingset_refault_anon_total", "workingset_refault_anon"),
    ] {
        facts.count(name, stat.get(key).copied());
    }
    for kind in ["pgfault", "pgmajfault"] {
        for scope in ["container", "hierarchy"] {
            let labels = [("failure_type", kind), ("scope", scope)];
            facts.set("container_memory_failures_total", &labels, stat.get(kind).copied().map(float));
        }
    }
    facts.count("container_memory_swap", cgroup.number("", "memory.swap.current"));
    facts.count("container_memory_max_usage_bytes", cgroup.number("", "memory.peak"));
    facts.count("container_memory_failcnt", events.get("max").copied());
    facts.count("container_memory_events_high_total", events.get("high").copied());
    facts.count("container_memory_events_max_total", events.get("max").copied());
    facts.count("oom_kill", events.get("oom_kill").copied());
}

/// Quota (`None` for `max`) and period of `cpu.max`.
fn quota(cgroup: &Cgroup) -> (Option<u64>, Option<u64>) {
    let text = cgroup.file("", "cpu.max").unwrap_or_default();
    let mut fields = text.split_ascii_whitespace().map(|field| field.parse().ok());
    (fields.next().flatten(), fields.next().flatten())
}

fn limits(cgroup: &Cgroup, facts: &mut Facts) {
    let (quota, period) = quota(cgroup);
    facts.count("container_spec_cpu_quota", quota);
    facts.count("container_spec_cpu_period", period);
    // No series: with what the engine was asked for it makes the shares.
    facts.count("cpu.weight", cgroup.number("", "cpu.weight"));
    let memory = cgroup.limit("", "memory.max");
    facts.count("container_spec_memory_limit_bytes", memory);
    let swap = cgroup.limit("", "memory.swap.max");
    // v2 limits swap alone; the page gives memory and swap together on both versions, 0 when either is unlimited.
    let unlimited_swap = cgroup.file("", "memory.swap.max").is_some_and(|text| text.trim() == "max");
    let together = match (memory, swap) {
        (Some(0), Some(_)) => Some(0),
        (Some(_), Some(_)) if unlimited_swap => Some(0),
        (Some(memory), Some(swap)) => Some(memory + swap),
        _ => None,
    };
    facts.count("container_spec_memory_swap_limit_bytes", together);
    facts.count("container_spec_memory_reservation_limit_bytes", cgroup.limit("", "memory.low"));
}

fn io(cgroup: &Cgroup, facts: &mut Facts) {
    for line in cgroup.file("", "io.stat").unwrap_or_default().lines() {
        let Some((device, rest)) = line.split_once(' ') else { continue };
        let field = |key: &str| {
            let words = rest.split(' ').filter_map(|word| word.split_once('='));
            words.into_iter().find(|(name, _)| *name == key).and_then(|(_, value)| value.parse::<f64>().ok())
        };
        device_io(facts, device, "Read", field("rbytes"), field("rios"));
        device_io(facts, device, "Write", field("wbytes"), field("wios"));
    }
}
