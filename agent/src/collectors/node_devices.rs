//! `node_*` families with one series a device: disks, filesystems, network interfaces.

use super::{Settings, reading::Reading, units::from_ms};
use crate::{
    exposition::{LabelSet, Page, Value, catalogue::node as family},
    model::{Filesystem, HostNetwork, metric::Family},
};

pub(super) fn write(reading: &Reading, settings: &Settings, page: &mut Page) {
    filesystems(reading, page);
    disks(reading, page);
    interfaces(reading, settings, page);
}

fn filesystems(reading: &Reading, page: &mut Page) {
    let mut gauge = |family: &'static Family, read: fn(&Filesystem) -> Option<u64>| {
        let mut writer = page.family(family);
        for filesystem in &reading.host.filesystems {
            if let Some(value) = read(filesystem) {
                let extra = [
                    ("device", filesystem.device.as_ref()),
                    ("fstype", &filesystem.fstype),
                    ("mountpoint", &filesystem.mountpoint),
                ];
                writer.sample_with(&LabelSet::EMPTY, &extra, value);
            }
        }
    };
    gauge(&family::FILESYSTEM_SIZE, |fs| fs.size_bytes);
    gauge(&family::FILESYSTEM_FREE, |fs| fs.free_bytes);
    gauge(&family::FILESYSTEM_AVAIL, |fs| fs.avail_bytes);
    gauge(&family::FILESYSTEM_FILES, |fs| fs.files);
    gauge(&family::FILESYSTEM_FILES_FREE, |fs| fs.files_free);
    gauge(&family::FILESYSTEM_READONLY, |fs| Some(fs.read_only.into()));
    gauge(&family::FILESYSTEM_DEVICE_ERROR, |fs| Some(fs.device_error.into()));
}

/// Family, column of /proc/diskstats behind the device's name, and how it is shown.
type Column = (&'static Family, usize, fn(u64) -> Value);

/// The kernel counts sectors of 512 bytes whatever the device's own size is.
const SECTOR_BYTES: u64 = 512;

const fn sectors_as_bytes(sectors: u64) -> Value {
    Value::U64(sectors.saturating_mul(SECTOR_BYTES))
}

fn ms_as_seconds(ms: u64) -> Value {
    from_ms(ms).into()
}

static DISK_COLUMNS: &[Column] = &[
    (&family::DISK_READS, 0, Value::U64),
    (&family::DISK_READS_MERGED, 1, Value::U64),
    (&family::DISK_READ_BYTES, 2, sectors_as_bytes),
    (&family::DISK_READ_TIME, 3, ms_as_seconds),
    (&family::DISK_WRITES, 4, Value::U64),
    (&family::DISK_WRITES_MERGED, 5, Value::U64),
    (&family::DISK_WRITTEN_BYTES, 6, sectors_as_bytes),
    (&family::DISK_WRITE_TIME, 7, ms_as_seconds),
    (&family::DISK_IO_NOW, 8, Value::U64),
    (&family::DISK_IO_TIME, 9, ms_as_seconds),
    (&family::DISK_IO_TIME_WEIGHTED, 10, ms_as_seconds),
    (&family::DISK_DISCARDS, 11, Value::U64),
    (&family::DISK_DISCARDS_MERGED, 12, Value::U64),
    (&family::DISK_DISCARDED_SECTORS, 13, Value::U64),
    (&family::DISK_DISCARD_TIME, 14, ms_as_seconds),
    (&family::DISK_FLUSHES, 15, Value::U64),
    (&family::DISK_FLUSH_TIME, 16, ms_as_seconds),
];

fn disks(reading: &Reading, page: &mut Page) {
    for (family, column, show) in DISK_COLUMNS {
        let mut writer = page.family(family);
        for disk in &reading.host.disks {
            // Older kernels have 11 or 15 columns.
            if let Some(count) = disk.fields.get(*column) {
                writer.sample_with(&LabelSet::EMPTY, &[("device", &disk.device)], show(*count));
            }
        }
    }
}

/// Family and counter of /proc/net/dev.
type Counter = (&'static Family, fn(&HostNetwork) -> u64);

static INTERFACE_COLUMNS: &[Counter] = &[
    (&family::NETWORK_RX_BYTES, |network| network.counters.rx_bytes),
    (&family::NETWORK_RX_PACKETS, |network| network.counters.rx_packets),
    (&family::NETWORK_RX_ERRS, |network| network.counters.rx_errors),
    (&family::NETWORK_RX_DROP, |network| network.counters.rx_dropped),
    (&family::NETWORK_RX_FIFO, |network| network.rx_more[0]),
    (&family::NETWORK_RX_FRAME, |network| network.rx_more[1]),
    (&family::NETWORK_RX_COMPRESSED, |network| network.rx_more[2]),
    (&family::NETWORK_RX_MULTICAST, |network| network.rx_more[3]),
    (&family::NETWORK_TX_BYTES, |network| network.counters.tx_bytes),
    (&family::NETWORK_TX_PACKETS, |network| network.counters.tx_packets),
    (&family::NETWORK_TX_ERRS, |network| network.counters.tx_errors),
    (&family::NETWORK_TX_DROP, |network| network.counters.tx_dropped),
    (&family::NETWORK_TX_FIFO, |network| network.tx_more[0]),
    (&family::NETWORK_TX_COLLS, |network| network.tx_more[1]),
    (&family::NETWORK_TX_CARRIER, |network| network.tx_more[2]),
    (&family::NETWORK_TX_COMPRESSED, |network| network.tx_more[3]),
];

fn interfaces(reading: &Reading, settings: &Settings, page: &mut Page) {
    let shown = reading.host.network.iter().filter(|it| !settings.hidden_interfaces.contain(&it.counters.name));
    let shown: Vec<_> = shown.map(|it| (it, LabelSet::new([("device", it.counters.name.as_ref())]))).collect();
    for (family, read) in INTERFACE_COLUMNS {
        let mut writer = page.family(family);
        for (network, device) in &shown {
            writer.sample(device, read(network));
        }
    }
}
