//! `node_*`: the core set of host figures under node_exporter's names. /proc/meminfo has a table of its own.

super::families! { Node;
    CPU_SECONDS: Counter "node_cpu_seconds_total" "seconds" ["cpu", "mode"]
        "Time a CPU spent in each mode: user, nice, system, idle, iowait, irq, softirq, steal (/proc/stat).";
    CPU_GUEST_SECONDS: Counter "node_cpu_guest_seconds_total" "seconds" ["cpu", "mode"]
        "Time a CPU spent in virtual machines by mode (user, nice); contained in node_cpu_seconds_total (/proc/stat).";
    INTR: Counter "node_intr_total" "" []
        "Interrupts served (/proc/stat).";
    CONTEXT_SWITCHES: Counter "node_context_switches_total" "" []
        "Context switches (/proc/stat).";
    FORKS: Counter "node_forks_total" "" []
        "Processes and threads begun (/proc/stat).";
    PROCS_RUNNING: Gauge "node_procs_running" "" []
        "Tasks ready to run (/proc/stat).";
    PROCS_BLOCKED: Gauge "node_procs_blocked" "" []
        "Tasks waiting for I/O (/proc/stat).";
    BOOT_TIME: Gauge "node_boot_time_seconds" "seconds" []
        "When the host started, in Unix seconds (/proc/stat btime).";
    TIME: Gauge "node_time_seconds" "seconds" []
        "The host's clock at this scrape, in Unix seconds.";
    LOAD1: Gauge "node_load1" "" []
        "Load average over one minute (/proc/loadavg).";
    LOAD5: Gauge "node_load5" "" []
        "Load average over five minutes (/proc/loadavg).";
    LOAD15: Gauge "node_load15" "" []
        "Load average over fifteen minutes (/proc/loadavg).";
    UNAME: Info "node_uname_info" "" ["sysname", "release", "version", "machine", "nodename", "domainname"]
        "Constant 1 with what uname says of the kernel; nodename is the engine's host name, not the agent's container.";
    FILESYSTEM_SIZE: Gauge "node_filesystem_size_bytes" "bytes" ["device", "fstype", "mountpoint"]
        "Size of a filesystem (statvfs).";
    FILESYSTEM_FREE: Gauge "node_filesystem_free_bytes" "bytes" ["device", "fstype", "mountpoint"]
        "Free space of a filesystem, the part kept for root included (statvfs).";
    FILESYSTEM_AVAIL: Gauge "node_filesystem_avail_bytes" "bytes" ["device", "fstype", "mountpoint"]
        "Free space of a filesystem for everybody but root (statvfs).";
    FILESYSTEM_FILES: Gauge "node_filesystem_files" "" ["device", "fstype", "mountpoint"]
        "Inodes of a filesystem (statvfs).";
    FILESYSTEM_FILES_FREE: Gauge "node_filesystem_files_free" "" ["device", "fstype", "mountpoint"]
        "Free inodes of a filesystem (statvfs).";
    FILESYSTEM_READONLY: Gauge "node_filesystem_readonly" "" ["device", "fstype", "mountpoint"]
        "1 when a filesystem is mounted read-only, else 0.";
    FILESYSTEM_DEVICE_ERROR: Gauge "node_filesystem_device_error" "" ["device", "fstype", "mountpoint"]
        "1 when a filesystem did not answer or answered with an error, else 0; its sizes are absent then.";
    DISK_READS: Counter "node_disk_reads_completed_total" "" ["device"]
        "Reads completed (/proc/diskstats).";
    DISK_READS_MERGED: Counter "node_disk_reads_merged_total" "" ["device"]
        "Reads merged before they reached the device (/proc/diskstats).";
    DISK_READ_BYTES: Counter "node_disk_read_bytes_total" "bytes" ["device"]
        "Bytes read (/proc/diskstats, sectors of 512 bytes).";
    DISK_READ_TIME: Counter "node_disk_read_time_seconds_total" "seconds" ["device"]
        "Time spent by all reads (/proc/diskstats).";
    DISK_WRITES: Counter "node_disk_writes_completed_total" "" ["device"]
        "Writes completed (/proc/diskstats).";
    DISK_WRITES_MERGED: Counter "node_disk_writes_merged_total" "" ["device"]
        "Writes merged before they reached the device (/proc/diskstats).";
    DISK_WRITTEN_BYTES: Counter "node_disk_written_bytes_total" "bytes" ["device"]
        "Bytes written (/proc/diskstats, sectors of 512 bytes).";
    DISK_WRITE_TIME: Counter "node_disk_write_time_seconds_total" "seconds" ["device"]
        "Time spent by all writes (/proc/diskstats).";
    DISK_IO_NOW: Gauge "node_disk_io_now" "" ["device"]
        "Requests in flight (/proc/diskstats).";
    DISK_IO_TIME: Counter "node_disk_io_time_seconds_total" "seconds" ["device"]
        "Time in which the device had a request in flight (/proc/diskstats).";
    DISK_IO_TIME_WEIGHTED: Counter "node_disk_io_time_weighted_seconds_total" "seconds" ["device"]
        "Time of all requests in flight added up (/proc/diskstats).";
    DISK_DISCARDS: Counter "node_disk_discards_completed_total" "" ["device"]
        "Discards completed (/proc/diskstats, from Linux 4.18).";
    DISK_DISCARDS_MERGED: Counter "node_disk_discards_merged_total" "" ["device"]
        "Discards merged before they reached the device (/proc/diskstats, from Linux 4.18).";
    DISK_DISCARDED_SECTORS: Counter "node_disk_discarded_sectors_total" "" ["device"]
        "512-byte sectors discarded (/proc/diskstats, from Linux 4.18).";
    DISK_DISCARD_TIME: Counter "node_disk_discard_time_seconds_total" "seconds" ["device"]
        "Time spent by all discards (/proc/diskstats, from Linux 4.18).";
    DISK_FLUSHES: Counter "node_disk_flush_requests_total" "" ["device"]
        "Flush requests completed (/proc/diskstats, from Linux 5.5).";
    DISK_FLUSH_TIME: Counter "node_disk_flush_requests_time_seconds_total" "seconds" ["device"]
        "Time spent by all flush requests (/proc/diskstats, from Linux 5.5).";
    NETWORK_RX_BYTES: Counter "node_network_receive_bytes_total" "bytes" ["device"]
        "Bytes received by an interface of the host (/proc/1/net/dev).";
    NETWORK_RX_PACKETS: Counter "node_network_receive_packets_total" "" ["device"]
        "Packets received by an interface of the host.";
    NETWORK_RX_ERRS: Counter "node_network_receive_errs_total" "" ["device"]
        "Receive errors of an interface of the host.";
    NETWORK_RX_DROP: Counter "node_network_receive_drop_total" "" ["device"]
        "Packets received and dropped by an interface of the host.";
    NETWORK_RX_FIFO: Counter "node_network_receive_fifo_total" "" ["device"]
        "Receive queue overruns of an interface of the host.";
    NETWORK_RX_FRAME: Counter "node_network_receive_frame_total" "" ["device"]
        "Frame errors of an interface of the host.";
    NETWORK_RX_COMPRESSED: Counter "node_network_receive_compressed_total" "" ["device"]
        "Compressed packets received by an interface of the host.";
    NETWORK_RX_MULTICAST: Counter "node_network_receive_multicast_total" "" ["device"]
        "Multicast packets received by an interface of the host.";
    NETWORK_TX_BYTES: Counter "node_network_transmit_bytes_total" "bytes" ["device"]
        "Bytes sent by an interface of the host (/proc/1/net/dev).";
    NETWORK_TX_PACKETS: Counter "node_network_transmit_packets_total" "" ["device"]
        "Packets sent by an interface of the host.";
    NETWORK_TX_ERRS: Counter "node_network_transmit_errs_total" "" ["device"]
        "Send errors of an interface of the host.";
    NETWORK_TX_DROP: Counter "node_network_transmit_drop_total" "" ["device"]
        "Packets dropped on sending by an interface of the host.";
    NETWORK_TX_FIFO: Counter "node_network_transmit_fifo_total" "" ["device"]
        "Send queue errors of an interface of the host.";
    NETWORK_TX_COLLS: Counter "node_network_transmit_colls_total" "" ["device"]
        "Collisions on an interface of the host.";
    NETWORK_TX_CARRIER: Counter "node_network_transmit_carrier_total" "" ["device"]
        "Carrier losses of an interface of the host.";
    NETWORK_TX_COMPRESSED: Counter "node_network_transmit_compressed_total" "" ["device"]
        "Compressed packets sent by an interface of the host.";
    PRESSURE_CPU_WAITING: Counter "node_pressure_cpu_waiting_seconds_total" "seconds" []
        "Time in which a task of the host waited for a CPU (/proc/pressure/cpu some).";
    PRESSURE_MEMORY_WAITING: Counter "node_pressure_memory_waiting_seconds_total" "seconds" []
        "Time in which a task of the host waited for memory (/proc/pressure/memory some).";
    PRESSURE_MEMORY_STALLED: Counter "node_pressure_memory_stalled_seconds_total" "seconds" []
        "Time in which all tasks of the host waited for memory (/proc/pressure/memory full).";
    PRESSURE_IO_WAITING: Counter "node_pressure_io_waiting_seconds_total" "seconds" []
        "Time in which a task of the host waited for I/O (/proc/pressure/io some).";
    PRESSURE_IO_STALLED: Counter "node_pressure_io_stalled_seconds_total" "seconds" []
        "Time in which all tasks of the host waited for I/O (/proc/pressure/io full).";
}
