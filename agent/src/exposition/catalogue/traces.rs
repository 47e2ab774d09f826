//! `spyhop_otlp_*`, `spyhop_lifecycle_*`, and metrics from spans under the names which Tempo and the collector give them.

super::families! { Traces;
    REQUESTS: Counter "spyhop_otlp_requests_total" "" ["signal", "transport", "code"]
        "OTLP requests answered, by the code of gRPC, or the one which the status of HTTP stands for.";
    RECEIVED_BYTES: Counter "spyhop_otlp_received_bytes_total" "" ["signal", "transport"]
        "Bytes of those requests as they came, compressed ones before decompression.";
    CONNECTIONS: Gauge "spyhop_otlp_connections" "" ["transport"]
        "Connections to the receivers that are open.";
    REFUSED: Counter "spyhop_otlp_refused_total" "" ["reason"]
        "Connections and requests that the receivers themselves refused, by reason.";
    RECORDS: Counter "spyhop_otlp_records_total" "" ["signal", "outcome"]
        "Spans, data points and log records by outcome: accepted, invalid (no valid ids), dropped (traces.drop), sampled_out (with traces.keep_errors after they were accepted), lost (accepted, and found no room in a queue).";
    ATTRIBUTED: Counter "spyhop_otlp_attributed_total" "" ["signal", "rule"]
        "Resources whose container was found, by the rule that found it.";
    UNATTRIBUTED: Counter "spyhop_otlp_unattributed_total" "" ["signal", "reason"]
        "Resources whose container is not known, by reason; they are sent on as they came.";
    DESTINATION_REQUESTS: Counter "spyhop_otlp_destination_requests_total" "" ["destination", "signal", "outcome"]
        "Requests to the destination by how they ended; one that is sent again counts each time.";
    DESTINATION_RECORDS: Counter "spyhop_otlp_destination_records_total" "" ["destination", "signal", "outcome"]
        "Spans, data points and log records by what the destination said of them: sent, rejected.";
    LOST: Counter "spyhop_otlp_destination_lost_records_total" "" ["destination", "signal", "reason"]
        "Spans, data points and log records acknowledged to their senders and not by the destination, by reason.";
    QUEUE_BYTES: Gauge "spyhop_otlp_queue_bytes" "bytes" ["destination"]
        "Bytes of requests that wait for the destination, in memory and on disk.";
    QUEUE_LIMIT: Gauge "spyhop_otlp_queue_limit_bytes" "bytes" ["destination"]
        "Bytes that may wait for it: then the oldest give way.";
    QUEUE_OLDEST: Gauge "spyhop_otlp_queue_oldest_timestamp_seconds" "seconds" ["destination"]
        "When the oldest that waits for it was taken, in Unix seconds; absent while nothing does.";
    QUEUE_ERRORS: Counter "spyhop_otlp_queue_errors_total" "" ["destination"]
        "Errors of the disk under its queue.";
    LAST_ACK: Gauge "spyhop_otlp_last_ack_timestamp_seconds" "seconds" ["destination"]
        "When the destination last acknowledged something, in Unix seconds; absent before.";
    UP: Gauge "spyhop_otlp_destination_up" "" ["destination"]
        "0 while something keeps requests back from the destination, which /api/v1/traces has in words, else 1.";
    SAMPLED_TRACES: Counter "spyhop_otlp_sampled_traces_total" "" ["decision"]
        "Traces that waited for a decision (traces.keep_errors), by what it was: error, slow, asked (sampling.priority), drawn by the ratio, dropped.";
    SAMPLED_EARLY: Counter "spyhop_otlp_sampled_early_traces_total" "" []
        "Those of the last two which did not wait for their time, because traces.max_waiting_size was full.";
    LATE_SPANS: Counter "spyhop_otlp_late_spans_total" "" ["outcome"]
        "Spans that came after their trace was decided: sent or dropped.";
    WAITING_BYTES: Gauge "spyhop_otlp_waiting_bytes" "bytes" []
        "Bytes of spans that wait for a decision.";
    WAITING_TRACES: Gauge "spyhop_otlp_waiting_traces" "" []
        "Traces that wait for a decision.";
    LIFECYCLE_TRACES: Counter "spyhop_lifecycle_traces_total" "" ["kind"]
        "Traces made of what containers went through, by kind: start, restart, oom, unhealthy, stop.";
    LIFECYCLE_LOST: Counter "spyhop_lifecycle_lost_total" "" ["reason"]
        "What is missing in them or was not told, by reason.";
    RED_SERIES: Gauge "spyhop_red_series" "" []
        "Sets of labels of metrics from spans, without those of calls between services.";
    RED_OVERFLOW: Counter "spyhop_red_overflow_total" "" []
        "Spans and calls counted in an overflow series, because there was no room for their labels.";
    RED_IGNORED: Counter "spyhop_red_ignored_total" "" ["reason"]
        "Spans that are in no metric, because they ended more than 30 s ago (old) or end more than 30 s from now (future).";
    CALLS: Counter "traces_spanmetrics_calls_total" "" ["service", "span_name", "span_kind", "status_code", "project", "compose_service", "metric_overflow"]
        "Spans, under Tempo's name.";
    LATENCY: Histogram "traces_spanmetrics_latency" "seconds" ["service", "span_name", "span_kind", "status_code", "project", "compose_service", "metric_overflow"]
        "How long spans took, under Tempo's name.";
    SIZE: Counter "traces_spanmetrics_size_total" "bytes" ["service", "span_name", "span_kind", "status_code", "project", "compose_service", "metric_overflow"]
        "Bytes of spans as protobuf, under Tempo's name.";
    CONNECTOR_CALLS: Counter "traces_span_metrics_calls_total" "" ["service_name", "span_name", "span_kind", "status_code", "project", "compose_service", "otel_metric_overflow"]
        "Spans, under the name of the collector's spanmetrics connector.";
    CONNECTOR_DURATION: Histogram "traces_span_metrics_duration_milliseconds" "milliseconds" ["service_name", "span_name", "span_kind", "status_code", "project", "compose_service", "otel_metric_overflow"]
        "How long spans took, under the name of the collector's spanmetrics connector.";
    GRAPH_REQUESTS: Counter "traces_service_graph_request_total" "" ["client", "server", "connection_type", "client_project", "server_project", "metric_overflow"]
        "Calls between two services of which both halves were seen.";
    GRAPH_FAILED: Counter "traces_service_graph_request_failed_total" "" ["client", "server", "connection_type", "client_project", "server_project", "metric_overflow"]
        "Those of them in which either half is an error.";
    GRAPH_SERVER: Histogram "traces_service_graph_request_server_seconds" "seconds" ["client", "server", "connection_type", "client_project", "server_project", "metric_overflow"]
        "How long calls took, as the server saw them.";
    GRAPH_CLIENT: Histogram "traces_service_graph_request_client_seconds" "seconds" ["client", "server", "connection_type", "client_project", "server_project", "metric_overflow"]
        "How long calls took, as the client saw them.";
    GRAPH_UNPAIRED: Counter "traces_service_graph_unpaired_spans_total" "" []
        "Spans that are one half of a call, and whose other half did not come within 10 to 20 s.";
    GRAPH_DROPPED: Counter "traces_service_graph_dropped_spans_total" "" []
        "Spans that are one half of a call, and for which there was no room to wait for the other.";
}
