//! What is not as the policy, or good practice, wants it. Names in labels are the policy's, the engine's and ours; at most two hundred findings.

super::families! { Policy;
    INFO: Info "spyhop_policy_info" "" ["tiers", "projects", "exceptions"]
        "The policy in force: how many tiers, projects and exceptions it has. All are 0 without a policy file.";
    FINDINGS: Gauge "spyhop_findings" "" ["class", "severity"]
        "Findings of each class that is looked for, 0 included. docs/findings.md says what each means.";
    FINDING: Gauge "spyhop_finding" "" ["class", "severity", "subject"]
        "1 for each finding, while it lasts. Findings of the host itself have no project and service.";
    FINDINGS_LEFT_OUT: Gauge "spyhop_findings_left_out" "" []
        "Findings without a series of their own, because there are too many; they are counted in spyhop_findings.";
    FINDINGS_EXCEPTED: Gauge "spyhop_findings_excepted" "" []
        "Findings that an exception of the policy covers; they are in no other series.";
    COVERAGE: Gauge "spyhop_checks_coverage_ratio" "ratio" []
        "Looks that could be taken, of all there were to take. /api/v1/findings says what could not be seen, and why.";
    TIER: Info "spyhop_service_tier_info" "" ["tier", "severity"]
        "The tier of each service that has one, to join with: group_left(tier, severity) on (host, project, service).";
}
