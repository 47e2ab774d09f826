//! Event lines as the engine writes them, and its filter rules.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The real engine keeps this many events for `since`.
pub const REPLAYED: usize = 256;

/// One event of a container. `attributes` come beside the labels, image and name which the engine always adds.
pub fn of_container(inspect: &Value, action: &str, attributes: &[(&str, &str)]) -> Value {
    let (id, config) = (&inspect["Id"], &inspect["Config"]);
    let mut all: Map<String, Value> = config["Labels"].as_object().cloned().unwrap_or_default();
    all.insert("image".into(), config["Image"].clone());
    all.insert("name".into(), inspect["Name"].as_str().unwrap_or_default().trim_start_matches('/').into());
    for (key, value) in attributes {
        all.insert((*key).into(), (*value).into());
    }
    json!({
        "status": action, "id": id, "from": config["Image"], "Type": "container", "Action": action,
        "Actor": { "ID": id, "Attributes": all }, "scope": "local",
    })
}

/// One event of a network; connections name their container.
pub fn of_network(network: &Value, action: &str, container: Option<&Value>) -> Value {
    let mut attributes = json!({ "name": network["Name"], "type": network["Driver"] });
    if let Some(id) = container {
        attributes["container"] = id.clone();
    }
    json!({
        "Type": "network", "Action": action, "Actor": { "ID": network["Id"], "Attributes": attributes }, "scope": "local",
    })
}

/// `since`, `until` and `filters` of one request.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub since: Option<i128>,
    pub until: Option<i128>,
    filters: BTreeMap<String, Vec<String>>,
}

impl Asked {
    /// Reads the query, or says what the engine answers with status 500.
    pub fn parse(query: &BTreeMap<String, String>) -> Result<Self, String> {
        let filters = match query.get("filters").filter(|text| !text.is_empty()) {
            None => BTreeMap::new(),
            Some(text) => filters(text)?,
        };
        let time = |key: &str| query.get(key).filter(|text| !text.is_empty()).map(|text| nanoseconds(text)).transpose();
        Ok(Self { since: time("since")?, until: time("until")?, filters })
    }

    /// Whether the engine would send this event. Both ends of the window belong to it.
    pub fn wants(&self, event: &Value) -> bool {
        let time = i128::from(event["timeNano"].as_i64().unwrap_or_default());
        let in_window = self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time <= until);
        in_window && self.passes("type", &event["Type"]) && self.passes("event", &event["Action"])
    }

    fn passes(&self, key: &str, value: &Value) -> bool {
        let (Some(wanted), Some(value)) = (self.filters.get(key), value.as_str()) else {
            return true;
        };
        // With a bare `health_status` in the filter the engine compares beginnings, else whole words.
        match wanted.iter().any(|word| word == "health_status") {
            true => wanted.iter().any(|word| value.starts_with(word.as_str())),
            false => wanted.iter().any(|word| word == value),
        }
    }
}

/// Both spellings: `{"type":["container"]}` and `{"type":{"container":true}}`.
fn filters(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let parsed: Map<String, Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let words = |value: &Value| match value {
        Value::Array(list) => list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect(),
        Value::Object(map) => map.keys().cloned().collect(),
        _ => Vec::new(),
    };
    Ok(parsed.iter().map(|(key, value)| (key.clone(), words(value))).collect())
}

/// `seconds` or `seconds.fraction`.
pub fn nanoseconds(text: &str) -> Result<i128, String> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let number =
        |word: &str| word.parse::<i128>().map_err(|_| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"));
    Ok(number(seconds)? * 1_000_000_000 + number(&format!("{fraction:0<9.9}"))?)
}
