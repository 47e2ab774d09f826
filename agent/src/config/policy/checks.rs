//! `checks:` which are made, and how.

use super::{
    super::{
        report::{Wrong, quoted},
        yaml::{Entry, Node},
    },
    fields::{self, Fields, under},
    tiers,
};
use crate::policy::{CLASSES, Checks, Class, ImagePin};

const KEYS: [&str; 5] = ["off", "severity", "overcommit", "image_pin", "secrets_max_age"];

pub(super) fn read(fields: &mut Fields<'_>, node: Node) -> Checks {
    let mut checks = Checks::default();
    for Entry { key, value, .. } in fields.section("checks", node, &KEYS) {
        let path = under("checks", &key);
        match key.as_str() {
            "off" => checks.off = fields.list(&path, value, class),
            "severity" => {
                for Entry { key, at, value } in fields.map(&path, value) {
                    let path = under(&path, &key);
                    let read = fields.parsed(&path, value, tiers::severity);
                    match class(&key) {
                        Ok(class) => checks.severity.extend(read.map(|severity| (class, severity))),
                        Err(wrong) => fields.wrong(at, &path, wrong),
                    }
                }
            }
            "overcommit" => {
                for Entry { key, value, .. } in fields.section(&path, value, &["memory", "cpus"]) {
                    let read = fields.parsed(&under(&path, &key), value, fields::factor);
                    let field =
                        if key == "memory" { &mut checks.overcommit.memory } else { &mut checks.overcommit.cpus };
                    *field = read.unwrap_or(*field);
                }
            }
            "image_pin" => checks.image_pin = fields.parsed(&path, value, pin).unwrap_or_default(),
            _ => {
                checks.secrets_max_age = fields
                    .parsed(&path, value, |text| match text {
                        "off" => Ok(None),
                        text => fields::duration(text).map(Some),
                    })
                    .flatten();
            }
        }
    }
    checks
}

/// A word of the table of findings.
pub(super) fn class(text: &str) -> Result<Class, Wrong> {
    let known: Vec<_> = CLASSES.iter().map(|class| class.as_str()).collect();
    fields::one_of(text, "a finding", &known, Class::from_word(text))
}

fn pin(text: &str) -> Result<ImagePin, Wrong> {
    match text {
        "tag" => Ok(ImagePin::Tag),
        "digest" => Ok(ImagePin::Digest),
        _ => Err(Wrong::new(format!("{} does not pin an image", quoted(text))).hint("write tag or digest")),
    }
}
