//! A page with everything that boards ask of exporters and applications by name: none of these can be had in the lab, but their names can.
//!
//! The page is written by a shell inside of a container that declares it, so that it takes the way which applications' pages take.

use std::fmt::Write as _;

use crate::{
    names::Catalogue,
    support::{
        container::{Role, Running},
        docker::Docker,
    },
};

/// What a label is on the page; several values are several series.
fn values(label: &str) -> &'static [&'static str] {
    match label {
        "code" | "status_code" => &["200", "500"],
        "method" => &["GET"],
        "state" => &["active", "idle"],
        "tls_version" => &["1.3"],
        "role" => &["master"],
        "cmd" => &["get", "set"],
        "db" => &["db0"],
        "result" => &["ok"],
        _ => &["one"],
    }
}

/// The page with `@` where a number grows with the time.
fn page() -> String {
    let mut page = String::new();
    for (name, kind, labels) in Catalogue::foreign() {
        // Labels that only exist because the target has one of the name already.
        let labels: Vec<&str> = labels.into_iter().filter(|label| !label.starts_with("exported_")).collect();
        writeln!(page, "# TYPE {name} {kind}").unwrap();
        for series in series(&labels) {
            let with = |more: &str| match [series.as_str(), more]
                .iter()
                .filter(|part| !part.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join(",")
            {
                labels if labels.is_empty() => labels,
                labels => format!("{{{labels}}}"),
            };
            match kind {
                "histogram" => {
                    for le in ["0.1", "1", "+Inf"] {
                        writeln!(page, "{name}_bucket{} @", with(&format!("le=\"{le}\""))).unwrap();
                    }
                    writeln!(page, "{name}_sum{} @\n{name}_count{} @", with(""), with("")).unwrap();
                }
                "counter" => writeln!(page, "{name}{} @", with("")).unwrap(),
                _ => writeln!(page, "{name}{} 1", with("")).unwrap(),
            }
        }
    }
    page
}

/// Every combination of labels' values.
fn series(labels: &[&str]) -> Vec<String> {
    let mut all = vec![String::new()];
    for label in labels {
        let with = |before: &String| {
            let comma = if before.is_empty() { "" } else { "," };
            values(label).iter().map(|value| format!("{before}{comma}{label}=\"{value}\"")).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// What it does beside that, each for ever: it tells the agent of statements of SQL, and knocks where nobody is and no flow of the policy leads.
fn beside(otlp: u16) -> String {
    let span = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"exporters"}}]},"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"SELECT orders","kind":3,"startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d020000000","attributes":[{"key":"db.system.name","value":{"stringValue":"postgresql"}}]}]}]}]}"#;
    format!(
        "(while sleep 1; do now=$(date +%s); printf '{span}' $now $now $now $now >/span; \
         wget -q -O /dev/null --header 'Content-Type: application/json' --post-file /span \
         http://host.docker.internal:{otlp}/v1/traces; done) & \
         own=$(hostname -i); (while :; do nc -w 9 ${{own%.*}}.254 81 </dev/null; sleep 1; done) & "
    )
}

/// A container of a project that serves the page.
pub(crate) fn start(docker: &Docker, project: &str, otlp: u16) -> Running {
    let script = beside(otlp)
        + &format!(
            "mkdir -p /www/cgi-bin; cat > /page <<'PAGE'\n{}PAGE\n\
         printf '#!/bin/sh\\nprintf \"Content-Type: text/plain; version=0.0.4\\\\r\\\\n\\\\r\\\\n\"\\nbusybox sed \"s/@$/$(busybox date +%%s)/\" /page\\n' \
         > /www/cgi-bin/metrics; chmod +x /www/cgi-bin/metrics; exec httpd -f -p 8080 -h /www",
            page()
        );
    let recipe = docker.container("exporters").compose(project, "exporters", 1).label("spyhop.metrics.port", "8080");
    let recipe = recipe.options(&["--add-host", "host.docker.internal:host-gateway"]);
    recipe.label("spyhop.metrics.path", "/cgi-bin/metrics").role(Role::Script(script)).start()
}
