//! `container_memory_*`.

use super::{reading::Reading, units::column};
use crate::{
    exposition::{LabelSet, Page, catalogue::memory as family},
    model::{Memory, metric::Family},
};

/// A family that is one field of the sample.
type Field = (&'static Family, fn(&Memory) -> Option<u64>);

static BEFORE_FAILURES: &[Field] = &[
    (&family::CACHE, |memory| memory.cache),
    (&family::RSS, |memory| memory.rss),
    (&family::KERNEL_USAGE, |memory| memory.kernel),
    (&family::MAPPED_FILE, |memory| memory.mapped_file),
    (&family::SWAP, |memory| memory.swap),
    (&family::FAILCNT, |memory| memory.failcnt),
    (&family::USAGE, |memory| memory.usage),
    (&family::MAX_USAGE, |memory| memory.max_usage),
    (&family::WORKING_SET, |memory| memory.working_set),
    (&family::ACTIVE_FILE, |memory| memory.active_file),
    (&family::INACTIVE_FILE, |memory| memory.inactive_file),
];

static AFTER_FAILURES: &[Field] = &[
    (&family::EVENTS_HIGH, |memory| memory.events_high),
    (&family::EVENTS_MAX, |memory| memory.events_max),
    (&family::FILE_DIRTY, |memory| memory.file_dirty),
    (&family::FILE_WRITEBACK, |memory| memory.file_writeback),
    (&family::PGSCAN, |memory| memory.pgscan),
    (&family::PGSTEAL, |memory| memory.pgsteal),
    (&family::REFAULT_FILE, |memory| memory.workingset_refault_file),
    (&family::REFAULT_ANON, |memory| memory.workingset_refault_anon),
];

pub(super) fn write(reading: &Reading, page: &mut Page) {
    fields(reading, page, BEFORE_FAILURES);
    failures(reading, page);
    fields(reading, page, AFTER_FAILURES);
}

fn fields(reading: &Reading, page: &mut Page, fields: &[Field]) {
    for (family, read) in fields {
        column(reading, page, family, |sample| read(&sample.memory));
    }
}

fn failures(reading: &Reading, page: &mut Page) {
    let tag = |failure_type, scope| LabelSet::new([("failure_type", failure_type), ("scope", scope)]);
    let tags = [
        tag("pgfault", "container"),
        tag("pgmajfault", "container"),
        tag("pgfault", "hierarchy"),
        tag("pgmajfault", "hierarchy"),
    ];
    let mut writer = page.family(&family::FAILURES);
    reading.live().for_each(|(labels, sample)| {
        let memory = &sample.memory;
        let counts = [memory.pgfault, memory.pgmajfault, memory.hierarchy_pgfault, memory.hierarchy_pgmajfault];
        for (tag, count) in tags.iter().zip(counts) {
            if let Some(count) = count {
                writer.tagged(labels, tag, count);
            }
        }
    });
}
