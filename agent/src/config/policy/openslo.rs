//! `openslo:` files of OpenSLO v1 beside the policy: what they aim at and what they count.
//!
//! An objective and its indicator are taken over. Their alert conditions have one window each, ours two, so a condition is only held
//! against ours; what would be lost is refused, with its line.

mod documents;
mod indicator;
#[cfg(test)]
mod tests;

use std::{fs::File, io::Read as _, path::Path, sync::Arc};

use super::{
    super::{
        MAX_FILE_BYTES,
        report::{Position, Wrong, quoted},
        yaml::{Entry, Node, Value},
    },
    fields::{self, Fields},
    objectives::{blank, target},
};
use crate::policy::objectives::{Sli, Spec, Target};
use documents::{Document, Tree, documents};

/// Files of one policy.
const MAX_FILES: usize = 20;

/// Kinds that are understood, and those which say nothing of what is aimed at.
const KINDS: [&str; 7] =
    ["SLO", "SLI", "AlertPolicy", "AlertCondition", "Service", "DataSource", "AlertNotificationTarget"];

/// Reads every file of the list; names without a folder are beside the policy.
pub(super) fn read(fields: &mut Fields<'_>, policy: &Path, node: Node) -> Vec<Spec> {
    let at = node.at;
    let names = fields.list("openslo", node, fields::word);
    if names.len() > MAX_FILES {
        let wrong = Wrong::new(format!("names {} files, at most {MAX_FILES} are read", names.len()));
        fields.wrong(at, "openslo", wrong);
        return Vec::new();
    }
    let mut specs = Vec::new();
    for name in names {
        let path = policy.parent().unwrap_or(Path::new("")).join(&*name);
        match text(&path) {
            Ok(text) => specs.extend(file(fields, &Arc::from(path), &text)),
            Err(reason) => fields.wrong(at, "openslo", Wrong::new(format!("read {}: {reason}", path.display()))),
        }
    }
    specs
}

fn text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    match read {
        Ok(bytes) if u64::try_from(bytes).is_ok_and(|bytes| bytes <= MAX_FILE_BYTES) => Ok(text),
        Ok(_) => Err(format!("is larger than {MAX_FILE_BYTES} bytes")),
        Err(error) => Err(error.to_string()),
    }
}

/// The objectives of one file.
fn file(outer: &mut Fields<'_>, path: &Arc<Path>, text: &str) -> Vec<Spec> {
    let mut fields = outer.of_file(path);
    let all = documents(&mut fields, text);
    let mut specs = Vec::new();
    for document in &all {
        match document.kind.as_str() {
            "SLO" => specs.extend(objectives(&mut fields, path, document, &all)),
            "AlertPolicy" | "AlertCondition" => conditions(&mut fields, document),
            _ => {}
        }
    }
    let places = std::mem::take(&mut fields.objectives);
    outer.objectives.extend(places);
    specs
}

fn objectives(fields: &mut Fields<'_>, path: &Path, document: &Document, all: &[Document]) -> Vec<Spec> {
    let spec = document.spec();
    let origin = format!("{} in {}", document.name, path.file_name().unwrap_or_default().to_string_lossy());
    let key = |name: &str| format!("{}.{name}", document.name);
    if let Some(method) = spec.get("budgetingMethod").filter(|method| method.text() != Some("Occurrences")) {
        let wrong =
            Wrong::new("counts time slices").hint("write Occurrences; a threshold is sampled and counted anyhow");
        fields.wrong(method.at(), &key("budgetingMethod"), wrong);
    }
    let window = window(fields, document);
    let indicator = indicator::read(fields, document, all);
    let list = spec.get("objectives").map(Tree::items).unwrap_or_default();
    if list.is_empty() {
        fields.wrong(document.at, &key("objectives"), Wrong::new("has no objectives").hint("write one with a target"));
    }
    let several = list.len() > 1;
    let mut specs = Vec::new();
    for (number, one) in list.into_iter().enumerate() {
        let name: Arc<str> =
            if several { format!("{}-{}", document.name, number + 1) } else { document.name.clone() }.into();
        let aimed = aim(fields, &key("objectives"), one);
        let sli = indicator.as_ref().and_then(|indicator| indicator.of(fields, &key("objectives"), one));
        let (Some(target), Some(sli), Some(window)) = (aimed, sli, window) else { continue };
        let origin: Arc<str> = if several { format!("{origin} ({})", number + 1) } else { origin.clone() }.into();
        fields.place(&origin, one.at());
        let service = spec.get("service").and_then(Tree::text).unwrap_or_default();
        let project = document.label("project");
        specs.push(Spec { window, target, sli: Some(sli), project, service: service.into(), ..blank(&name, &origin) });
    }
    specs
}

/// `target: 0.999` or `targetPercent: 99.9`.
fn aim(fields: &mut Fields<'_>, key: &str, one: Tree<'_>) -> Option<Target> {
    for refused in ["timeSliceTarget", "timeSliceWindow", "compositeWeight", "indicator", "indicatorRef"] {
        if let Some(found) = one.get(refused) {
            let wrong = Wrong::new("is not expressed by a single ratio").hint("split it into objectives of their own");
            fields.wrong(found.at(), &format!("{key}.{refused}"), wrong);
        }
    }
    let (name, node, text) = match (one.get("target"), one.get("targetPercent")) {
        (Some(node), None) => ("target", node, node.text()?.to_owned()),
        (None, Some(node)) => ("targetPercent", node, format!("{}%", node.text()?)),
        _ => {
            let wrong = Wrong::new("has no target, or two").hint("write target: 0.999 or targetPercent: 99.9");
            fields.wrong(one.at(), key, wrong);
            return None;
        }
    };
    match target(&text) {
        Ok(target) => Some(target),
        Err(wrong) => {
            fields.wrong(node.at(), &format!("{key}.{name}"), wrong);
            None
        }
    }
}

/// Exactly one window, and a rolling one.
fn window(fields: &mut Fields<'_>, document: &Document) -> Option<std::time::Duration> {
    let key = format!("{}.timeWindow", document.name);
    let spec = document.spec();
    let node = spec.get("timeWindow");
    let items = node.map(Tree::items).unwrap_or_default();
    let [one] = items.as_slice() else {
        let wrong = Wrong::new("has no time window, or several").hint("write [{duration: 30d, isRolling: true}]");
        fields.wrong(node.map_or(document.at, Tree::at), &key, wrong);
        return None;
    };
    let rolling = one.get("isRolling").and_then(Tree::text) == Some("true") && one.get("calendar").is_none();
    if !rolling {
        let wrong = Wrong::new("is no rolling window")
            .hint("write isRolling: true; a calendar's month begins with a full budget again");
        fields.wrong(one.at(), &key, wrong);
        return None;
    }
    let duration = one.get("duration")?;
    match fields::duration(duration.text().unwrap_or_default()) {
        Ok(window) => Some(window),
        Err(wrong) => {
            fields.wrong(duration.at(), &key, wrong);
            None
        }
    }
}

/// Burn rates which are ours anyhow: long window and factor over 30 days.
const OURS: [(&str, &str); 4] = [("1h", "14.4"), ("6h", "6"), ("1d", "3"), ("3d", "1")];

/// A condition has to be one of our burn rates: others would be lost without a word.
fn conditions(fields: &mut Fields<'_>, document: &Document) {
    let spec = document.spec();
    let inline = spec.get("conditions").map(Tree::items).unwrap_or_default();
    let inline = inline.into_iter().filter_map(|item| item.get("spec")?.get("condition"));
    for condition in inline.chain(spec.get("condition")) {
        let text = |name: &str| condition.get(name).and_then(Tree::text).unwrap_or_default();
        let lookback = if text("lookbackWindow") == "24h" { "1d" } else { text("lookbackWindow") };
        let lookback = if lookback == "72h" { "3d" } else { lookback };
        let threshold = text("threshold").trim_end_matches(".0");
        if text("kind") != "burnrate" || !OURS.contains(&(lookback, threshold)) {
            let wrong = Wrong::new(format!("asks for {} times the budget over {}", quoted(threshold), quoted(lookback)))
                .hint("leave it out: alerts are on 14.4 over 1h, 6 over 6h, 3 over 1d and 1 over 3d, each with a short window");
            fields.wrong(condition.at(), &document.name, wrong);
        }
    }
}
