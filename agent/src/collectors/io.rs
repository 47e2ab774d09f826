//! `container_fs_*` and `container_blkio_*`.
//!
//! Containers have what the kernel counts for their cgroup. Sizes of filesystems and the columns of /proc/diskstats are
//! facts of the host and stand on the root row alone; nothing here walks directories.

use super::{reading::Reading, units::from_ms};
use crate::{
    exposition::{Page, Value, catalogue::io as family},
    model::{DeviceIo, DiskCounters, Filesystem, metric::Family},
};

pub(super) fn write(reading: &Reading, page: &mut Page) {
    filesystems(reading, page);
    devices(reading, page, &family::FS_READS_BYTES, |io| io.read_bytes);
    devices(reading, page, &family::FS_WRITES_BYTES, |io| io.write_bytes);
    devices(reading, page, &family::FS_READS, |io| io.reads);
    devices(reading, page, &family::FS_WRITES, |io| io.writes);
    disks(reading, page);
    blkio(reading, page);
}

/// A column of /proc/diskstats and how it is shown.
type Column = (&'static Family, usize, fn(u64) -> Value);

static DISK_COLUMNS: &[Column] = &[
    (&family::FS_SECTOR_READS, 2, Value::U64),
    (&family::FS_SECTOR_WRITES, 6, Value::U64),
    (&family::FS_READS_MERGED, 1, Value::U64),
    (&family::FS_WRITES_MERGED, 5, Value::U64),
    (&family::FS_READ_SECONDS, 3, |ms| from_ms(ms).into()),
    (&family::FS_WRITE_SECONDS, 7, |ms| from_ms(ms).into()),
    (&family::FS_IO_CURRENT, 8, Value::U64),
    (&family::FS_IO_TIME, 9, |ms| from_ms(ms).into()),
    (&family::FS_IO_TIME_WEIGHTED, 10, |ms| from_ms(ms).into()),
];

fn disks(reading: &Reading, page: &mut Page) {
    let named: Vec<(String, &DiskCounters)> =
        reading.host.disks.iter().map(|disk| (format!("/dev/{}", disk.device), disk)).collect();
    for (family, column, show) in DISK_COLUMNS {
        let mut writer = page.family(family);
        for (device, disk) in &named {
            if let Some(count) = disk.fields.get(*column) {
                writer.sample_with(&reading.root_labels, &[("device", device)], show(*count));
            }
        }
    }
}

/// The host's filesystems on block devices, each device once however often it is mounted.
fn filesystems(reading: &Reading, page: &mut Page) {
    let mut devices: Vec<&Filesystem> = Vec::new();
    for filesystem in &reading.host.filesystems {
        if filesystem.device.starts_with("/dev/") && devices.iter().all(|known| known.device != filesystem.device) {
            devices.push(filesystem);
        }
    }
    let mut gauge = |family: &'static Family, read: fn(&Filesystem) -> Option<u64>| {
        let mut writer = page.family(family);
        for filesystem in &devices {
            if let Some(value) = read(filesystem) {
                writer.sample_with(&reading.root_labels, &[("device", &filesystem.device)], value);
            }
        }
    };
    gauge(&family::FS_USAGE, |fs| fs.size_bytes.zip(fs.free_bytes).map(|(size, free)| size.saturating_sub(free)));
    gauge(&family::FS_LIMIT, |fs| fs.size_bytes);
    gauge(&family::FS_INODES_TOTAL, |fs| fs.files);
    gauge(&family::FS_INODES_FREE, |fs| fs.files_free);
}

fn devices(reading: &Reading, page: &mut Page, family: &'static Family, read: impl Fn(&DeviceIo) -> Option<u64>) {
    let mut writer = page.family(family);
    reading.live().for_each(|(labels, sample)| {
        for io in &sample.io {
            if let Some(count) = read(io) {
                with_device(io, |device| writer.sample_with(labels, &[("device", device)], count));
            }
        }
    });
}

fn blkio(reading: &Reading, page: &mut Page) {
    let mut writer = page.family(&family::BLKIO_USAGE);
    reading.live().for_each(|(labels, sample)| {
        for io in &sample.io {
            let (mut major, mut minor) = (itoa::Buffer::new(), itoa::Buffer::new());
            let (major, minor) = (major.format(io.major), minor.format(io.minor));
            let device = io.device.as_deref().unwrap_or_default();
            for (operation, bytes) in [("Read", io.read_bytes), ("Write", io.write_bytes)] {
                if let Some(bytes) = bytes {
                    let extra = [("device", device), ("major", major), ("minor", minor), ("operation", operation)];
                    writer.sample_with(labels, &extra, bytes);
                }
            }
        }
    });
}

/// The device's name; for one whose number the kernel does not name any more its number, so that two of them stay two series.
fn with_device(io: &DeviceIo, write: impl FnOnce(&str)) {
    match &io.device {
        Some(device) => write(device),
        None => write(&format!("{}:{}", io.major, io.minor)),
    }
}
