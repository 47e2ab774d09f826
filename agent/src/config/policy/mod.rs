//! The policy's sections: `tiers`, `projects`, `probes`, `checks` and `exceptions`, in the configuration file or in a file of their own.
//!
//! Every mistake is reported with its line, those of the settings beside it in the same report. What comes out cannot be wrong:
//! names lead to something, amounts are in order, dates exist.

mod checks;
mod exceptions;
mod fields;
mod objectives;
mod openslo;
mod probes;
mod projects;
mod queries;
mod sense;
mod services;
#[cfg(test)]
mod tests;
mod tiers;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use self::{fields::Fields, objectives::Place};
use super::{
    report::{Mistake, Wrong, quoted},
    suggest::nearest,
    yaml::{self, Entry, Node, Value},
};
use crate::{model::IntoTree as _, policy::Policy};

/// Sections of the policy language. No section of settings has one of these names.
pub(super) const SECTIONS: [&str; 8] =
    ["version", "tiers", "projects", "probes", "objectives", "openslo", "checks", "exceptions"];

/// The only version of the language.
const VERSION: &str = "1";

/// Reads the text of a policy file of its own.
pub(super) fn read_file(path: &Arc<Path>, text: &str, mistakes: &mut Vec<Mistake>) -> Policy {
    let (root, wrongs) = yaml::read(text);
    let mut fields = Fields::new(path, mistakes);
    for (at, wrong) in wrongs {
        fields.wrong(at, "", wrong);
    }
    let entries = match root {
        Some(Node { value: Value::Section(entries), .. }) => entries,
        Some(Node { at, value: Value::Text(_) | Value::List(_) }) => {
            let wrong = Wrong::new("is not a policy").hint("begin with a section such as `tiers:`");
            fields.wrong(at, "", wrong);
            Vec::new()
        }
        _ => Vec::new(),
    };
    let mut known = Vec::new();
    for entry in entries {
        if SECTIONS.contains(&entry.key.as_str()) {
            known.push(entry);
        } else {
            fields.unknown(&entry, "", &SECTIONS);
        }
    }
    read_sections(path, known, mistakes)
}

/// Reads sections, each of which has one of the names in [`SECTIONS`].
pub(super) fn read_sections(path: &Arc<Path>, entries: Vec<Entry>, mistakes: &mut Vec<Mistake>) -> Policy {
    let mut fields = Fields::new(path, mistakes);
    let mut policy = Policy::default();
    for Entry { key, value, .. } in entries {
        match key.as_str() {
            "version" => version(&mut fields, value),
            "tiers" => policy.tiers = tiers::read(&mut fields, value),
            "projects" => policy.projects = projects::read(&mut fields, value),
            "probes" => policy.probes = probes::elsewhere(&mut fields, value),
            "objectives" => policy.objectives.extend(objectives::read(&mut fields, "objectives", value, Place::Whole)),
            "openslo" => policy.objectives.extend(openslo::read(&mut fields, path, value)),
            "checks" => policy.checks = checks::read(&mut fields, value),
            _ => policy.exceptions = exceptions::read(&mut fields, value),
        }
    }
    let known: BTreeSet<_> = policy.tiers.iter().map(|tier| Arc::clone(&tier.name)).into_set();
    for (name, at, key) in std::mem::take(&mut fields.tiers_named) {
        if !known.contains(&*name) {
            let wrong = Wrong::new(format!("there is no tier {}", quoted(&name)));
            let near = nearest(&name, known.iter().map(|tier| &**tier));
            fields.wrong(
                at,
                &key,
                match near {
                    Some(near) => wrong.hint(format!("did you mean {near}?")),
                    None => wrong.hint("add it under `tiers:`"),
                },
            );
        }
    }
    objectives::faults(&mut fields, &policy);
    policy
}

fn version(fields: &mut Fields<'_>, node: Node) {
    fields.parsed("version", node, |text| match text {
        VERSION => Ok(()),
        _ => Err(Wrong::new(format!("{} is not a version of the policy language", quoted(text)))
            .hint(format!("write {VERSION}"))),
    });
}
