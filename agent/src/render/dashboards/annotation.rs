//! What happened, drawn into every panel: deploys, restarts, kills for want of memory, alerts.

use serde_json::{Value, json};

use super::{board::Board, query::filled, variable::Variable};

/// Name, colour, expression, and what is said of each.
type Event = (&'static str, &'static str, &'static str, &'static str);

const EVENTS: [Event; 4] = [
    // A container that was made anew, with the same image or another: a deploy.
    (
        "Deploys",
        "blue",
        "changes(max by (<id>) (spyhop_container_created_timestamp_seconds{<scope>})[2m:15s]) > 0",
        "{{host}} {{project}}/{{service}}",
    ),
    (
        "Restarts",
        "orange",
        "max by (<id>) (increase(spyhop_service_restarts_total{<scope>}[$__rate_interval])) > 0",
        "{{host}} {{project}}/{{service}}",
    ),
    (
        "OOM kills",
        "red",
        "max by (<id>) (increase(spyhop_service_oom_kills_total{<scope>}[$__rate_interval])) > 0",
        "{{host}} {{project}}/{{service}}",
    ),
    (
        "Alerts",
        "purple",
        "max by (alertname, severity, host, instance, project, service) (ALERTS{<firing>,<alerts>}) > 0",
        "{{alertname}} {{severity}} {{host}}{{instance}} {{project}}/{{service}}",
    ),
];

/// The annotations of a board, of what its variables choose.
pub(super) fn write(board: &Board) -> Value {
    let has = |variable: &str| board.variables.iter().any(|known| known.name() == variable);
    let (scope, alerts) = if has("service") {
        ("<service>", r#"host=~"$host",project=~"$project",service=~"$service""#)
    } else if has("project") {
        ("<project>", r#"host=~"$host|",project=~"$project""#)
    } else if board.variables.contains(&Variable::Instance) {
        // What alerts on a host and its agent are about is their target.
        ("<host>", r#"instance=~"$instance""#)
    } else {
        // Those about a host or an agent have no host, but its address.
        ("<host>", r#"host=~"$host|""#)
    };
    let list = EVENTS.iter().map(|(name, color, expr, text)| {
        let expr = filled(&expr.replace("<scope>", scope).replace("<alerts>", alerts));
        json!({
            "datasource": { "type": "prometheus", "uid": "${datasource}" }, "enable": true, "expr": expr, "hide": false,
            "iconColor": color, "name": name, "step": "60s", "tagKeys": "severity", "textFormat": text, "titleFormat": name,
        })
    });
    json!({ "list": list.collect::<Vec<_>>() })
}
