//! `spyhop_container_*`, `spyhop_service_*` and `spyhop_network_info`: what the engine and the agent know of containers.

super::families! { Service;
    CONTAINER_INFO: Info "spyhop_container_info" "" ["id", "name", "image", "image_id"]
        "Constant 1 which joins a replica to its container id, name, image reference and image digest.";
    CONTAINER_STATE: Gauge "spyhop_container_state" "" ["state"]
        "1 for the state the container is in, else 0: created, running, paused, restarting, removing, exited, completed (exit code 0 without a restart policy), stopped (by a person), dead, unknown.";
    CONTAINER_HEALTH_STATE: Gauge "spyhop_container_health_state" "" ["state"]
        "1 for the health the container is in, else 0: none (no health check), starting, healthy, unhealthy, unknown. Of an ended container the engine's last word.";
    CONTAINER_HEALTH_FAILING_STREAK: Gauge "spyhop_container_health_failing_streak" "" []
        "Health checks failed in a row (engine: State.Health.FailingStreak).";
    CONTAINER_HEALTH_CHECK_DURATION: Gauge "spyhop_container_health_check_duration_seconds" "seconds" []
        "How long the newest health check took.";
    CONTAINER_HEALTH_CHECK_SUCCESS: Gauge "spyhop_container_health_check_success" "" []
        "1 when the newest health check passed, else 0.";
    CONTAINER_HEALTH_CHECK_TIMESTAMP: Gauge "spyhop_container_health_check_timestamp_seconds" "seconds" []
        "When the newest health check known to the agent began, in Unix seconds.";
    CONTAINER_HEALTH_CHECK_INTERVAL: Gauge "spyhop_container_health_check_interval_seconds" "seconds" []
        "Time between two health checks of the container.";
    CONTAINER_RESTARTS: Counter "spyhop_container_restarts_total" "" []
        "Restarts by the restart policy since the container was last started by hand (engine: RestartCount).";
    CONTAINER_CREATED: Gauge "spyhop_container_created_timestamp_seconds" "seconds" []
        "When the container was created, in Unix seconds.";
    CONTAINER_STARTED: Gauge "spyhop_container_started_timestamp_seconds" "seconds" []
        "When the newest run began, in Unix seconds; absent before the first.";
    CONTAINER_FINISHED: Gauge "spyhop_container_finished_timestamp_seconds" "seconds" []
        "When the newest finished run ended, in Unix seconds; absent while the first lasts.";
    CONTAINER_EXIT_CODE: Gauge "spyhop_container_exit_code" "" []
        "Exit code of the newest run, while the container does not run.";
    CONTAINER_OOM_KILLED: Gauge "spyhop_container_oom_killed" "" []
        "1 when the engine says of the newest run that memory ran out, else 0 (engine: State.OOMKilled).";
    CONTAINER_OOM_KILLS: Counter "spyhop_container_oom_kills_total" "" []
        "Kills because memory ran out over all runs, the higher of the engine's events and the kernel's count.";
    CONTAINER_LIMIT_PRESENT: Gauge "spyhop_container_limit_present" "" ["resource"]
        "1 when the container was given a limit of memory, cpu or pids, else 0.";
    CONTAINER_MEMORY_LIMIT: Gauge "spyhop_container_memory_limit_bytes" "bytes" []
        "Memory limit asked of the engine; absent without one.";
    CONTAINER_MEMORY_RESERVATION: Gauge "spyhop_container_memory_reservation_bytes" "bytes" []
        "Memory reservation asked of the engine; absent without one.";
    CONTAINER_CPU_LIMIT: Gauge "spyhop_container_cpu_limit_cores" "cores" []
        "CPU limit asked of the engine in cores; absent without one.";
    CONTAINER_PIDS_LIMIT: Gauge "spyhop_container_pids_limit" "" []
        "Limit of processes and threads asked of the engine; absent without one.";
    CONTAINER_LIMIT_UTILIZATION: Gauge "spyhop_container_limit_utilization_ratio" "ratio" ["resource"]
        "Share of a limit in use: memory by working set, pids by threads, cpu over the last 10 seconds or more; absent without the limit or until it is known.";
    CONTAINER_IMAGE_CREATED: Gauge "spyhop_container_image_created_timestamp_seconds" "seconds" []
        "When the container's image was built, in Unix seconds; absent where the image does not say.";
    CONTAINER_PUBLISHED_PORT: Info "spyhop_container_published_port_info" "" ["port", "protocol", "host_ip", "host_port"]
        "Constant 1 for each port published on the host.";
    CONTAINER_INSPECTED: Gauge "spyhop_container_inspected_timestamp_seconds" "seconds" []
        "When the engine last described the container, in Unix seconds: the age of everything but kernel figures.";
    SERVICE_REPLICAS_EXPECTED: Gauge "spyhop_service_replicas_expected" "" []
        "Replicas that should run.";
    SERVICE_REPLICAS: Gauge "spyhop_service_replicas" "" ["state"]
        "Replicas by state: running, healthy (running with a passing health check, or without one), completed, stopped (by a person).";
    SERVICE_STARTS: Counter "spyhop_service_starts_total" "" []
        "Runs begun by containers of the service; counted by the agent over recreations and its own restarts.";
    SERVICE_RESTARTS: Counter "spyhop_service_restarts_total" "" []
        "Runs begun in a container that had run before.";
    SERVICE_EXITS: Counter "spyhop_service_exits_total" "" ["class"]
        "Runs ended by class: success (exit code 0), error (1 to 127), signal (from 128), oom (memory ran out).";
    SERVICE_OOM_KILLS: Counter "spyhop_service_oom_kills_total" "" []
        "Kills because memory ran out in containers of the service.";
    SERVICE_HEALTH_TRANSITIONS: Counter "spyhop_service_health_transitions_total" "" ["to"]
        "Changes of health to healthy or unhealthy in containers of the service.";
    SERVICE_HEALTH_CHECKS: Counter "spyhop_service_health_checks_total" "" ["result"]
        "Health checks seen by result: passed, failed, timed_out.";
    SERVICE_STARTUP: Histogram "spyhop_service_startup_duration_seconds" "seconds" []
        "From the start of a container to its first healthy moment, as its health check tells; counted by the agent over recreations and its own restarts.";
    SERVICE_FAILOVER: Histogram "spyhop_service_failover_duration_seconds" "seconds" []
        "From the moment when no replica of the service was serving (running, and healthy where that is checked) to the next one that is; not where a person ended it.";
    NETWORK_INFO: Info "spyhop_network_info" "" ["network", "driver", "scope", "internal"]
        "Constant 1 for each network of the engine.";
}
