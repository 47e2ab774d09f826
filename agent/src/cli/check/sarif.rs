//! SARIF 2.1.0 (OASIS), as code hosts show it. A service is a logical location; the file that is pointed at, without which a code host shows
//! nothing, is the policy's usual name.

use serde_json::{Value, json};

use crate::policy::{CLASSES, Class, Finding, NotChecked, Severity, Verdict, place_of};

pub(super) fn report(verdict: &Verdict, host: Option<&str>) -> String {
    let excepted = verdict.excepted.iter().map(|(finding, exception)| {
        let mut result = result(finding, host);
        if let Some(object) = result.as_object_mut() {
            let until = format!("{} (until {})", exception.reason, exception.until);
            object.insert("suppressions".to_owned(), json!([{ "kind": "external", "justification": until }]));
        }
        result
    });
    let results: Vec<Value> = verdict.findings.iter().map(|finding| result(finding, host)).chain(excepted).collect();
    let notifications: Vec<Value> = verdict.not_checked.iter().map(notification).collect();
    let report = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "spyhop",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": CLASSES.iter().copied().map(rule).collect::<Vec<_>>(),
            }},
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": notifications }],
            "results": results,
        }],
    });
    // Keys are text and numbers are finite: nothing of it cannot be written.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}

/// Where a reader may put things right.
const POLICY: &str = "policy.yml";

/// A check that could not be made.
fn notification(look: &NotChecked) -> Value {
    let place = place_of(look.service.as_ref());
    let mut notification = json!({ "level": "warning", "message": { "text": format!("{place}: {}", look.reason) } });
    if let (Some(class), Some(object)) = (look.class, notification.as_object_mut()) {
        object.insert("associatedRule".to_owned(), json!({ "id": class.as_str() }));
    }
    notification
}

fn rule(class: Class) -> Value {
    json!({
        "id": class.as_str(),
        "shortDescription": { "text": class.title() },
        "help": { "text": class.help() },
        "defaultConfiguration": { "level": level(class.severity()) },
    })
}

fn result(finding: &Finding, host: Option<&str>) -> Value {
    let place = finding.place();
    let whole = format!("{}/{place}", host.unwrap_or("host"));
    json!({
        "ruleId": finding.class.as_str(),
        "level": level(finding.severity),
        "message": { "text": format!("{place}: {}", finding.message) },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": POLICY }, "region": { "startLine": 1 } },
            "logicalLocations": [{ "name": place, "fullyQualifiedName": whole, "kind": "resource" }],
        }],
        "partialFingerprints": { "spyhop/v1": format!("{}/{place}/{}", finding.class.as_str(), finding.subject) },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_lead_to_their_rules() {
        let report: Value = serde_json::from_str(&report(&super::super::tests::verdict(), Some("whale"))).unwrap();
        let run = &report["runs"][0];
        let results = run["results"].as_array().unwrap();
        let levels: Vec<_> = results.iter().map(|result| result["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["error", "warning", "note", "warning"]);
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        for result in results {
            assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
        }
        assert_eq!(run["invocations"][0]["toolExecutionNotifications"][0]["associatedRule"]["id"], "secret_stale");
        assert_eq!(results[3]["suppressions"][0]["kind"], "external");
        let location = &results[0]["locations"][0]["logicalLocations"][0];
        assert_eq!(location["fullyQualifiedName"], "whale/shop/d<b>");
        assert_eq!(results[0]["partialFingerprints"]["spyhop/v1"], "port_unlisted/shop/d<b>/5432/tcp");
    }
}
