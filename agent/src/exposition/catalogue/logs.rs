//! `spyhop_logs_*`: lines read, sent and left out by service, and how each destination takes them.

super::families! { Logs;
    READ_LINES: Counter "spyhop_logs_read_lines_total" "" []
        "Lines read of the service's containers; a trace that is sent as one entry counts with all its lines.";
    READ_BYTES: Counter "spyhop_logs_read_bytes_total" "" []
        "Bytes of those lines, without what the engine writes around them.";
    SENT_LINES: Counter "spyhop_logs_sent_lines_total" "" []
        "Entries which the first destination has acknowledged; a joined trace is one.";
    DROPPED_LINES: Counter "spyhop_logs_dropped_lines_total" "" ["reason"]
        "Entries left out, by reason; those which a destination or its spool lost count once for each destination.";
    GAPS: Counter "spyhop_logs_gaps_total" "" ["reason"]
        "Places where lines may be missing which were never seen, by reason.";
    CORRUPT_BYTES: Counter "spyhop_logs_corrupt_bytes_total" "" []
        "Bytes of log files which are no records: passed over.";
    CUT_LINES: Counter "spyhop_logs_cut_lines_total" "" []
        "Entries above logs.max_line_size, sent without their end.";
    RESTAMPED_LINES: Counter "spyhop_logs_restamped_lines_total" "" []
        "Entries sent with a time which Loki takes in place of their own, which stands in original_timestamp.";
    REDACTIONS: Counter "spyhop_logs_redactions_total" "" []
        "Places in lines replaced by redaction.";
    BEHIND_BYTES: Gauge "spyhop_logs_behind_bytes" "bytes" []
        "Bytes of log files which are not read yet.";
    LAG: Gauge "spyhop_logs_lag_seconds" "seconds" []
        "Age of the oldest line that was read and not acknowledged by every destination; 0 when nothing waits for more than a second.";
    UPSTREAM_LOSSY: Gauge "spyhop_logs_upstream_lossy" "" []
        "1 when the engine may lose lines of the service before anybody can read them, by its log driver's mode, else 0.";
    SOURCE_CONTAINERS: Gauge "spyhop_logs_source_containers" "" ["source", "reason"]
        "Containers by where their lines are read (file, api, none), with the reason for none.";
    PUSHES: Counter "spyhop_logs_pushes_total" "" ["destination", "outcome"]
        "Pushes by how they ended: ok, partial (some lines refused), retry, split (again in parts), refused (for good), held (until somebody changes something).";
    DESTINATION_SENT_LINES: Counter "spyhop_logs_destination_sent_lines_total" "" ["destination"]
        "Entries which the destination has acknowledged.";
    DESTINATION_SENT_BYTES: Counter "spyhop_logs_destination_sent_bytes_total" "" ["destination"]
        "Bytes of pushes which the destination has answered, compressed; those sent again count again.";
    LAST_ACK: Gauge "spyhop_logs_last_ack_timestamp_seconds" "seconds" ["destination"]
        "When the destination last acknowledged something, in Unix seconds; absent before.";
    TROUBLE: Gauge "spyhop_logs_destination_trouble" "" ["destination", "kind"]
        "1 for the reason why lines are kept back from the destination, else 0: unreachable, unavailable, rate_limited, configuration, blocked.";
    QUEUED_BYTES: Gauge "spyhop_logs_queued_bytes" "bytes" ["destination"]
        "Bytes of entries in memory which the destination has not acknowledged.";
    SPOOL_BYTES: Gauge "spyhop_logs_spool_bytes" "bytes" ["destination"]
        "Bytes on disk of what the destination has not acknowledged; absent without a state directory, as the next three.";
    SPOOL_LIMIT: Gauge "spyhop_logs_spool_limit_bytes" "bytes" ["destination"]
        "Largest the spool may be (logs.spool_size): then the oldest entries give way.";
    SPOOL_OLDEST_AGE: Gauge "spyhop_logs_spool_oldest_age_seconds" "seconds" ["destination"]
        "How long the oldest in the spool has been there; absent while it is empty.";
    SPOOL_ERRORS: Counter "spyhop_logs_spool_errors_total" "" ["destination"]
        "Errors of the disk under the spool.";
}
