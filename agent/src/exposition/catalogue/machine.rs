//! `machine_*` and `cadvisor_version_info` under cAdvisor's names.

super::families! { Machine;
    VERSION: Info "cadvisor_version_info" "" ["kernelVersion", "osVersion", "dockerVersion", "cadvisorVersion", "cadvisorRevision"]
        "Constant 1 with the versions of kernel, operating system and engine; cadvisorVersion names spyhop.";
    CPU_CORES: Gauge "machine_cpu_cores" "" []
        "Logical CPUs of the host.";
    CPU_PHYSICAL_CORES: Gauge "machine_cpu_physical_cores" "" []
        "Physical CPU cores of the host.";
    CPU_SOCKETS: Gauge "machine_cpu_sockets" "" []
        "CPU sockets of the host.";
    MEMORY: Gauge "machine_memory_bytes" "bytes" []
        "Memory of the host (/proc/meminfo MemTotal).";
    SWAP: Gauge "machine_swap_bytes" "bytes" []
        "Swap of the host (/proc/meminfo SwapTotal).";
    SCRAPE_ERROR: Gauge "machine_scrape_error" "" []
        "1 when the number of CPUs or the size of the memory could not be read, else 0.";
}
