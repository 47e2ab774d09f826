//! Who reaches whom and should not. A project has at most ten series of classes, two hundred of findings, ten of edges, three of coverage, and one a
//! service that tried in vain.

super::families! { Isolation;
    VIOLATIONS: Gauge "spyhop_isolation_violations" "" ["project", "class"]
        "Findings of each class that stand in a project, 0 included; waived ones are left out. excess_reachability is a count and no violation.";
    VIOLATION: Gauge "spyhop_isolation_violation" "" ["project", "class", "src", "dst", "port"]
        "1 while a finding stands; findings with the same labels are one series, and port is other where one pair has more than sixteen. At most 200 a project, without excess_reachability.";
    TRUNCATED: Gauge "spyhop_isolation_violations_truncated" "" ["project"]
        "1 while not every finding of a project has a series, or stands in /api/v1/isolation; spyhop_isolation_violations counts all.";
    EDGES: Gauge "spyhop_isolation_edges" "" ["project", "expected", "observed"]
        "Ways from a service to a port of another one, by what flows of the policy say and what is known: used within an hour, open or closed to the last probe, not tried, not to be tried. Absent where flows are not judged.";
    COVERAGE: Gauge "spyhop_isolation_coverage_ratio" "ratio" ["project", "mode"]
        "How much of what there is a tier has looked at: containers described, services whose sockets were read, edges that gave an answer. /api/v1/isolation says what is missing, and why.";
    LAST_SWEEP: Gauge "spyhop_isolation_last_sweep_timestamp_seconds" "seconds" ["mode"]
        "When a tier looked last. The static one looks when something changes, not once an interval.";
    SWEEP_DURATION: Gauge "spyhop_isolation_sweep_duration_seconds" "seconds" ["mode"]
        "How long the last look of a tier took.";
    PROBES: Counter "spyhop_isolation_probes_total" "" ["result"]
        "Connections tried by the active tier since the agent started, by what became of them.";
    POLICY: Info "spyhop_isolation_policy_info" "" ["project", "hash"]
        "What is wanted of a project: the beginning of the SHA-256 of all that the policy, with the profiles in force, says of its isolation.";
    DENIED: Counter "spyhop_isolation_denied_attempts_total" "" ["project", "src"]
        "Connections which a service began, which the policy does not name and nobody answered, as sweeps have seen them since the agent started.";
}
