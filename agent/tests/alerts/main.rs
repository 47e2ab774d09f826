//! The rule files in `alerts/` name only metrics that exist, point at runbook sections that exist, and fire when they should.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod rendered;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use spyhop::exposition::catalogue;

/// Series Prometheus itself makes for each target.
const MADE_BY_PROMETHEUS: &[&str] = &["up"];

#[test]
fn every_metric_in_a_rule_is_in_the_catalogue() {
    let known: BTreeSet<&str> = catalogue::all().map(|family| family.name).collect();
    for file in rule_files() {
        for expression in expressions(&fs::read_to_string(&file).unwrap()) {
            let metrics = metrics_of(&expression);
            assert!(!metrics.is_empty(), "{}: no metric found in `{expression}`", file.display());
            for metric in metrics {
                let exists = known.contains(metric.as_str()) || MADE_BY_PROMETHEUS.contains(&metric.as_str());
                assert!(exists, "{}: `{metric}` is not in the catalogue", file.display());
            }
        }
    }
}

#[test]
fn every_alert_has_its_runbook_section() {
    for file in rule_files() {
        let text = fs::read_to_string(&file).unwrap();
        let alerts: Vec<&str> = values(&text, "- alert:").collect();
        let runbooks: Vec<&str> = values(&text, "runbook_url:").collect();
        assert_eq!(alerts.len(), runbooks.len(), "{}: an alert without a runbook", file.display());
        for (alert, url) in alerts.iter().zip(runbooks) {
            let (page, anchor) = url.split_once('#').expect("a runbook has a section");
            assert_eq!(anchor, alert.to_lowercase(), "{}: {alert} points elsewhere", file.display());
            let page = fs::read_to_string(root().join(page)).unwrap();
            assert!(page.contains(&format!("\n## {alert}\n")), "{alert}: its runbook has no such section");
        }
    }
}

#[test]
fn rules_pass_their_own_tests() {
    if Command::new(program()).arg("--version").output().is_err() {
        assert!(std::env::var_os("SPYHOP_REQUIRE_ENGINE").is_none(), "promtool is required here and was not found");
        println!("skipped: promtool is not installed (compose/lab/prometheus.sh installs it)");
        return;
    }
    for file in rule_files() {
        promtool(&["check", "rules"], &file);
        promtool(&["test", "rules"], &root().join("alerts/tests").join(file.file_name().unwrap()));
    }
}

/// `make test` names the one it has set up.
fn program() -> OsString {
    std::env::var_os("SPYHOP_PROMTOOL").unwrap_or_else(|| "promtool".into())
}

fn promtool(arguments: &[&str], file: &Path) {
    let output = Command::new(program()).args(arguments).arg(file).output().unwrap();
    assert!(
        output.status.success(),
        "promtool {arguments:?} {}:\n{}{}",
        file.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rule_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("alerts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        // Not rules: the configuration of Alertmanager, and which drill proves which alert.
        .filter(|path| !path.ends_with("alertmanager.yml") && !path.ends_with("drills.yml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no rule files in alerts/");
    files
}

fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| line.trim().strip_prefix(key)).map(str::trim)
}

/// The text of every `expr:`, one line or block.
fn expressions(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(rest) = line.trim_start().strip_prefix("expr:") else { continue };
        let indent = line.len() - line.trim_start().len();
        let block = lines[at + 1..].iter().take_while(|next| next.len() - next.trim_start().len() > indent);
        found.push(match rest.trim() {
            "|" => block.map(|next| next.trim()).collect::<Vec<_>>().join(" "),
            inline => inline.to_owned(),
        });
    }
    found
}

/// Words in front of a brace, a bracket, a space or the end which look like metric names: `up`, or anything with an underscore.
fn metrics_of(expression: &str) -> Vec<String> {
    let mut outside = String::new();
    let mut depth = 0;
    for c in expression.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            c if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    outside
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("spyhop_") || *word == "up")
        .map(str::to_owned)
        .collect()
}
