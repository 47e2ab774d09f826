//! `spyhop_redis_*`, `spyhop_postgres_*` and `spyhop_traefik_*`: what these say of themselves when a probe asks for it.

super::families! { Probes;
    REDIS_UP: Gauge "spyhop_redis_up" "" []
        "1 when Redis answered and told its figures, else 0; with info only.";
    REDIS_INFO: Info "spyhop_redis_info" "" ["version", "role"]
        "Constant 1 with Redis' version and role (INFO: redis_version, role).";
    REDIS_UPTIME: Gauge "spyhop_redis_uptime_seconds" "seconds" []
        "How long Redis has run (INFO: uptime_in_seconds).";
    REDIS_CLIENTS: Gauge "spyhop_redis_connected_clients" "" []
        "Clients that are connected (INFO: connected_clients).";
    REDIS_BLOCKED: Gauge "spyhop_redis_blocked_clients" "" []
        "Clients that wait in a blocking call (INFO: blocked_clients).";
    REDIS_MAX_CLIENTS: Gauge "spyhop_redis_max_clients" "" []
        "Clients that may be connected (INFO: maxclients).";
    REDIS_MEMORY: Gauge "spyhop_redis_used_memory_bytes" "bytes" []
        "Memory that Redis has asked for (INFO: used_memory).";
    REDIS_MAX_MEMORY: Gauge "spyhop_redis_max_memory_bytes" "bytes" []
        "Memory that Redis may ask for; absent without a limit (INFO: maxmemory).";
    REDIS_EVICTED: Counter "spyhop_redis_evicted_keys_total" "" []
        "Keys removed because memory ran out (INFO: evicted_keys).";
    REDIS_EXPIRED: Counter "spyhop_redis_expired_keys_total" "" []
        "Keys removed because their time was over (INFO: expired_keys).";
    REDIS_HITS: Counter "spyhop_redis_keyspace_hits_total" "" []
        "Look-ups that found a key (INFO: keyspace_hits).";
    REDIS_MISSES: Counter "spyhop_redis_keyspace_misses_total" "" []
        "Look-ups that found none (INFO: keyspace_misses).";
    REDIS_REJECTED: Counter "spyhop_redis_rejected_connections_total" "" []
        "Connections refused by the limit of clients (INFO: rejected_connections).";
    REDIS_COMMANDS: Counter "spyhop_redis_commands_processed_total" "" []
        "Commands that were processed (INFO: total_commands_processed).";
    REDIS_MASTER_LINK: Gauge "spyhop_redis_master_link_up" "" []
        "1 when a replica hears its master, else 0; absent on a master (INFO: master_link_status).";
    REDIS_REPLICAS: Gauge "spyhop_redis_connected_replicas" "" []
        "Replicas that are connected (INFO: connected_slaves).";
    REDIS_SAVED: Gauge "spyhop_redis_last_save_success" "" []
        "1 when the last snapshot to disk succeeded, else 0 (INFO: rdb_last_bgsave_status).";
    REDIS_KEYS: Gauge "spyhop_redis_keys" "" ["database"]
        "Keys of each database (INFO: keyspace).";
    POSTGRES_UP: Gauge "spyhop_postgres_up" "" []
        "1 when PostgreSQL let the probe in and told its figures, else 0; with statistics only.";
    POSTGRES_INFO: Info "spyhop_postgres_info" "" ["version"]
        "Constant 1 with PostgreSQL's version (server_version).";
    POSTGRES_STARTED: Gauge "spyhop_postgres_started_timestamp_seconds" "seconds" []
        "When PostgreSQL was started, in Unix seconds (pg_postmaster_start_time).";
    POSTGRES_MAX_CONNECTIONS: Gauge "spyhop_postgres_max_connections" "" []
        "Connections there may be, those reserved for superusers included (max_connections).";
    POSTGRES_CONNECTIONS: Gauge "spyhop_postgres_connections" "" ["state"]
        "Connections of clients by what they do: active, idle, idle_in_transaction, idle_in_transaction_aborted, unknown (pg_stat_activity).";
    POSTGRES_OLDEST: Gauge "spyhop_postgres_oldest_transaction_seconds" "seconds" []
        "Age of the oldest open transaction of a client, 0 without one; absent where the user may not see others (pg_stat_activity).";
    POSTGRES_REPLICAS: Gauge "spyhop_postgres_replicas" "" []
        "Replicas that stream from it (pg_stat_replication).";
    POSTGRES_LAG: Gauge "spyhop_postgres_standby_lag_seconds" "seconds" []
        "How far a standby is behind, 0 while it streams and has replayed everything; absent on a primary.";
    POSTGRES_DATABASE_CONNECTIONS: Gauge "spyhop_postgres_database_connections" "" ["database"]
        "Connections to each database (pg_stat_database.numbackends).";
    POSTGRES_COMMITS: Counter "spyhop_postgres_commits_total" "" ["database"]
        "Transactions committed (pg_stat_database.xact_commit).";
    POSTGRES_ROLLBACKS: Counter "spyhop_postgres_rollbacks_total" "" ["database"]
        "Transactions rolled back (pg_stat_database.xact_rollback).";
    POSTGRES_HIT: Counter "spyhop_postgres_blocks_hit_total" "" ["database"]
        "Blocks found in the cache (pg_stat_database.blks_hit).";
    POSTGRES_READ: Counter "spyhop_postgres_blocks_read_total" "" ["database"]
        "Blocks read from disk, or from the kernel's cache of it (pg_stat_database.blks_read).";
    POSTGRES_CACHE: Gauge "spyhop_postgres_cache_hit_ratio" "ratio" ["database"]
        "Blocks found in the cache of all that were asked for, since statistics began; absent before the first.";
    POSTGRES_DEADLOCKS: Counter "spyhop_postgres_deadlocks_total" "" ["database"]
        "Deadlocks that were found (pg_stat_database.deadlocks).";
    ROUTES_EXPECTED: Gauge "spyhop_traefik_routes_expected" "" []
        "Routes that labels of containers ask this Traefik for.";
    ROUTES_FOUND: Gauge "spyhop_traefik_routes_found" "" []
        "Of these, routes that Traefik has and uses.";
    ROUTES_COMPLETE: Gauge "spyhop_traefik_routes_complete_ratio" "ratio" []
        "Routes found of those expected; absent while none is.";
    ROUTE_MISSING: Gauge "spyhop_traefik_route_missing" "" ["router", "reason"]
        "1 for each route that a service asks for and Traefik does not have or use, with the reason; two hundred at most.";
    ROUTE_FINDING: Gauge "spyhop_traefik_route_finding" "" ["router", "finding"]
        "1 for each route that is there and not as it should be, or of nobody's; two hundred at most.";
}
