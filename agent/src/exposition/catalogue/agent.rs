//! The agent itself: what it is, how well it hears the engine, what it may read, what it costs. Its event counters are
//! declared beside their registry ([`crate::telemetry::SELF_FAMILIES`]).

super::families! { Agent;
    BUILD_INFO: Info "spyhop_build_info" "" ["version", "revision"]
        "Constant 1 with the version of the agent and the source revision it was built from.";
    READY: Gauge "spyhop_ready" "" []
        "1 once the first inventory is complete, else 0.";
    ENGINE_UP: Gauge "spyhop_engine_up" "" []
        "1 while the engine's event stream is open and the inventory complete, else 0.";
    ENGINE_INFO: Info "spyhop_engine_info" "" ["name", "version", "api_version", "os", "arch", "kernel", "operating_system", "storage_driver", "cgroup_driver", "cgroup_version"]
        "Constant 1 with what the engine says of itself; api_version is the one spoken with it.";
    ENGINE_HEARD: Gauge "spyhop_engine_heard_timestamp_seconds" "seconds" []
        "When the engine last answered or sent anything, in Unix seconds; absent before the first answer.";
    ENGINE_SILENCE: Gauge "spyhop_engine_silence_seconds" "seconds" []
        "Time since the engine was last heard: the age of everything the engine tells; absent before the first answer.";
    INVENTORY_CONTAINERS: Gauge "spyhop_inventory_containers" "" []
        "Containers known, of every state.";
    INVENTORY_SERVICES: Gauge "spyhop_inventory_services" "" []
        "Services expected.";
    COLLECTOR_AVAILABLE: Gauge "spyhop_collector_available" "" ["collector"]
        "1 when the kernel files behind a group of figures can be read here, else 0: their families are then absent, never zero.";
    OPEN_HANDLES: Gauge "spyhop_open_handles" "" []
        "Kernel files kept open for the next scrape.";
    FIGURES_SOURCE: Gauge "spyhop_figures_containers" "" ["source"]
        "Running containers by where their figures come from: the kernel's files, the engine, or none.";
    FIGURES_AGE: Gauge "spyhop_figures_oldest_age_seconds" "seconds" []
        "Age of the oldest figures on the page that the engine was asked for; absent when they are the kernel's.";
    PROCESS_CPU: Counter "process_cpu_seconds_total" "seconds" []
        "CPU time used by the agent.";
    PROCESS_RESIDENT: Gauge "process_resident_memory_bytes" "bytes" []
        "Resident memory of the agent.";
    PROCESS_VIRTUAL: Gauge "process_virtual_memory_bytes" "bytes" []
        "Address space of the agent.";
    PROCESS_OPEN_FDS: Gauge "process_open_fds" "" []
        "Files the agent has open.";
    PROCESS_MAX_FDS: Gauge "process_max_fds" "" []
        "Files the agent may have open.";
    PROCESS_START_TIME: Gauge "process_start_time_seconds" "seconds" []
        "When the agent started, in Unix seconds.";
    PROCESS_THREADS: Gauge "process_threads" "" []
        "Threads of the agent.";
}
