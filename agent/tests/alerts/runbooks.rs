//! Every alert leads to a section of a runbook that says what somebody woken at night needs, and no section is left over.

use std::{collections::BTreeMap, fs};

use spyhop::{
    policy::Policy,
    render::{self, Kind, Options},
};

use crate::root;

/// What each section has: what is so, who feels it, what to run, how to have quiet, and why it fires when it does.
const PARTS: [&str; 5] = ["**Means:**", "**Reach:**", "**First:**", "**Silence:**", "**Waits"];

#[test]
fn every_alert_has_its_section() {
    let sections = sections();
    for (name, annotations) in alerts() {
        let url = annotations.iter().find(|(key, _)| *key == "runbook_url").map(|(_, url)| url.as_str()).unwrap();
        let (page, anchor) =
            url.strip_prefix("docs/runbooks/").and_then(|url| url.split_once('#')).expect("page and section");
        assert_eq!(anchor, name.to_lowercase(), "{name} points elsewhere");
        let text =
            sections.get(&(page.to_owned(), name.clone())).unwrap_or_else(|| panic!("{page} has no section {name}"));
        for part in PARTS {
            assert!(text.contains(part), "{page}, {name}: has no {part}");
        }
    }
}

#[test]
fn no_section_is_about_an_alert_that_is_gone() {
    let known: Vec<String> = alerts().into_iter().map(|(name, _)| name).collect();
    for (page, name) in sections().into_keys().filter(|(_, name)| name.starts_with("Spyhop")) {
        // Objectives come with a policy.
        assert!(known.contains(&name) || name.starts_with("SpyhopSlo"), "{page}: {name} is no alert");
    }
}

fn alerts() -> Vec<(String, Vec<(&'static str, String)>)> {
    let rules = render::rules(&Policy::default(), &Options::default()).into_iter().flat_map(|file| file.groups);
    let kinds = rules.flat_map(|group| group.rules).map(|rule| rule.kind);
    kinds
        .filter_map(|kind| match kind {
            Kind::Alert { name, annotations, .. } => Some((name, annotations)),
            Kind::Record(_) => None,
        })
        .collect()
}

/// Text below each heading of the second rank, by page and heading.
fn sections() -> BTreeMap<(String, String), String> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(root().join("docs/runbooks")).unwrap() {
        let path = entry.unwrap().path();
        let page = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        for section in text.split("\n## ").skip(1) {
            let (heading, body) = section.split_once('\n').unwrap();
            all.insert((page.clone(), heading.trim().to_owned()), body.to_owned());
        }
    }
    all
}
