//! One mistake at a time, planted in boards that have none: exactly the rule that is meant for it complains.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    lint::{CHECKS, Fleet, UIDS},
    model::{File, shipped},
    names::Catalogue,
};

/// All boards of the product, each a copy of the sample.
fn fleet() -> Vec<File> {
    let sample: Value = serde_json::from_str(include_str!("sample.json")).unwrap();
    let copy = |uid: &&str| {
        let name = uid.trim_start_matches("spyhop-");
        let mut json = sample.clone();
        json["uid"] = json!(uid);
        json["title"] = json!(format!("spyhop / {name}"));
        File::new(&format!("{name}.json"), json)
    };
    UIDS.iter().map(copy).collect()
}

/// Names of the rules that complain, and of what.
fn complaints(files: &[File], catalogue: &Catalogue) -> (BTreeSet<&'static str>, Vec<String>) {
    let fleet = Fleet { files, catalogue, first_alone: true };
    let found = CHECKS.iter().map(|(name, check)| (*name, check(&fleet)));
    let found: Vec<_> = found.filter(|(_, wrong)| !wrong.is_empty()).collect();
    (found.iter().map(|(name, _)| *name).collect(), found.into_iter().flat_map(|(_, wrong)| wrong).collect())
}

#[test]
fn the_sample_has_no_mistake() {
    let (names, wrong) = complaints(&fleet(), &Catalogue::whole());
    assert!(names.is_empty(), "{names:?}\n{}", wrong.join("\n"));
}

/// A change of the first board, by a path into it.
enum Change {
    /// What stands at a path becomes this.
    Set(&'static str, Value),
    /// It goes.
    Take(&'static str),
    /// In the text at a path the first becomes the second.
    Write(&'static str, &'static str, &'static str),
}
use Change::{Set, Take, Write};

const FIRST: &str = "/panels/0/targets/0/expr";
const RATE: &str = "/panels/1/targets/0/expr";
const JOINED: &str = "/panels/2/targets/0/expr";
const LINES: &str = "/panels/4/targets/0/expr";
const VOLUME: &str = "/panels/5/targets/0/expr";

/// Each mistake and the rule that must see it, and no other.
#[expect(clippy::too_many_lines, reason = "a list")]
fn mistakes() -> Vec<(&'static str, Change)> {
    let source = |kind: &str, uid: &str| json!({ "type": kind, "uid": uid });
    let within = "job=~\"$job\",host=~\"$host\",project=~\"$project\",service=~\"$service\"";
    let tier = json!({
        "type": "query", "name": "tier", "label": "Tier", "refresh": 2, "multi": true, "includeAll": true, "allValue": ".*",
        "datasource": source("prometheus", "${datasource}"), "query": format!("label_values(spyhop_service_tier_info{{{within}}}, tier)"),
    });
    vec![
        ("schema", Set("/liveNwo", json!(true))),
        ("schema", Set("/id", json!(7))),
        ("schema", Set("/panels/0/fieldConfig/defaults/noValeu", json!("0"))),
        ("schema", Set("/panels/0/type", json!(3))),
        ("schema", Take("/editable")),
        ("schema", Set("/elements", json!({}))),
        ("schema", Set("/panels/0/datasource", json!("Prometheus"))),
        ("schema", Write("/description", "mistakes", "${DS_PROMETHEUS}")),
        ("identity", Set("/title", json!("spyhop / service"))),
        ("identity", Set("/title", json!("Overview"))),
        ("identity", Set("/refresh", json!("5s"))),
        ("identity", Set("/schemaVersion", json!(36))),
        ("identity", Set("/tags", json!([]))),
        ("uneditable-dashboard", Set("/editable", json!(true))),
        ("layout", Set("/panels/1/gridPos/x", json!(5))),
        ("layout", Set("/panels/2/gridPos/w", json!(10))),
        ("layout", Set("/panels/1/id", json!(1))),
        ("layout", Set("/panels/3/collapsed", json!(true))),
        ("layout", Set("/panels/6/gridPos/y", json!(0))),
        ("panel-types", Set("/panels/1/type", json!("graph"))),
        ("panel-types", Set("/panels/0/options/colourMode", json!("value"))),
        ("panel-types", Set("/panels/0/fieldConfig/defaults/thresholds/steps/0/value", json!(2))),
        ("template-datasource-rule", Set("/templating/list/0/label", json!("Prometheus"))),
        ("template-datasource-rule", Set("/templating/list/1/multi", json!(true))),
        ("template-job-rule", Set("/templating/list/2/allValue", json!(".*"))),
        ("template-job-rule", Set("/templating/list/2/multi", json!(false))),
        ("template-instance-rule", Set("/templating/list/3/label", json!("Machine"))),
        ("template-instance-rule", Set("/templating/list/5/allValue", json!(".+"))),
        ("template-label-promql-rule", Write("/templating/list/4/query", "label_values(", "label_value(")),
        ("template-label-promql-rule", Write("/templating/list/4/query", "\"$host\"}", "\"$host\"")),
        ("template-on-time-change-reload-rule", Set("/templating/list/3/refresh", json!(1))),
        ("template-chain", Write("/templating/list/6/query", ",project=~\"$project\"", "")),
        ("template-use", Set("/templating/list/7", tier)),
        ("panel-datasource-rule", Set("/panels/4/targets/0/datasource", source("loki", "spyhop-loki"))),
        ("panel-datasource-rule", Set("/panels/0/datasource", source("prometheus", "${prometheus}"))),
        ("panel-datasource-rule", Set("/annotations/list/1/datasource", source("prometheus", "spyhop-prometheus"))),
        ("panel-title-description-rule", Set("/panels/0/title", json!(""))),
        ("panel-title-description-rule", Take("/panels/0/description")),
        ("panel-units-rule", Take("/panels/0/fieldConfig/defaults/unit")),
        ("panel-units-rule", Set("/panels/0/fieldConfig/defaults/unit", json!("pieces"))),
        ("units-fit", Set("/panels/1/fieldConfig/defaults/unit", json!("bytes"))),
        ("panel-no-targets-rule", Set("/panels/0/targets", json!([]))),
        (
            "panel-no-targets-rule",
            Set(
                "/panels/3/targets",
                json!([{ "refId": "A", "datasource": source("prometheus", "${datasource}"), "expr": "vector(1)" }]),
            ),
        ),
        ("panel-no-value", Take("/panels/0/fieldConfig/defaults/noValue")),
        ("panel-no-value", Set("/panels/1/fieldConfig/defaults/noValue", json!("No data"))),
        ("panel-emptiness", Write("/panels/1/description", "Empty when healthy.", "Empty now and then.")),
        ("panel-emptiness", Write("/panels/4/description", "without logs", "without luck")),
        ("target-promql-rule", Write(FIRST, "> 0)", "> 0")),
        ("target-promql-rule", Write(RATE, "rate(", "rat(")),
        ("target-promql-rule", Write(FIRST, "$service", "$servcie")),
        ("target-rate-interval-rule", Write(RATE, "$__rate_interval", "5m")),
        ("target-job-rule", Write(FIRST, "job=~\"$job\",", "")),
        ("target-job-rule", Write(FIRST, "job=~\"$job\"", "job=\"$job\"")),
        ("target-instance-rule", Write(FIRST, "host=~\"$host\",", "")),
        ("target-instance-rule", Write(JOINED, ",host=~\"$host\"", "")),
        (
            "target-counter-agg-rule",
            Write(
                RATE,
                "rate(container_network_receive_bytes_total{job=~\"$job\",instance=~\"$instance\"}[$__rate_interval])",
                "container_network_receive_errors_total{job=~\"$job\",instance=~\"$instance\"}",
            ),
        ),
        (
            "target-counter-agg-rule",
            Write(RATE, "container_network_receive_bytes_total", "container_memory_working_set_bytes"),
        ),
        ("known-metrics", Write(FIRST, "spyhop_service_replicas_expected", "spyhop_service_replica_expected")),
        (
            "known-metrics",
            Write("/templating/list/6/query", "spyhop_service_replicas_expected", "spyhop_services_replicas_expected"),
        ),
        (
            "known-metrics",
            Write("/annotations/list/2/expr", "spyhop_service_restarts_total", "spyhop_services_restarts_total"),
        ),
        ("known-labels", Write(FIRST, "project=~", "projetc=~")),
        ("known-labels", Write(JOINED, "on (job, instance, name)", "on (job, instance, nam)")),
        ("known-labels", Write("/templating/list/6/query", "}, service)", "}, servcie)")),
        ("known-legends", Set("/panels/1/targets/0/legendFormat", json!("{{nmae}}"))),
        ("known-legends", Set("/panels/5/targets/0/legendFormat", json!("{{level}}"))),
        ("target-logql-rule", Write(LINES, "\"}", "\"")),
        ("target-logql-rule", Write(LINES, "host=~\"$host\"", "stream=\"stdout\"")),
        ("target-logql-auto-rule", Write(VOLUME, "$__auto", "$__interval")),
        ("known-log-labels", Write(LINES, "service=~", "container=~")),
        ("known-log-labels", Write(LINES, "detected_level", "level")),
        ("links", Write("/panels/2/fieldConfig/defaults/links/0/url", "/d/spyhop-service", "/d/spyhop-services")),
        ("links", Write("/panels/2/fieldConfig/defaults/links/0/url", "var-service", "var-servcie")),
        ("links", Write("/panels/2/fieldConfig/defaults/links/0/url", "&${__url_time_range}", "")),
        ("links", Write("/panels/6/options/content", "/d/spyhop-service", "https://example.com")),
        ("links", Set("/links", json!([]))),
        ("annotations", Take("/annotations/list/1")),
        ("annotations", Set("/annotations/list/1/titleFormat", json!(""))),
    ]
}

fn plant(json: &mut Value, change: &Change) {
    let (Set(path, _) | Take(path) | Write(path, ..)) = change;
    let (parent, key) = path.rsplit_once('/').unwrap();
    if let Write(_, from, to) = change {
        let text = json.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {path}"));
        assert!(text.contains(from), "{path} has no `{from}`: {text}");
        let text = text.replacen(from, to, 1);
        *json.pointer_mut(path).unwrap() = json!(text);
        return;
    }
    match (json.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent}")), change) {
        (Value::Object(map), Set(_, value)) => drop(map.insert(key.to_owned(), value.clone())),
        (Value::Object(map), _) => assert!(map.remove(key).is_some(), "nothing at {path}"),
        (Value::Array(list), Set(_, value)) => match key.parse::<usize>().unwrap() {
            at if at == list.len() => list.push(value.clone()),
            at => list[at] = value.clone(),
        },
        (Value::Array(list), _) => drop(list.remove(key.parse().unwrap())),
        _ => panic!("{parent} holds nothing"),
    }
}

#[test]
fn each_mistake_is_seen_by_its_rule_alone() {
    let catalogue = Catalogue::whole();
    let mut missed = Vec::new();
    let mut seen = BTreeSet::new();
    for (rule, change) in mistakes() {
        let mut files = fleet();
        plant(&mut files[0].json, &change);
        files[0] = File::new("overview.json", files[0].json.take());
        let (names, wrong) = complaints(&files, &catalogue);
        seen.insert(rule);
        if names != BTreeSet::from([rule]) {
            let (Set(path, _) | Take(path) | Write(path, ..)) = change;
            missed.push(format!("{rule} at {path}: {names:?}\n    {}", wrong.join("\n    ")));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    // Of the alerts nothing can be planted in a board but its absence.
    let rules: BTreeSet<&str> = CHECKS.iter().map(|(name, _)| *name).filter(|name| *name != "alerts").collect();
    assert_eq!(seen, rules, "a rule without a mistake that it alone sees");
}

#[test]
fn a_board_that_alerts_lead_to_must_be_there() {
    let catalogue = Catalogue::whole();
    for uid in ["spyhop-agent", "spyhop-service"] {
        let files: Vec<File> = fleet().into_iter().filter(|file| file.json["uid"] != uid).collect();
        assert!(complaints(&files, &catalogue).0.contains("alerts"), "{uid}");
    }
    let mut files = fleet();
    for file in &mut files {
        let list = file.json["templating"]["list"].as_array_mut().unwrap();
        list.retain(|variable| variable["name"] != "project");
        *file = File::new(&file.name, file.json.take());
    }
    assert!(complaints(&files, &catalogue).0.contains("alerts"));
}

/// The four that would hurt most, in every board that is shipped.
#[test]
fn planted_in_what_is_shipped_they_are_seen_too() {
    let catalogue = Catalogue::whole();
    let whole = shipped();
    for (at, file) in whole.iter().enumerate() {
        for (rule, plant) in [
            ("known-metrics", (|json| rewrite_first(json, "spyhop_", "spyhpo_")) as fn(&mut Value) -> bool),
            ("known-labels", |json| rewrite_first(json, "host=~", "hots=~")),
            ("panel-datasource-rule", |json| rewrite_first(json, "${datasource}", "${datasuorce}")),
            ("identity", |json| {
                json["uid"] = json!(if json["uid"] == "spyhop-agent" { "spyhop-host" } else { "spyhop-agent" });
                true
            }),
        ] {
            let mut files = whole.clone();
            assert!(plant(&mut files[at].json), "{}: nowhere to plant for {rule}", file.name);
            files[at] = File::new(&file.name, files[at].json.take());
            let check = CHECKS.iter().find(|(name, _)| *name == rule).unwrap().1;
            let wrong = check(&Fleet { files: &files, catalogue: &catalogue, first_alone: false });
            assert!(!wrong.is_empty(), "{}: {rule} does not see it", file.name);
        }
    }
}

/// Changes the first text in panels that has it.
fn rewrite_first(json: &mut Value, from: &str, to: &str) -> bool {
    fn within(value: &mut Value, from: &str, to: &str) -> bool {
        match value {
            Value::Object(map) => map.iter_mut().any(|(key, value)| {
                let here =
                    ["expr", "uid"].contains(&key.as_str()) && value.as_str().is_some_and(|text| text.contains(from));
                if here {
                    let text = value.as_str().unwrap_or_default().replacen(from, to, 1);
                    *value = json!(text);
                }
                here || within(value, from, to)
            }),
            Value::Array(list) => list.iter_mut().any(|value| within(value, from, to)),
            _ => false,
        }
    }
    within(&mut json["panels"], from, to)
}
