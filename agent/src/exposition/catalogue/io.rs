//! `container_fs_*`, `container_blkio_*`, `container_network_*` and `container_pressure_*` under cAdvisor's names.
//!
//! What a container writes to its own layer is not known without walking directories, which spyhop never does: size, limit
//! and inode families exist for the host (`id="/"`) only. The same holds for the columns of /proc/diskstats, which count the
//! whole device whoever asks.

super::families! { Container;
    FS_USAGE: Gauge "container_fs_usage_bytes" "bytes" ["device"]
        "Bytes used on a filesystem of the host (statvfs); for id=\"/\" only.";
    FS_LIMIT: Gauge "container_fs_limit_bytes" "bytes" ["device"]
        "Size of a filesystem of the host (statvfs); for id=\"/\" only.";
    FS_INODES_TOTAL: Gauge "container_fs_inodes_total" "" ["device"]
        "Inodes of a filesystem of the host (statvfs); for id=\"/\" only.";
    FS_INODES_FREE: Gauge "container_fs_inodes_free" "" ["device"]
        "Free inodes of a filesystem of the host (statvfs); for id=\"/\" only.";
    FS_READS_BYTES: Counter "container_fs_reads_bytes_total" "bytes" ["device"]
        "Bytes the container read from a block device (blkio.throttle.io_service_bytes, io.stat rbytes).";
    FS_WRITES_BYTES: Counter "container_fs_writes_bytes_total" "bytes" ["device"]
        "Bytes the container wrote to a block device (blkio.throttle.io_service_bytes, io.stat wbytes); buffered writes count where the kernel attributes them.";
    FS_READS: Counter "container_fs_reads_total" "" ["device"]
        "Read requests of the container to a block device (blkio.throttle.io_serviced, io.stat rios).";
    FS_WRITES: Counter "container_fs_writes_total" "" ["device"]
        "Write requests of the container to a block device (blkio.throttle.io_serviced, io.stat wios).";
    FS_SECTOR_READS: Counter "container_fs_sector_reads_total" "" ["device"]
        "512-byte sectors read from a device by the whole host (/proc/diskstats); for id=\"/\" only.";
    FS_SECTOR_WRITES: Counter "container_fs_sector_writes_total" "" ["device"]
        "512-byte sectors written to a device by the whole host (/proc/diskstats); for id=\"/\" only.";
    FS_READS_MERGED: Counter "container_fs_reads_merged_total" "" ["device"]
        "Reads of the whole host merged before they reached the device (/proc/diskstats); for id=\"/\" only.";
    FS_WRITES_MERGED: Counter "container_fs_writes_merged_total" "" ["device"]
        "Writes of the whole host merged before they reached the device (/proc/diskstats); for id=\"/\" only.";
    FS_READ_SECONDS: Counter "container_fs_read_seconds_total" "seconds" ["device"]
        "Time spent by all reads of the whole host (/proc/diskstats); for id=\"/\" only.";
    FS_WRITE_SECONDS: Counter "container_fs_write_seconds_total" "seconds" ["device"]
        "Time spent by all writes of the whole host (/proc/diskstats); for id=\"/\" only.";
    FS_IO_CURRENT: Gauge "container_fs_io_current" "" ["device"]
        "Requests of the whole host in flight (/proc/diskstats); for id=\"/\" only.";
    FS_IO_TIME: Counter "container_fs_io_time_seconds_total" "seconds" ["device"]
        "Time in which the device had a request in flight (/proc/diskstats); for id=\"/\" only.";
    FS_IO_TIME_WEIGHTED: Counter "container_fs_io_time_weighted_seconds_total" "seconds" ["device"]
        "Time of all requests in flight added up (/proc/diskstats); for id=\"/\" only.";
    BLKIO_USAGE: Counter "container_blkio_device_usage_total" "bytes" ["device", "major", "minor", "operation"]
        "Bytes moved between the container and a block device by operation (Read, Write).";
    NETWORK_RX_BYTES: Counter "container_network_receive_bytes_total" "bytes" ["interface"]
        "Bytes received (/proc/<pid>/net/dev); containers in another's network namespace have no series.";
    NETWORK_RX_PACKETS: Counter "container_network_receive_packets_total" "" ["interface"]
        "Packets received (/proc/<pid>/net/dev).";
    NETWORK_RX_DROPPED: Counter "container_network_receive_packets_dropped_total" "" ["interface"]
        "Packets received and dropped (/proc/<pid>/net/dev).";
    NETWORK_RX_ERRORS: Counter "container_network_receive_errors_total" "" ["interface"]
        "Receive errors (/proc/<pid>/net/dev).";
    NETWORK_TX_BYTES: Counter "container_network_transmit_bytes_total" "bytes" ["interface"]
        "Bytes sent (/proc/<pid>/net/dev).";
    NETWORK_TX_PACKETS: Counter "container_network_transmit_packets_total" "" ["interface"]
        "Packets sent (/proc/<pid>/net/dev).";
    NETWORK_TX_DROPPED: Counter "container_network_transmit_packets_dropped_total" "" ["interface"]
        "Packets dropped on sending (/proc/<pid>/net/dev).";
    NETWORK_TX_ERRORS: Counter "container_network_transmit_errors_total" "" ["interface"]
        "Send errors (/proc/<pid>/net/dev).";
    PRESSURE_CPU_WAITING: Counter "container_pressure_cpu_waiting_seconds_total" "seconds" []
        "Time in which a task of the container waited for a CPU (cpu.pressure some, cgroup v2).";
    PRESSURE_CPU_STALLED: Counter "container_pressure_cpu_stalled_seconds_total" "seconds" []
        "Time in which all tasks of the container waited for a CPU (cpu.pressure full, cgroup v2, from Linux 5.13).";
    PRESSURE_MEMORY_WAITING: Counter "container_pressure_memory_waiting_seconds_total" "seconds" []
        "Time in which a task of the container waited for memory (memory.pressure some, cgroup v2).";
    PRESSURE_MEMORY_STALLED: Counter "container_pressure_memory_stalled_seconds_total" "seconds" []
        "Time in which all tasks of the container waited for memory (memory.pressure full, cgroup v2).";
    PRESSURE_IO_WAITING: Counter "container_pressure_io_waiting_seconds_total" "seconds" []
        "Time in which a task of the container waited for I/O (io.pressure some, cgroup v2).";
    PRESSURE_IO_STALLED: Counter "container_pressure_io_stalled_seconds_total" "seconds" []
        "Time in which all tasks of the container waited for I/O (io.pressure full, cgroup v2).";
}
