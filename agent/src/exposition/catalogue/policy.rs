//! What is not as the policy, or good practice, wants it. Names in labels are the policy's, the engine's and ours; at most two hundred series of findings.

super::families! { Policy;
    INFO: Info "spyhop_policy_info" "" ["digest", "tiers", "projects", "exceptions"]
        "The policy in force: the beginning of its SHA-256, empty without one, and how many tiers, projects and exceptions it has.";
    FINDINGS: Gauge "spyhop_findings" "" ["class", "severity"]
        "Findings of each class that is looked for, 0 included. docs/findings.md says what each means.";
    FINDING: Gauge "spyhop_finding" "" ["class", "severity"]
        "Findings of this class in this service, while there are any. Those of the host itself have no project and service.";
    FINDINGS_LEFT_OUT: Gauge "spyhop_findings_left_out" "" []
        "Services and classes of findings without a series of their own, because there are too many; spyhop_findings counts all.";
    FINDINGS_EXCEPTED: Gauge "spyhop_findings_excepted" "" []
        "Findings that an exception of the policy covers; they are in no other series.";
    NOT_CHECKED: Gauge "spyhop_checks_not_possible" "" []
        "Checks that could not be made. /api/v1/findings says which, and why.";
    COVERAGE: Gauge "spyhop_checks_coverage_ratio" "ratio" []
        "Checks that could be made, of all there were to make.";
    TIER: Info "spyhop_service_tier_info" "" ["tier", "severity"]
        "The tier of each service that has one, to join with: group_left(tier, severity) on (host, project, service).";
}
