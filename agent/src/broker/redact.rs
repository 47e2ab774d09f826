//! Takes out of the engine's answers what may be a secret: values of environments, command lines, credentials in options and addresses.
//!
//! By the names of fields, at any depth, so that an engine which puts them elsewhere (an image has two configurations, Podman its own
//! words) is covered too. Labels and annotations stay as they are, whatever their names: everything is known by them. A field which is
//! not named here stays as well, so that programs behind the broker find what they know.

use std::fmt;

use serde::{
    Deserializer as _, Serialize as _,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// Options of drivers whose values say how things are set up. Others may be passwords (`o=username=...` of a volume, the token of a log
/// driver): their names stay and their values go.
const PLAIN_OPTIONS: [&str; 21] = [
    "mode",
    "max-size",
    "max-file",
    "max-buffer-size",
    "compress",
    "cache-disabled",
    "tag",
    "labels",
    "labels-regex",
    "env",
    "env-regex",
    "parent",
    "macvlan_mode",
    "ipvlan_mode",
    "ipvlan_flag",
    "encrypted",
    "isolate",
    "mtu",
    "vlan",
    "metric",
    "no_default_route",
];
/// The engine's own options of networks.
const NETWORK_OPTIONS: &str = "com.docker.network.";

/// Attributes of events about the engine itself which hold addresses with credentials in them.
const ADDRESSES: [&str; 5] = ["http-proxy", "https-proxy", "no-proxy", "registry-mirrors", "insecure-registries"];

/// What was to be an answer is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotJson;

/// One document. Its elements are read one by one where it is a list: a thousand containers are never in memory as values at once.
pub(super) fn document(bytes: &[u8]) -> Result<Vec<u8>, NotJson> {
    let mut written = Vec::with_capacity(bytes.len());
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    reader.deserialize_any(Writer(&mut written)).map_err(|_| NotJson)?;
    reader.end().map_err(|_| NotJson)?;
    Ok(written)
}

/// One event, followed by a line end.
pub(super) fn event(mut event: Value) -> Vec<u8> {
    clean(&mut event);
    for key in ["Action", "status"] {
        // `exec_create: sh -c ...`; of details only the word of a health check is one that is asked for.
        if let Some(Value::String(word)) = event.get_mut(key)
            && !word.starts_with("health_status")
            && let Some(colon) = word.find(':')
        {
            word.truncate(colon);
        }
    }
    let mut written = Vec::new();
    write(&event, &mut written);
    written.push(b'\n');
    written
}

struct Writer<'w>(&'w mut Vec<u8>);

impl<'de> Visitor<'de> for Writer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut separator = b'[';
        while let Some(mut element) = elements.next_element::<Value>()? {
            self.0.push(separator);
            clean(&mut element);
            write(&element, self.0);
            separator = b',';
        }
        if separator == b'[' {
            self.0.push(separator);
        }
        self.0.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut object = Map::new();
        while let Some((key, value)) = fields.next_entry::<String, Value>()? {
            object.insert(key, value);
        }
        let mut whole = Value::Object(object);
        clean(&mut whole);
        write(&whole, self.0);
        Ok(())
    }

    /// `null`, which engines write for an empty list.
    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.extend_from_slice(b"null");
        Ok(())
    }
}

/// A value that was read can be written, and memory does not refuse.
fn write(value: &Value, into: &mut Vec<u8>) {
    value.serialize(&mut serde_json::Serializer::new(into)).unwrap_or_default();
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_command = fields.contains_key("Args");
            for (key, value) in fields {
                field(&key.to_ascii_lowercase(), value, is_command);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(clean),
        _ => {}
    }
}

/// `key` in small letters: engines written in Go read names in any case, and clients may too.
fn field(key: &str, value: &mut Value, beside_args: bool) {
    match key {
        "labels" | "annotations" => {}
        "attributes" => addresses(value),
        // Their keys are names which people choose, and not fields.
        "networks" | "containers" => each(value, clean),
        "env" | "environment" => names(value),
        "cmd" | "command" | "cmdline" | "args" | "entrypoint" | "onbuild" | "shell" | "createcommand" => words(value),
        "path" if beside_args => words(value),
        "test" => check(value),
        // What a check printed, and what a failed start quotes of its command.
        "output" | "error" => text(value),
        "httpproxy" | "httpsproxy" | "noproxy" => text(value),
        // Addresses of mirrors; settings of a whole Swarm, with options of its log drivers.
        "registryconfig" | "cluster" => *value = Value::Null,
        "logconfig" => each(value, |part| {
            if part.is_object() {
                options(part);
            }
        }),
        "options" | "driveropts" | "opts" | "storageopt" => options(value),
        _ => clean(value),
    }
}

fn each(value: &mut Value, act: impl FnMut(&mut Value)) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(act),
        Value::Array(elements) => elements.iter_mut().for_each(act),
        _ => {}
    }
}

/// `NAME=value` becomes `NAME=`: whoever asks for a name by cutting at the sign goes on finding it.
fn names(value: &mut Value) {
    match value {
        Value::Array(pairs) => pairs.iter_mut().for_each(|pair| match pair {
            Value::String(pair) => {
                pair.truncate(pair.find('=').unwrap_or(pair.len()));
                pair.push('=');
            }
            other => *other = Value::Null,
        }),
        Value::Object(fields) if fields.values().all(|value| value.is_string() || value.is_null()) => {
            each(value, |value| *value = Value::from(""));
        }
        other => words(other),
    }
}

/// A command: nothing is left of it.
fn words(value: &mut Value) {
    match value {
        Value::Array(words) => words.clear(),
        Value::Object(_) => clean(value),
        other => text(other),
    }
}

/// Of a health check's command its kind (`CMD`, `NONE`).
fn check(value: &mut Value) {
    match value {
        Value::Array(words) => {
            words.truncate(1);
            if let Some(Value::String(kind)) = words.first_mut()
                && !matches!(kind.as_str(), "" | "NONE" | "CMD" | "CMD-SHELL")
            {
                // Older forms have the command itself here. That there is one is all that counts.
                "CMD".clone_into(kind);
            }
        }
        other => words(other),
    }
}

fn text(value: &mut Value) {
    match value {
        Value::String(text) => text.clear(),
        Value::Null | Value::Bool(_) => {}
        Value::Number(_) => {}
        other => clean(other),
    }
}

fn options(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if !key.starts_with(NETWORK_OPTIONS) && !PLAIN_OPTIONS.contains(&key.as_str()) {
                    match value {
                        Value::String(text) => text.clear(),
                        other => *other = Value::Null,
                    }
                }
            }
        }
        Value::Array(options) => options.clear(),
        other => text(other),
    }
}

fn addresses(value: &mut Value) {
    for (_, value) in value.as_object_mut().into_iter().flatten().filter(|(key, _)| ADDRESSES.contains(&key.as_str())) {
        text(value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::engine::any_json;

    const CANARY: &str = "canary-3e1f";

    fn redacted(value: &Value) -> Value {
        let text = document(value.to_string().as_bytes()).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn an_inspection_keeps_names_and_loses_values() {
        let secret = || format!("{CANARY} = x");
        let inspect = json!({
            "Id": "ab", "Path": secret(), "Args": [secret()], "Name": "/web", "RestartCount": 3,
            "State": {
                "Pid": 7, "Error": secret(), "StartedAt": "2026-01-01T00:00:00Z",
                "Health": { "Status": "healthy", "Log": [{ "ExitCode": 0, "Output": secret() }] },
            },
            "Config": {
                "Env": [format!("DB_PASSWORD={CANARY}"), "EMPTY=", "UNSET", format!("TWO=a={CANARY}\nb")],
                "Cmd": ["sh", "-c", secret()], "Entrypoint": [secret()], "Shell": [secret()], "OnBuild": [secret()],
                "Healthcheck": { "Test": ["CMD-SHELL", secret()], "Interval": 5 },
                "Labels": { "env": "production", "cmd": "stays", "options": "stay" }, "User": "65534", "Tty": false,
            },
            "HostConfig": {
                "Memory": 9007199254740993_i64, "CpuPeriod": 100000,
                "LogConfig": { "Type": "splunk", "Config": { "max-file": "3", "mode": "non-blocking", "splunk-token": CANARY } },
                "Mounts": [{ "Type": "volume", "VolumeOptions": { "DriverConfig": { "Name": "local", "Options": { "o": secret(), "type": "cifs" } } } }],
                "Sysctls": { "net.ipv4.ip_forward": "0" }, "StorageOpt": { "size": "1G" },
            },
            "NetworkSettings": { "Networks": { "env": { "IPAddress": "10.0.0.2", "DriverOpts": { "x": CANARY } }, "test": { "NetworkID": "n" } } },
            "Mounts": [{ "Source": "/a", "Destination": "/b", "RW": true }],
        });
        let seen = redacted(&inspect);
        assert!(!seen.to_string().contains(CANARY), "{seen}");
        assert_eq!(seen["Config"]["Env"], json!(["DB_PASSWORD=", "EMPTY=", "UNSET=", "TWO="]));
        assert_eq!(seen["Config"]["Healthcheck"], json!({ "Test": ["CMD-SHELL"], "Interval": 5 }));
        assert_eq!(seen["Config"]["Labels"], inspect["Config"]["Labels"]);
        assert_eq!((&seen["Config"]["Cmd"], &seen["Path"], &seen["Args"]), (&json!([]), &json!(""), &json!([])));
        assert_eq!(
            seen["HostConfig"]["LogConfig"]["Config"],
            json!({ "max-file": "3", "mode": "non-blocking", "splunk-token": "" })
        );
        assert_eq!(seen["HostConfig"]["Memory"], inspect["HostConfig"]["Memory"], "numbers keep every digit");
        assert_eq!(seen["NetworkSettings"]["Networks"]["env"]["IPAddress"], "10.0.0.2", "a network may be called env");
        assert_eq!(seen["Mounts"], inspect["Mounts"]);
        assert_eq!((&seen["State"]["Pid"], &seen["RestartCount"]), (&json!(7), &json!(3)));
    }

    #[test]
    fn images_lists_and_facts_are_cleaned_alike() {
        let image = json!({
            "Id": "sha256:ab", "Created": "2026-01-01T00:00:00Z", "Config": { "Env": [format!("A={CANARY}")] },
            "ContainerConfig": { "Env": [format!("A={CANARY}")], "Cmd": [format!("#(nop) ENV A={CANARY}")] },
        });
        let list = json!([{ "Id": "a", "Command": CANARY, "State": "running", "Labels": { "a": "b" } }, { "Id": "b" }]);
        let info = json!({
            "Name": "host", "HttpProxy": format!("http://u:{CANARY}@p"), "HTTPSProxy": CANARY, "NoProxy": "a",
            "RegistryConfig": { "Mirrors": [CANARY] }, "Swarm": { "LocalNodeState": "active", "Cluster": { "x": CANARY } },
            "Labels": ["a=b"], "DriverStatus": [["a", "b"]],
        });
        let networks = json!([{ "Name": "n", "Options": { "com.docker.network.bridge.enable_icc": "false", "mtu": "1400", "key": CANARY } }]);
        for value in [&image, &list, &info, &networks] {
            assert!(!redacted(value).to_string().contains(CANARY), "{}", redacted(value));
        }
        assert_eq!(redacted(&list)[0]["State"], "running");
        assert_eq!(redacted(&info)["Labels"], info["Labels"]);
        assert_eq!(redacted(&networks)[0]["Options"]["com.docker.network.bridge.enable_icc"], "false");
        assert_eq!(redacted(&json!([])), json!([]));
        assert_eq!(redacted(&Value::Null), Value::Null);
    }

    #[test]
    fn an_event_says_what_happened_and_not_by_which_command() {
        let told = |value: Value| serde_json::from_slice::<Value>(&event(value)).unwrap();
        let exec = json!({ "Type": "container", "Action": format!("exec_create: sh -c {CANARY}"), "status": format!("exec_start: {CANARY}"),
            "Actor": { "ID": "a", "Attributes": { "execID": "1", "env": "label", "name": "web" } }, "timeNano": 1795253396000000005_i64 });
        let seen = told(exec.clone());
        assert_eq!((seen["Action"].as_str(), seen["status"].as_str()), (Some("exec_create"), Some("exec_start")));
        assert_eq!((&seen["Actor"], &seen["timeNano"]), (&exec["Actor"], &exec["timeNano"]));
        assert_eq!(told(json!({ "Action": "health_status: healthy" }))["Action"], "health_status: healthy");
        let reload =
            json!({ "Action": "reload", "Actor": { "Attributes": { "http-proxy": CANARY, "debug": "true" } } });
        assert_eq!(told(reload)["Actor"]["Attributes"], json!({ "http-proxy": "", "debug": "true" }));
    }

    #[test]
    fn what_is_no_document_is_not_passed_on() {
        for text in ["", "{", "[1", "{} {}", "\"text\"", "7", "<html>", "{\"a\":1e999}", "\u{1e}"] {
            assert_eq!(document(text.as_bytes()), Err(NotJson), "{text}");
        }
        assert_eq!(document(&[b'"', 0xff, b'"']), Err(NotJson));
        assert_eq!(document("[".repeat(1 << 20).as_bytes()), Err(NotJson));
    }

    /// Fields that are redacted, or that others of the name stand in, and some more.
    const KEYS: &[&str] = &[
        "Env",
        "env",
        "Environment",
        "Cmd",
        "Args",
        "Path",
        "Test",
        "Config",
        "Options",
        "Labels",
        "x",
        "Networks",
        "LogConfig",
        "Output",
    ];

    proptest! {
        #[test]
        fn no_environment_gets_through_wherever_it_stands(value in any_json(KEYS), depth in 0..4_usize) {
            let env = json!({ "Env": [format!("SECRET={CANARY}")], "rest": value });
            let whole = (0..depth).fold(env, |inner, _| json!([{ "Config": inner }]));
            let seen = redacted(&whole).to_string();
            prop_assert!(!seen.contains(CANARY), "{}", seen);
            prop_assert!(seen.contains("SECRET="), "{}", seen);
        }

        #[test]
        fn what_was_redacted_is_not_changed_again(value in any_json(KEYS)) {
            prop_assume!(value.is_object() || value.is_array());
            let once = redacted(&value);
            prop_assert_eq!(redacted(&once), once);
        }
    }
}
