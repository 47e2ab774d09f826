//! cgroup v1: one folder a controller.

use std::collections::BTreeMap;

use super::{
    facts::{Facts, float},
    kernel::{Cgroup, device_io},
};

/// `USER_HZ`, which is 100 on every architecture Docker runs on.
const TICKS_PER_SECOND: f64 = 100.0;
const NANOSECONDS: f64 = 1e9;

/// Reads everything this version has.
pub fn read(cgroup: &Cgroup, facts: &mut Facts) {
    cpu(cgroup, facts);
    memory(cgroup, facts);
    limits(cgroup, facts);
    io(cgroup, facts);
    facts.count("pids.current", cgroup.number("pids", "pids.current"));
}

fn cpu(cgroup: &Cgroup, facts: &mut Facts) {
    let usage = cgroup.number("cpuacct", "cpuacct.usage").map(|ns| float(ns) / NANOSECONDS);
    facts.set("container_cpu_usage_seconds_total", &[("cpu", "total")], usage);
    let times = cgroup.table("cpuacct", "cpuacct.stat");
    facts.scaled("container_cpu_user_seconds_total", times.get("user").copied(), TICKS_PER_SECOND);
    facts.scaled("container_cpu_system_seconds_total", times.get("system").copied(), TICKS_PER_SECOND);
    if cgroup.number("cpu", "cpu.cfs_quota_us").is_some() {
        let stat = cgroup.table("cpu", "cpu.stat");
        facts.count("container_cpu_cfs_periods_total", stat.get("nr_periods").copied());
        facts.count("container_cpu_cfs_throttled_periods_total", stat.get("nr_throttled").copied());
        facts.scaled("container_cpu_cfs_throttled_seconds_total", stat.get("throttled_time").copied(), NANOSECONDS);
        facts.count("container_cpu_cfs_burst_periods_total", stat.get("nr_bursts").copied());
        facts.scaled("container_cpu_cfs_burst_seconds_total", stat.get("burst_time").copied(), NANOSECONDS);
    }
}

fn memory(cgroup: &Cgroup, facts: &mut Facts) {
    let stat = cgroup.table("memory", "memory.stat");
    let usage = cgroup.number("memory", "memory.usage_in_bytes");
    facts.count("container_memory_usage_bytes", usage);
    let inactive = stat.get("total_inactive_file").copied().unwrap_or(0);
    facts.count("container_memory_working_set_bytes", usage.map(|usage| usage.saturating_sub(inactive)));
    for (name, key) in [
        ("container_memory_rss", "total_rss"),
        ("container_memory_cache", "total_cache"),
        ("container_memory_mapped_file", "total_mapped_file"),
        ("container_memory_swap", "total_swap"),
        ("container_memory_total_active_file_bytes", "total_active_file"),
        ("container_memory_total_inactive_file_bytes", "total_inactive_file"),
        ("container_memory_file_dirty_bytes", "total_dirty"),
        ("container_memory_file_writeback_bytes", "total_writeback"),
        ("container_memory_workingset_refault_file_total", "total_workingset_refault_file"),
        ("container_memory_workingset_refault_anon_total", "total_workingset_refault_anon"),
    ] {
        facts.count(name, stat.get(key).copied());
    }
    facts.count("container_memory_kernel_usage", cgroup.number("memory", "memory.kmem.usage_in_bytes"));
    facts.count("container_memory_max_usage_bytes", cgroup.number("memory", "memory.max_usage_in_bytes"));
    facts.count("container_memory_failcnt", cgroup.number("memory", "memory.failcnt"));
    faults(&stat, facts);
    facts.count("oom_kill", cgroup.table("memory", "memory.oom_control").get("oom_kill").copied());
}

fn faults(stat: &BTreeMap<String, u64>, facts: &mut Facts) {
    for kind in ["pgfault", "pgmajfault"] {
        for (scope, key) in [("container", kind.to_owned()), ("hierarchy", format!("total_{kind}"))] {
            let labels = [("failure_type", kind), ("scope", scope)];
            facts.set("container_memory_failures_total", &labels, stat.get(&key).copied().map(float));
        }
    }
}

fn limits(cgroup: &Cgroup, facts: &mut Facts) {
    facts.count("container_spec_cpu_period", cgroup.number("cpu", "cpu.cfs_period_us"));
    // -1, which is no number here, stands for "no quota".
    facts.count("container_spec_cpu_quota", cgroup.number("cpu", "cpu.cfs_quota_us"));
    facts.count("container_spec_cpu_shares", cgroup.number("cpu", "cpu.shares"));
    facts.count("container_spec_memory_limit_bytes", cgroup.limit("memory", "memory.limit_in_bytes"));
    facts.count("container_spec_memory_swap_limit_bytes", cgroup.limit("memory", "memory.memsw.limit_in_bytes"));
    facts.count("container_spec_memory_reservation_limit_bytes", cgroup.limit("memory", "memory.soft_limit_in_bytes"));
}

fn io(cgroup: &Cgroup, facts: &mut Facts) {
    let rows = |name: &str| {
        let text = cgroup.file("blkio", name).unwrap_or_default();
        let row = |line: &str| {
            let fields: Vec<_> = line.split(' ').collect();
            let [device, operation, value] = fields.as_slice() else { return None };
            Some((((*device).to_owned(), (*operation).to_owned()), value.parse::<f64>().ok()?))
        };
        text.lines().filter_map(row).collect::<BTreeMap<_, _>>()
    };
    let bytes = rows("blkio.throttle.io_service_bytes_recursive");
    let requests = rows("blkio.throttle.io_serviced_recursive");
    for ((device, operation), value) in bytes.iter().filter(|((_, op), _)| op == "Read" || op == "Write") {
        let count = requests.get(&(device.clone(), operation.clone())).copied();
        device_io(facts, device, operation, Some(*value), count);
    }
}
