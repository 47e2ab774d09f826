//! How soon an alert is told at full scale, and the page and the list which say so.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::drill;

/// A scrape every 15 s, an evaluation every 30 s (docs/operating.md, `interval` of the groups).
pub(crate) const SEEN: u32 = 45;
/// `group_wait` of `alerts/alertmanager.yml`. Of the first tier it is 10 s, of the digest 10 min.
pub(crate) const GROUPED: u32 = 30;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rule files of `alerts/`.
fn rule_files() -> Vec<String> {
    let files = fs::read_dir(root().join("alerts")).unwrap().flatten().map(|entry| entry.path());
    let texts = files
        .filter(|path| path.extension().is_some_and(|kind| kind == "yml"))
        .map(|path| fs::read_to_string(path).unwrap());
    // Objectives have no rules before somebody writes one down: the alerts are those of the example which is kept.
    let objectives = fs::read_to_string(root().join("agent/tests/golden/render/objectives.yml")).unwrap();
    texts.chain([objectives]).filter(|text| text.lines().any(|line| line == "groups:")).collect()
}

/// Every alert as name, severity and seconds of its `for`.
fn rules() -> Vec<(String, String, u32)> {
    let mut rules: Vec<(String, String, u32)> = Vec::new();
    for line in rule_files().iter().flat_map(|text| text.lines().map(str::trim).collect::<Vec<_>>()) {
        if let Some(name) = line.strip_prefix("- alert: ") {
            rules.push((name.to_owned(), String::new(), 0));
        } else if let (Some(rule), Some(wait)) = (rules.last_mut(), line.strip_prefix("for: ")) {
            rule.2 = seconds(wait);
        } else if let (Some(rule), Some(severity)) = (rules.last_mut(), line.strip_prefix("severity: ")) {
            rule.1 = severity.to_owned();
        }
    }
    rules
}

/// Of a duration as rules have it.
fn seconds(text: &str) -> u32 {
    let (mut total, mut number) = (0, 0);
    for c in text.chars() {
        match c {
            '0'..='9' => number = number * 10 + c.to_digit(10).unwrap(),
            unit => {
                let size = BTreeMap::from([('s', 1), ('m', 60), ('h', 3600), ('d', 86400)])[&unit];
                total += number * size;
                number = 0;
            }
        }
    }
    total
}

/// What the rule itself waits, in seconds.
#[track_caller]
pub(crate) fn waits(alert: &str, severity: &str) -> u32 {
    let rules = rules();
    let found = rules.iter().find(|rule| rule.0 == alert && rule.1 == severity);
    found.unwrap_or_else(|| panic!("alerts/ has no {alert} that is {severity}")).2
}

/// `alerts/drills.yml`: for each alert the drills that prove it, or why there is none.
fn listed() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("alerts/drills.yml")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| line.split_once(": ").map(|(k, v)| (k.to_owned(), v.trim_matches('"').to_owned())).unwrap())
        .collect()
}

#[test]
fn every_alert_has_a_drill_or_a_reason() {
    let mut proven: BTreeMap<&str, BTreeSet<&str>> =
        BTreeMap::from([(drill::AGENT_DOWN.alert, BTreeSet::from([drill::AGENT.0]))]);
    let drills = drill::all();
    for drill in &drills {
        for expect in drill.expected.iter().chain(&drill.then) {
            proven.entry(expect.alert).or_default().insert(drill.name);
        }
    }
    let alerts: BTreeSet<String> = rules().into_iter().map(|rule| rule.0).collect();
    let mut wanted = BTreeMap::new();
    let listed = listed();
    for alert in &alerts {
        let drills = proven.get(alert.as_str()).map(|names| names.iter().copied().collect::<Vec<_>>().join(", "));
        let reason = || listed.get(alert).filter(|reason| reason.split(' ').count() >= 4).cloned();
        wanted.insert(
            alert.clone(),
            drills
                .or_else(reason)
                .unwrap_or_else(|| "needs a drill, or a sentence which says why there is none".into()),
        );
    }
    // The watchdog is proven by every run.
    assert_eq!(listed, wanted, "alerts/drills.yml");
}

#[test]
fn the_page_says_what_the_drills_hold() {
    let mut rows = String::from(
        "| drill | what is done | alert | severity | rule waits | told within |\n|---|---|---|---|---|---|\n",
    );
    let human = |seconds: u32| match seconds {
        0 => "0".to_owned(),
        s if s % 3600 == 0 => format!("{} h", s / 3600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s if s > 60 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{s} s"),
    };
    let mut row = |drill: &str, fault: &str, expect: &drill::Expect| {
        let waits = human(waits(expect.alert, expect.severity));
        rows += &format!(
            "| `{drill}` | {fault} | `{}` | {} | {waits} | {} |\n",
            expect.alert,
            expect.severity,
            human(expect.published())
        );
    };
    for drill in drill::all() {
        for (at, expect) in drill.expected.iter().enumerate() {
            row(drill.name, if at == 0 { drill.fault } else { "the same" }, expect);
        }
        for expect in &drill.then {
            row(drill.name, "it is mended, and that took long", expect);
        }
    }
    row(drill::AGENT.0, drill::AGENT.1, &drill::AGENT_DOWN);
    let mut reasons = String::from("| alert | why not |\n|---|---|\n");
    let drills = drill::all();
    let proven: BTreeSet<&str> =
        drills.iter().flat_map(|drill| drill.expected.iter().chain(&drill.then)).map(|expect| expect.alert).collect();
    for (alert, reason) in
        listed().iter().filter(|(alert, _)| !proven.contains(alert.as_str()) && *alert != drill::AGENT_DOWN.alert)
    {
        reasons += &format!("| `{alert}` | {reason} |\n");
    }
    let path = root().join("docs/drills.md");
    let page = fs::read_to_string(&path).unwrap();
    let renewed = between(&between(&page, "drills", &rows), "without a drill", &reasons);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &renewed).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), renewed, "UPDATE_GOLDEN=1 renews docs/drills.md");
}

/// A page with other text between two marks.
fn between(page: &str, mark: &str, text: &str) -> String {
    let (start, end) = (format!("<!-- {mark} -->"), format!("<!-- end of {mark} -->"));
    let (before, rest) = page.split_once(&start).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{start}\n\n{text}\n{end}{after}")
}
