//! `node_memory_*`: the fields of /proc/meminfo under node_exporter's names.
//!
//! A family is a static entry, so only fields known here come out; a field which a newer kernel adds is one line more.

use crate::model::metric::{Family, Group, Kind};

/// Declares one gauge a field, sorted by field for [`family`].
macro_rules! fields {
    ($($field:literal $unit:tt,)*) => {
        pub(super) static FAMILIES: &[&Family] = &[$(&Family {
            name: fields!(@name $field $unit),
            kind: Kind::Gauge,
            unit: $unit,
            help: concat!("Field ", $field, " of /proc/meminfo", fields!(@unit $unit), "."),
            labels: &[],
            since: "0.1.0",
            group: Group::Node,
        },)*];
    };
    (@name $field:literal "bytes") => { concat!("node_memory_", $field, "_bytes") };
    (@name $field:literal "") => { concat!("node_memory_", $field) };
    (@unit "bytes") => { " in bytes" };
    (@unit "") => { ", a number of pages" };
}

fields! {
    "Active" "bytes",
    "Active_anon" "bytes",
    "Active_file" "bytes",
    "AnonHugePages" "bytes",
    "AnonPages" "bytes",
    "Balloon" "bytes",
    "Bounce" "bytes",
    "Buffers" "bytes",
    "Cached" "bytes",
    "CmaFree" "bytes",
    "CmaTotal" "bytes",
    "CommitLimit" "bytes",
    "Committed_AS" "bytes",
    "DirectMap1G" "bytes",
    "DirectMap2M" "bytes",
    "DirectMap4M" "bytes",
    "DirectMap4k" "bytes",
    "Dirty" "bytes",
    "EarlyMemtestBad" "bytes",
    "FileHugePages" "bytes",
    "FilePmdMapped" "bytes",
    "GPUActive" "bytes",
    "GPUReclaim" "bytes",
    "HardwareCorrupted" "bytes",
    "HugePages_Free" "",
    "HugePages_Rsvd" "",
    "HugePages_Surp" "",
    "HugePages_Total" "",
    "Hugepagesize" "bytes",
    "Hugetlb" "bytes",
    "Inactive" "bytes",
    "Inactive_anon" "bytes",
    "Inactive_file" "bytes",
    "KReclaimable" "bytes",
    "KernelStack" "bytes",
    "Mapped" "bytes",
    "MemAvailable" "bytes",
    "MemFree" "bytes",
    "MemTotal" "bytes",
    "Mlocked" "bytes",
    "NFS_Unstable" "bytes",
    "PageTables" "bytes",
    "Percpu" "bytes",
    "SReclaimable" "bytes",
    "SUnreclaim" "bytes",
    "SecPageTables" "bytes",
    "ShadowCallStack" "bytes",
    "Shmem" "bytes",
    "ShmemHugePages" "bytes",
    "ShmemPmdMapped" "bytes",
    "Slab" "bytes",
    "SwapCached" "bytes",
    "SwapFree" "bytes",
    "SwapTotal" "bytes",
    "Unaccepted" "bytes",
    "Unevictable" "bytes",
    "VmallocChunk" "bytes",
    "VmallocTotal" "bytes",
    "VmallocUsed" "bytes",
    "Writeback" "bytes",
    "WritebackTmp" "bytes",
    "Zswap" "bytes",
    "Zswapped" "bytes",
}

/// The family of a field of /proc/meminfo; `None` for one this version does not know.
pub fn family(name: &str) -> Option<&'static Family> {
    let at = FAMILIES.binary_search_by(|family| field(family).cmp(name)).ok()?;
    FAMILIES.get(at).copied()
}

/// Every field known here, sorted; for tests and synthetic hosts.
pub fn fields() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().copied().map(field)
}

/// The field behind a family of this table.
fn field(family: &Family) -> &'static str {
    let name = family.name.strip_prefix("node_memory_").unwrap_or(family.name);
    name.strip_suffix("_bytes").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_finds_its_own() {
        assert!(fields().is_sorted_by(|a, b| a < b));
        for name in fields() {
            assert!(family(name).is_some_and(|family| field(family) == name));
        }
        assert_eq!(family("MemTotal").unwrap().name, "node_memory_MemTotal_bytes");
        assert_eq!(family("HugePages_Free").unwrap().name, "node_memory_HugePages_Free");
        assert!(family("MemToday").is_none());
    }
}
