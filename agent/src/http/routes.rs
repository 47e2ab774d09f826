//! The routes as data: dispatch, the page's list of links and the table in `docs/api.md` are all made from [`ROUTES`].

/// Everything that is answered. Paths match to the letter.
pub const ROUTES: &[Route] = &[
    route("/", "index", Endpoint::Index, "The host and its containers on one page, for people."),
    route("/style.css", "style", Endpoint::Style, "The style sheet of the page."),
    route("/app.js", "script", Endpoint::Script, "The script of the page."),
    route("/icon.svg", "icon", Endpoint::Icon, "The icon of the page."),
    route(
        "/metrics",
        "metrics",
        Endpoint::Metrics,
        "All metrics as OpenMetrics or Prometheus text; `collect[]=GROUP` (several times) asks for some groups only.",
    ),
    route("/health", "health", Endpoint::Health, "How the agent is, as JSON; status 200 whatever it says."),
    route("/health/live", "live", Endpoint::Live, "200 while the agent can answer a scrape, else 503."),
    route("/health/ready", "ready", Endpoint::Ready, "200 once the first inventory is complete, 503 before."),
    route(
        "/api/v1/containers",
        "containers",
        Endpoint::Containers,
        "Containers of every state; `project=NAME` and `service=NAME` ask for some only.",
    ),
    route(
        "/api/v1/services",
        "services",
        Endpoint::Services,
        "Expected services with their replicas and counters; `project=NAME` and `service=NAME` ask for some only.",
    ),
    route(
        "/api/v1/logs",
        "logs",
        Endpoint::Logs,
        "Where logs go, how far each service is, and what was left out; `project=NAME` and `service=NAME` ask for some services only.",
    ),
    route(
        "/api/v1/probes",
        "probes",
        Endpoint::Probes,
        "What is asked of containers and of targets elsewhere, and what came of it; `project=NAME` and `service=NAME` ask for some only.",
    ),
    route(
        "/api/v1/findings",
        "findings",
        Endpoint::Findings,
        "What is not as the policy or good practice wants it, and what could not be looked at; `project=NAME` and `service=NAME` ask for some only.",
    ),
    route(
        "/api/v1/isolation",
        "isolation",
        Endpoint::Isolation,
        "Who reaches whom and should not, with coverage, the matrix of flows, and who was seen with whom; `project=NAME` and `service=NAME` ask for some only.",
    ),
    route(
        "/api/v1/traces",
        "traces",
        Endpoint::Traces,
        "What is taken and sent as OTLP, whose it is, and which service calls which; `project=NAME` and `service=NAME` ask for some only.",
    ),
    route(
        "/api/v1/history",
        "history",
        Endpoint::History,
        "The last hour of the host and of running containers, a point a minute; `project=NAME` and `service=NAME` ask for some only.",
    ),
    route(
        "/api/v1/objectives",
        "objectives",
        Endpoint::Objectives,
        "What is left of the budget of each objective by what this agent has seen; `project=NAME` and `service=NAME` ask for some only.",
    ),
    Route {
        path: "/api/v1/live",
        name: "page_live",
        about: "What changes on the page, as server-sent events.",
        methods: &["GET"],
        endpoint: Endpoint::Streamed,
    },
    route("/api/v1/version", "version", Endpoint::Version, "Version of the agent and of the engine."),
    route(
        "/sd",
        "sd",
        Endpoint::Discovery,
        "Prometheus HTTP service discovery of the metrics endpoints which containers declare; `mode=proxy` or `mode=direct`, `project=NAME` and `service=NAME` ask for some only.",
    ),
    Route {
        path: "/proxy/<project>/<service>/<n>",
        name: "proxy",
        about: "Fetches one of those endpoints, for a Prometheus that does not reach it.",
        methods: &["GET"],
        endpoint: Endpoint::Proxy,
    },
];

/// Everything below is the endpoint's to understand.
const PROXY: &str = "/proxy/";

/// The methods of almost every route: nothing here changes anything.
pub const METHODS: &[&str] = &["GET", "HEAD"];

/// The `route` label of requests for what is not in the table.
pub(super) const OTHER: &str = "other";

/// One line of the table.
#[derive(Debug)]
pub struct Route {
    /// Path, without query.
    pub path: &'static str,
    /// Name: the `route` label of `spyhop_http_requests_total`.
    pub name: &'static str,
    /// What is answered, in one sentence.
    pub about: &'static str,
    /// Methods which are answered; all others get 405.
    pub methods: &'static [&'static str],
    pub(super) endpoint: Endpoint,
}

impl Route {
    /// Whether its answer has no end.
    pub fn is_endless(&self) -> bool {
        self.endpoint == Endpoint::Streamed
    }

    /// Whether the path is a pattern rather than an address.
    pub fn is_pattern(&self) -> bool {
        self.path.contains('<')
    }

    /// Its methods as the `Allow` header says them.
    pub(super) fn allow(&self) -> String {
        self.methods.join(", ")
    }
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Index,
    Style,
    Script,
    Icon,
    Streamed,
    Metrics,
    Health,
    Live,
    Ready,
    Containers,
    Services,
    Logs,
    Probes,
    Findings,
    Isolation,
    Traces,
    History,
    Objectives,
    Version,
    Discovery,
    Proxy,
}

const fn route(path: &'static str, name: &'static str, endpoint: Endpoint, about: &'static str) -> Route {
    Route { path, name, about, methods: METHODS, endpoint }
}

impl Endpoint {
    /// Whether anybody is answered: what an orchestrator or a load balancer has to know, and cannot log in for.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Live | Self::Ready)
    }
}

/// The route of a path.
pub(super) fn find(path: &str) -> Option<&'static Route> {
    let proxied = path.starts_with(PROXY);
    ROUTES.iter().find(|route| if route.is_pattern() { proxied } else { route.path == path })
}

/// The table in Markdown, as it stands in `docs/api.md`.
pub fn markdown() -> String {
    let mut table = String::from("| path | answers |\n|---|---|\n");
    for Route { path, about, .. } in ROUTES {
        table.push_str(&format!("| `{path}` | {about} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_sound() {
        let paths: BTreeSet<_> = ROUTES.iter().map(|route| route.path).collect();
        let names: BTreeSet<_> = ROUTES.iter().map(|route| route.name).collect();
        assert_eq!((paths.len(), names.len()), (ROUTES.len(), ROUTES.len()), "paths and names are unique");
        assert!(!names.contains(OTHER));
        for route in ROUTES {
            assert!(route.path.starts_with('/'), "{route:?}");
            assert!(route.path == "/" || !route.path.ends_with('/'), "{route:?}");
            assert!(route.about.ends_with('.') && !route.about.contains('|'), "{route:?}");
        }
        assert_eq!(ROUTES.iter().filter(|route| route.is_pattern()).count(), 1, "one prefix is looked for");
    }

    #[test]
    fn paths_match_to_the_letter() {
        assert_eq!(find("/metrics").map(|route| route.name), Some("metrics"));
        assert_eq!(find("/proxy/a/b/1").map(|route| route.name), Some("proxy"));
        for path in ["", "/metrics/", "//metrics", "/Metrics", "/metric", "/health/live/x", "/%6Detrics", "/proxy", "*"]
        {
            assert!(find(path).is_none(), "{path:?}");
        }
    }
}
