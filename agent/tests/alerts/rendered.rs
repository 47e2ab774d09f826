//! What stands in `alerts/` is what the default policy comes to. `UPDATE_GOLDEN=1` writes it anew; the diff is then read.

use std::{fs, path::Path};

use spyhop::{
    config::{self, Environment, Flag, Sources},
    policy::Policy,
    render::{self, Compat, Options, Scrape, catalogue},
};

use crate::{promtool, root};

#[test]
fn the_rule_files_are_the_default_rendering() {
    for file in render::alerts(&Policy::default(), &Options::default()) {
        in_step(&root().join("alerts").join(&file.name), &file.text);
    }
}

#[test]
fn the_example_of_objectives_is_rendered_as_it_was() {
    let compat = vec![Compat::Sloth, Compat::PyrraGeneric];
    for file in render::alerts(&example(), &Options { compat, ..Options::default() }) {
        if file.name.starts_with("objectives") {
            let path = root().join("agent/tests/golden/render").join(&file.name);
            in_step(&path, &file.text);
            if promtool::is_here() {
                promtool::check(&path);
            }
        }
    }
}

#[test]
fn prometheus_takes_the_configuration_and_the_rules_beside_it() {
    if !promtool::is_here() {
        return;
    }
    for (policy, retention) in [(Policy::default(), "35d"), (example(), "95d")] {
        let folder = tempfile::tempdir().unwrap();
        let scrape = Scrape {
            targets: vec!["spyhop:9477".into(), "[fd00::1]:9477".into()],
            alertmanagers: vec!["alertmanager:9093".into()],
            rules: String::new(),
            tls: true,
            compat_jobs: true,
        };
        let options = Options { compat: vec![Compat::Sloth, Compat::PyrraGeneric], ..Options::default() };
        let configuration = render::prometheus(&policy, &options, &scrape);
        assert!(configuration.text.contains(&format!("retention.time={retention}:")), "{}", configuration.text);
        for file in render::alerts(&policy, &options).iter().chain([&configuration]) {
            fs::write(folder.path().join(&file.name), &file.text).unwrap();
        }
        promtool::run(&["check", "config"], &folder.path().join("prometheus.yml")).unwrap();
    }
}

/// The policies of the reference systems: read without a mistake, and rendered to rules that Prometheus takes.
#[test]
fn the_policies_of_the_systems_are_read_and_rendered() {
    let systems = fs::read_dir(root().join("compose/systems")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = systems.map(|folder| folder.join("policy.yml")).filter(|file| file.exists()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let rendered = render::alerts(&policy(&file), &Options::default());
        let objectives = rendered.iter().find(|rendered| rendered.name == "objectives.yml");
        let objectives = objectives.unwrap_or_else(|| panic!("{}: no objectives", file.display()));
        if promtool::is_here() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("objectives.yml");
            fs::write(&path, &objectives.text).unwrap();
            promtool::check(&path);
        }
    }
}

/// The page of alerts: its tables are the catalogue's, with the drill of each.
#[test]
fn the_page_of_alerts_has_every_alert_with_its_drill() {
    let drills = fs::read_to_string(root().join("alerts/drills.yml")).unwrap();
    let drill = |alert: &str| {
        let line = drills.lines().find_map(|line| line.strip_prefix(alert)?.strip_prefix(": "));
        let line = line.unwrap_or_else(|| panic!("{alert} has neither a drill nor a reason in alerts/drills.yml"));
        match line.strip_prefix('"').and_then(|reason| reason.strip_suffix('"')) {
            Some(reason) => format!("none: {reason}"),
            None => line.split(", ").map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        }
    };
    for alert in ["SpyhopSloBurnFast", "SpyhopSloBurnSlow", "SpyhopSloBudgetExhausted", "SpyhopSloMissing"] {
        assert!(!drill(alert).is_empty());
    }
    let path = root().join("docs/alerts.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, _) = page.split_once("--test alerts`. -->\n").expect("the mark below which it is written");
    in_step(&path, &format!("{head}--test alerts`. -->\n{}", catalogue::markdown(&drill)));
}

#[test]
fn the_example_in_the_page_of_objectives_is_the_one_that_is_read() {
    let page = fs::read_to_string(root().join("docs/objectives.md")).unwrap();
    let example = fs::read_to_string(root().join("agent/tests/fixtures/policy/objectives.yml")).unwrap();
    assert!(page.contains(&format!("```yaml\n{example}```\n")), "docs/objectives.md has another example");
}

/// The policy with objectives of every kind.
pub(crate) fn example() -> Policy {
    policy(&root().join("agent/tests/fixtures/policy/objectives.yml"))
}

/// A policy file as the command reads it.
pub(crate) fn policy(path: &Path) -> Policy {
    let flag = |key: &str, value: String| Flag { name: "--set".into(), key: key.into(), value };
    let flags = vec![flag("policy.file", path.canonicalize().unwrap().display().to_string())];
    let sources = Sources { file: None, environment: Environment::default(), flags };
    config::load(&sources).unwrap_or_else(|report| panic!("{report}")).policy.as_ref().clone()
}

/// Compares a file with what it should be.
pub(crate) fn in_step(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == text,
        "{} is not in step, renew it with UPDATE_GOLDEN=1; now it would be:\n{text}",
        path.display()
    );
}
