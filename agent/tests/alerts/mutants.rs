//! A test that passes whatever the rule says is none: each comparison, threshold, set operator and wait of each rule is changed, one at a
//! time, and the alert's own cases have to notice.

use std::fmt::Write as _;

use spyhop::{
    policy::Policy,
    render::{self, File, Kind, Options, Rule},
};

use crate::{budgets, cases::SUITES, promtool};

/// Changes that mean the same: where they stand, and why nobody can notice.
const SAME: &[(&str, &str, &str)] = &[
    ("SpyhopCpuThrottled", "> -1)", "0 / 0 is no number, and no number is above a quarter"),
    ("SpyhopDiskAlmostFull", "> -1)", "nothing of nothing is no number"),
    ("SpyhopDiskFillingUp", "> -1)", "nothing of nothing is no number"),
    ("SpyhopProbeSlow", "> -1)", "0 / 0 is no number"),
    ("SpyhopProbeStale", ">= -1", "what is 0 or 1 is above both"),
    ("SpyhopStartSlow", "> 0.75 )", "there is nothing between none and one"),
    ("SpyhopStartSlow", "> 0.25 )", "there is nothing between none and one"),
    ("SpyhopFailoverSlow", "> 0.75 )", "there is nothing between none and one"),
    ("SpyhopFailoverSlow", "> 0.25 )", "there is nothing between none and one"),
    ("SpyhopDiskFillingUp", "< -1 ", "a byte less than nothing"),
    ("SpyhopInodesLow", "> -1)", "nothing of nothing is no number"),
];

#[test]
fn no_change_of_a_rule_goes_unnoticed() {
    if !promtool::is_here() {
        return;
    }
    let work: Vec<(&str, String)> = SUITES
        .iter()
        .flat_map(|suite| alerts(&file(suite.file)).into_iter().map(|alert| (suite.file, alert)))
        .collect();
    let found = in_parallel(&work, |(name, alert)| {
        let suite = SUITES.iter().find(|suite| suite.file == *name).unwrap();
        let tests = suite.file("rules.yml", Some(alert));
        let rules = rules_of(&file(name), alert);
        promtool::test_texts(&text(&rules), &tests).expect("the rule itself passes");
        let mutants = all_mutants(&rules, 30);
        let survivors = mutants.iter().filter(|(_, mutant)| promtool::test_texts(&text(mutant), &tests).is_ok());
        (mutants.len(), survivors.map(|(what, _)| format!("{name}.yml: {alert}: {what}")).collect())
    });
    judge(found);
}

/// The burn alerts: each number in them decides on one of the faults, cold starts and rare events of `budgets`.
#[test]
fn no_change_of_a_burn_alert_goes_unnoticed() {
    if !promtool::is_here() {
        return;
    }
    let all: Vec<Rule> = budgets::one_ratio().groups.into_iter().flat_map(|group| group.rules).collect();
    let mut work = Vec::new();
    for alert in all.iter().filter(|rule| rule.name().starts_with("SpyhopSloBurn")) {
        let long = alert.labels.iter().find(|(label, _)| *label == "long").map(|(_, long)| long.as_str()).unwrap();
        // The pairs, the two ratios it looks at, and itself, in their order: the others cost time.
        let rules: Vec<Rule> = all.iter().filter(|rule| reads(alert, rule) || *rule == alert).cloned().collect();
        let at = rules.iter().position(|rule| rule == alert).unwrap();
        let passes =
            budgets::courses(long).iter().all(|times| promtool::test_texts(&text(&rules), &times.text).is_ok());
        assert!(passes, "{long}: the rule itself does not pass");
        // As fine as these are looked at.
        let step = if ["1h", "6h"].contains(&long) { 60 } else { 300 };
        for (what, mut mutant) in all_mutants(std::slice::from_ref(alert), step) {
            let mut changed = rules.clone();
            changed[at] = mutant.remove(0);
            work.push((what, changed, long.to_owned()));
        }
    }
    let found = in_parallel(&work, |(what, rules, long)| {
        let rules = text(rules);
        let unnoticed = budgets::courses(long).iter().all(|times| promtool::test_texts(&rules, &times.text).is_ok());
        (1, unnoticed.then(|| format!("{long}: {what}")).into_iter().collect())
    });
    judge(found);
}

/// Whether a rule records what an alert looks at.
fn reads(alert: &Rule, rule: &Rule) -> bool {
    matches!(&rule.kind, Kind::Record(name) if name.contains("increase5m") || alert.expr.contains(&format!("{name}{{")))
}

type Found = (usize, Vec<String>);

/// Two at a time: promtool is another process, and there are many.
fn in_parallel<T: Sync>(work: &[T], each: impl Fn(&T) -> Found + Sync) -> Vec<Found> {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work.iter().skip(1).step_by(2).map(&each).collect::<Vec<_>>());
        let mut found: Vec<Found> = work.iter().step_by(2).map(&each).collect();
        found.extend(other.join().unwrap());
        found
    })
}

fn judge(found: Vec<Found>) {
    let mutants: usize = found.iter().map(|(mutants, _)| mutants).sum();
    let mut survivors: Vec<String> = found.into_iter().flat_map(|(_, survivors)| survivors).collect();
    survivors
        .retain(|survivor| !SAME.iter().any(|(alert, part, _)| survivor.contains(alert) && survivor.contains(part)));
    println!("{mutants} mutants");
    assert!(survivors.is_empty(), "{} of {mutants} changes go unnoticed:\n{}", survivors.len(), survivors.join("\n"));
}

fn file(name: &str) -> File {
    let files = render::rules(&Policy::default(), &Options::default());
    files.into_iter().find(|file| file.name == format!("{name}.yml")).unwrap()
}

fn alerts(file: &File) -> Vec<String> {
    let mut names: Vec<String> =
        file.groups.iter().flat_map(|group| &group.rules).map(|rule| rule.name().to_owned()).collect();
    names.dedup();
    names
}

fn rules_of(file: &File, alert: &str) -> Vec<Rule> {
    let rules = file.groups.iter().flat_map(|group| &group.rules);
    rules.filter(|rule| rule.name() == alert).cloned().collect()
}

/// Each rule with each change, the others beside it as they are; waits by a step of so many seconds.
fn all_mutants(rules: &[Rule], step: u64) -> Vec<(String, Vec<Rule>)> {
    let mut all = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let mut add = |what: String, changed: Rule| {
            let mut mutant = rules.to_vec();
            mutant[at] = changed;
            all.push((what, mutant));
        };
        for (what, expr) in changed_expressions(&rule.expr) {
            add(what, Rule { expr, ..rule.clone() });
        }
        let Kind::Alert { name, wait, keep, annotations } = &rule.kind else { continue };
        let step = std::time::Duration::from_secs(step);
        for (wait, keep) in
            [(*wait + step, *keep), (wait.saturating_sub(step), *keep), (*wait, *keep / 2), (*wait, *keep * 2)]
        {
            let kind = Kind::Alert { name: name.clone(), wait, keep, annotations: annotations.clone() };
            if kind != rule.kind {
                add(format!("for {wait:?}, keep_firing_for {keep:?}"), Rule { kind, ..rule.clone() });
            }
        }
    }
    all
}

/// Every way to change one word of an expression, outside of quotes.
fn changed_expressions(expr: &str) -> Vec<(String, String)> {
    let words = words(expr);
    let mut all = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let before = words[..at].iter().rev().find(|word| !word.trim().is_empty()).copied().unwrap_or_default();
        for instead in instead_of(word, before) {
            let mut changed: Vec<&str> = words.clone();
            changed[at] = &instead;
            let around = changed[at.saturating_sub(6)..(at + 3).min(changed.len())].concat().replace('\n', " ");
            all.push((format!("`{around}`"), changed.concat()));
        }
    }
    all
}

fn instead_of(word: &str, before: &str) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match word {
        ">" => one("<"),
        "<" => one(">"),
        ">=" => one("<"),
        "<=" => one(">"),
        "==" => one("!="),
        "!=" => one("=="),
        "and" => one("unless"),
        "unless" => one("and"),
        // A number behind a comparison or as an argument; not the `5m` of a range.
        _ if !word.starts_with(|c: char| c.is_ascii_digit()) || ["[", ":"].contains(&before) => Vec::new(),
        _ => match word.parse::<f64>() {
            Ok(0.0) => one("-1"),
            Ok(number) => vec![(number * 1.5).to_string(), (number * 0.5).to_string()],
            Err(_) => Vec::new(),
        },
    }
}

/// Splits into names, numbers, operators, quoted texts and everything else, with nothing lost.
fn words(expr: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = expr;
    while let Some(first) = rest.chars().next() {
        let end = |is: fn(char) -> bool| rest.find(|c: char| !is(c)).unwrap_or(rest.len());
        let length = match first {
            '"' => rest[1..].find('"').map_or(rest.len(), |at| at + 2),
            c if c.is_ascii_alphanumeric() || c == '_' => end(|c| c.is_ascii_alphanumeric() || ['_', '.'].contains(&c)),
            '=' | '!' | '>' | '<' | '~' => end(|c| ['=', '!', '>', '<', '~'].contains(&c)),
            c => c.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        all.push(word);
        rest = after;
    }
    all
}

/// Rules as JSON, which is YAML: nothing of our writer is in the way.
pub(crate) fn text(rules: &[Rule]) -> String {
    let mut text = String::from("groups: [{name: g, interval: 30s, rules: [\n");
    for rule in rules {
        let quoted = |text: &str| format!("{text:?}");
        let map = |entries: &[(&str, String)]| {
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {}", quoted(value))).collect();
            entries.join(", ")
        };
        let (head, rest) = match &rule.kind {
            Kind::Record(name) => (format!("record: {name}"), String::new()),
            Kind::Alert { name, wait, keep, annotations } => {
                let (wait, keep) = (wait.as_secs(), keep.as_secs());
                let rest = format!(", for: {wait}s, keep_firing_for: {keep}s, annotations: {{{}}}", map(annotations));
                (format!("alert: {name}"), rest)
            }
        };
        let expr = quoted(&rule.expr);
        writeln!(text, "{{{head}, expr: {expr}, labels: {{{}}}{rest}}},", map(&rule.labels)).unwrap();
    }
    text + "]}]\n"
}
