//! The promises, as numbers. A figure which is not here is printed and not judged.

/// The most a figure may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Key of the figure.
    pub(crate) key: &'static str,
    /// What is measured, for the table.
    pub(crate) what: &'static str,
    /// Most allowed.
    pub(crate) most: f64,
    /// Unit of both.
    pub(crate) unit: &'static str,
}

const fn budget(key: &'static str, what: &'static str, most: f64, unit: &'static str) -> Budget {
    Budget { key, what, most, unit }
}

/// Every promise of this version.
pub(crate) const BUDGETS: &[Budget] = &[
    budget("scrape_100", "CPU of one scrape, 100 real containers, uncompressed", 3.0, "ms"),
    budget("ratio_100", "the same beside bare reads of the same files", 1.5, "x"),
    budget("scrape_1000_v1", "CPU of one scrape, 1,000 synthetic containers, cgroup v1", 30.0, "ms"),
    budget("scrape_1000_v2", "CPU of one scrape, 1,000 synthetic containers, cgroup v2", 30.0, "ms"),
    budget("idle", "CPU at 100 containers, scraped every 15 s", 0.2, "% of a core"),
    budget("rss_start", "resident memory at 100 containers, after the first scrape", 15.0, "MiB"),
    budget("rss_scrapes", "resident memory at 100 containers, after all scrapes", 15.0, "MiB"),
    budget("rss_scrapes_growth", "growth over the second half of the scrapes", 0.5, "MiB"),
    budget("rss_lifecycles", "resident memory after all container lifecycles", 15.0, "MiB"),
    budget("rss_lifecycles_growth", "growth over the second half of the lifecycles", 0.5, "MiB"),
    budget(
        "logs_cost",
        "CPU of a MiB of logs, json-file to push, recognised and redacted (200 MiB/s a core)",
        5.0,
        "ms",
    ),
    budget("logs_idle", "CPU of reading 100 containers that write nothing", 0.1, "% of a core"),
    budget("logs_rss_idle", "resident memory meanwhile", 15.0, "MiB"),
    budget("logs_rss_load", "resident memory at 10 MiB/s from 100 containers, at most", 30.0, "MiB"),
    budget("logs_rss_after", "resident memory 60 s later", 20.0, "MiB"),
    budget("probes", "CPU of 500 probes at 15 s, 100 containers with five each", 1.0, "% of a core"),
    budget("sweep_ratio", "CPU of a sweep of 50 containers, all changed, beside bare reads of tcp and tcp6", 1.2, "x"),
    budget("sweep_diag", "the same sweep with sock_diag", 50.0, "ms"),
    budget(
        "active",
        "a round of the active tier, 400 denied edges between ten containers on five networks, at most",
        2.0,
        "s",
    ),
    budget(
        "traces_cost",
        "CPU of 1,000,000 spans, receive, attribute, RED, queue, forward (500,000 spans/s a core)",
        2.0,
        "s",
    ),
    budget("traces_cpu", "CPU at 10,000 spans/s, compressed", 10.0, "% of a core"),
    budget("traces_rss", "resident memory meanwhile, at most", 60.0, "MiB"),
    budget("size", "binary", 12.0, "MiB"),
    budget("first_scrape", "start to first complete scrape, 100 containers", 200.0, "ms"),
];

/// The budget of a figure.
pub(crate) fn of(key: &str) -> Option<&'static Budget> {
    BUDGETS.iter().find(|budget| budget.key == key)
}
