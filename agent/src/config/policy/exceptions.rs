//! `exceptions:` a list; each has a reason and a last day.

use std::sync::Arc;

use jiff::civil::Date;

use super::{
    super::{
        report::{Wrong, quoted},
        yaml::{Entry, Node, Value},
    },
    checks::class,
    fields::{self, Fields, under},
};
use crate::policy::Exception;

const KEYS: [&str; 6] = ["finding", "project", "service", "subject", "reason", "until"];

pub(super) fn read(fields: &mut Fields<'_>, node: Node) -> Vec<Arc<Exception>> {
    let nodes = match node.value {
        Value::List(nodes) => nodes,
        Value::Empty | Value::Refused => return Vec::new(),
        Value::Text(_) | Value::Section(_) => {
            let wrong = Wrong::new("takes a list of exceptions").hint("begin each with `- finding:`");
            fields.wrong(node.at, "exceptions", wrong);
            return Vec::new();
        }
    };
    let numbered = nodes.into_iter().enumerate();
    numbered.filter_map(|(number, node)| one(fields, &format!("exceptions[{number}]"), node)).collect()
}

fn one(fields: &mut Fields<'_>, path: &str, node: Node) -> Option<Arc<Exception>> {
    let at = node.at;
    let (mut finding, mut reason, mut until) = (None, None, None);
    let (mut project, mut service, mut subject) = (None, None, None);
    let entries = fields.section(path, node, &KEYS);
    let given: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    for Entry { key, value, .. } in entries {
        let path = under(path, &key);
        match key.as_str() {
            "finding" => finding = fields.parsed(&path, value, class),
            "project" => project = fields.parsed(&path, value, fields::glob),
            "service" => service = fields.parsed(&path, value, fields::glob),
            "subject" => subject = fields.parsed(&path, value, fields::glob),
            "reason" => reason = fields.parsed(&path, value, reason_of),
            _ => until = fields.parsed(&path, value, day),
        }
    }
    for needed in ["finding", "reason", "until"] {
        if !given.iter().any(|key| key == needed) {
            let hint = match needed {
                "until" => "write the last day it holds: until: 2027-03-31",
                "reason" => "say why, for whoever reads it next year",
                _ => "name the finding that is excepted",
            };
            fields.wrong(at, path, Wrong::new(format!("has no {needed}")).hint(hint));
        }
    }
    Some(Arc::new(Exception { class: finding?, project, service, subject, reason: reason?, until: until? }))
}

fn reason_of(text: &str) -> Result<Arc<str>, Wrong> {
    match text.trim() {
        "" => Err(Wrong::new("says nothing").hint("say why, for whoever reads it next year")),
        text => Ok(text.into()),
    }
}

fn day(text: &str) -> Result<Date, Wrong> {
    let day = (text.len() == 10).then(|| text.parse().ok()).flatten();
    day.ok_or_else(|| Wrong::new(format!("{} is not a day", quoted(text))).hint("write 2027-03-31"))
}
