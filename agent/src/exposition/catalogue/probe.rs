//! `spyhop_probe_*`, and beside them blackbox_exporter's `probe_*`: what was asked of targets, and what they answered.

super::families! { Probes;
    SUCCESS: Gauge "spyhop_probe_success" "" []
        "1 when the last probe of the target succeeded, else 0; absent while it is out of reach and before it was first probed.";
    ATTEMPTS: Counter "spyhop_probe_attempts_total" "" []
        "Probes of the target at its interval, without those every second after a first failure; 0 from the moment it is declared.";
    FAILURES: Counter "spyhop_probe_failures_total" "" []
        "Probes of the target that failed.";
    SLOW: Counter "spyhop_probe_slow_total" "" []
        "Probes of the target that succeeded and took longer than the budget of one probe (max_duration).";
    DURATION: Gauge "spyhop_probe_duration_seconds" "seconds" []
        "How long the last probe of the target took, names, connection and greeting included.";
    MAX_DURATION: Gauge "spyhop_probe_max_duration_seconds" "seconds" []
        "Budget of one probe (max_duration); absent without one.";
    FAILURE: Gauge "spyhop_probe_failure" "" ["reason"]
        "1 while the last probe of the target failed, with the reason in one word; docs/probes.md says what each means.";
    INTERVAL: Gauge "spyhop_probe_interval_seconds" "seconds" []
        "Time between two probes of the target while it answers.";
    LAST_RUN: Gauge "spyhop_probe_last_run_timestamp_seconds" "seconds" []
        "When the last probe of the target ended, in Unix seconds.";
    REACHABLE: Gauge "spyhop_probe_reachable" "" ["reason"]
        "1 when the agent has a way to the target, else 0 with the reason. It says nothing of the target: nobody was asked.";
    CERTIFICATE_NOT_AFTER: Gauge "spyhop_probe_certificate_not_after_timestamp_seconds" "seconds" []
        "When the certificate ends that the target showed last, in Unix seconds; kept while the target does not answer.";
    CERTIFICATE_NOT_BEFORE: Gauge "spyhop_probe_certificate_not_before_timestamp_seconds" "seconds" []
        "When that certificate begins, in Unix seconds; kept while the target does not answer.";
    CERTIFICATE_CHAIN_NOT_AFTER: Gauge "spyhop_probe_certificate_chain_not_after_timestamp_seconds" "seconds" []
        "When the first certificate of the chain ends that the target showed last, in Unix seconds; kept while the target does not answer.";
    CERTIFICATE_VALID: Gauge "spyhop_probe_certificate_valid" "" ["check"]
        "1 when the certificate shown last passes, else 0, each by itself: chain (it leads to a root that is trusted), names (it has every name that is asked for), time (it has begun and not ended).";
    TLS_HANDSHAKE: Gauge "spyhop_probe_tls_handshake_seconds" "seconds" []
        "How long the last TLS greeting of the target took.";
    AUTHENTICATION_ENFORCED: Gauge "spyhop_probe_authentication_enforced" "" []
        "1 when the target refused the request without credentials, 0 when it answered it; for probes with unauthorized only.";
    OUTAGE: Histogram "spyhop_probe_outage_duration_seconds" "seconds" []
        "Outages of the service that are over, from the first failed probe of a target that had answered before to the next that succeeded.";
    REFUSED: Counter "spyhop_probes_refused_total" "" ["reason"]
        "Probes left out by a ceiling: declared (more than are kept), run (no place was free for a whole interval).";
    BLACKBOX_SUCCESS: Gauge "probe_success" "" []
        "The same as spyhop_probe_success.";
    BLACKBOX_DURATION: Gauge "probe_duration_seconds" "seconds" []
        "The same as spyhop_probe_duration_seconds.";
    BLACKBOX_DNS: Gauge "probe_dns_lookup_time_seconds" "seconds" []
        "How long the last look-up of the target's name took; 0 for an address.";
    BLACKBOX_IP_PROTOCOL: Gauge "probe_ip_protocol" "" []
        "4 or 6: over which the target was last connected to.";
    BLACKBOX_HTTP_STATUS: Gauge "probe_http_status_code" "" []
        "Status of the last answer; 0 when the last probe had none.";
    BLACKBOX_HTTP_DURATION: Gauge "probe_http_duration_seconds" "seconds" ["phase"]
        "Time of the last probe by phase: resolve, connect, tls, processing (until the answer's head), transfer (its body).";
    BLACKBOX_HTTP_VERSION: Gauge "probe_http_version" "" []
        "Version of HTTP in the last answer.";
    BLACKBOX_HTTP_SSL: Gauge "probe_http_ssl" "" []
        "1 when the last answer came over TLS, else 0.";
    BLACKBOX_HTTP_REDIRECTS: Gauge "probe_http_redirects" "" []
        "Always 0: redirects are not followed.";
    BLACKBOX_HTTP_CONTENT_LENGTH: Gauge "probe_http_content_length" "" []
        "Length that the last answer announced, in bytes; -1 when it announced none.";
    BLACKBOX_HTTP_BODY_LENGTH: Gauge "probe_http_uncompressed_body_length" "" []
        "Bytes of the last answer's body that were read.";
    BLACKBOX_FAILED_BY_REGEX: Gauge "probe_failed_due_to_regex" "" []
        "1 when the last probe failed by a pattern for the body, else 0.";
    BLACKBOX_CERT_EXPIRY: Gauge "probe_ssl_earliest_cert_expiry" "" []
        "The same as spyhop_probe_certificate_chain_not_after_timestamp_seconds.";
    BLACKBOX_CHAIN_EXPIRY: Gauge "probe_ssl_last_chain_expiry_timestamp_seconds" "seconds" []
        "The same, while the chain leads to a root that is trusted.";
    BLACKBOX_CHAIN_INFO: Info "probe_ssl_last_chain_info" "" ["fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber"]
        "Constant 1 with what the certificate says of itself that the target showed last.";
    BLACKBOX_TLS_VERSION: Info "probe_tls_version_info" "" ["version"]
        "Constant 1 with the version of TLS that was last spoken.";
}
