//! Second reading of an answer which its type refused.
//!
//! Those types are strict: one word which an enumeration does not know (a state of Podman, a policy of a newer engine) fails the
//! whole answer, and with a list every container in it. Here such an answer is read as free JSON, words known from other
//! engines are translated, and the smallest parts that still do not fit are left out: almost all fields of those types may be
//! absent, so what is left out is `None` later on. Nothing is guessed.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Words of other engines for the same thing, by the place they stand in.
const WORDS: &[(&[&str], &str, &str)] = &[
    // Podman's own states, where its Docker-compatible answers let them through.
    (&["State", "Status"], "stopped", "exited"),
    (&["State", "Status"], "configured", "created"),
    (&["State", "Status"], "initialized", "created"),
];

/// A step from the whole to a part.
#[derive(Clone)]
enum Step {
    Field(String),
    Element,
}

/// Reads `bytes` into `T`, leaving out what does not fit; `None` when nothing readable is left. Never fails with a text: the data is
/// not to be quoted.
///
/// The cost is that of writing and parsing each part once more for every level it lies deep, for answers that are refused only.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    // A byte which is no text costs its own sign only.
    mend(serde_json::from_slice(String::from_utf8_lossy(bytes).as_bytes()).ok()?)
}

/// [`read`] for JSON that is parsed already.
pub(super) fn mend<T: DeserializeOwned>(mut value: Value) -> Option<T> {
    translate(&mut value);
    prune::<T>(&mut Vec::new(), &mut value);
    strict(&value)
}

/// The strict reading of what is JSON already. By way of its text: a type that is read from both would be in the program twice.
pub(super) fn strict<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_slice(&serde_json::to_vec(value).ok()?).ok()
}

fn translate(value: &mut Value) {
    for (path, foreign, known) in WORDS {
        let place = path.iter().try_fold(&mut *value, |value, key| value.get_mut(*key));
        if let Some(word) = place.filter(|word| word.as_str() == Some(*foreign)) {
            *word = Value::from(*known);
        }
    }
}

/// Removes from `part` what keeps the whole from being read; `false` when nothing of it can stay.
fn prune<T: DeserializeOwned>(path: &mut Vec<Step>, part: &mut Value) -> bool {
    if fits::<T>(path, part) {
        return true;
    }
    match part {
        Value::Object(fields) => {
            let taken = std::mem::take(fields);
            for (key, mut field) in taken {
                path.push(Step::Field(key.clone()));
                if prune::<T>(path, &mut field) {
                    fields.insert(key, field);
                }
                path.pop();
            }
        }
        Value::Array(elements) => {
            path.push(Step::Element);
            elements.retain_mut(|element| prune::<T>(path, element));
            path.pop();
        }
        _ => return false,
    }
    fits::<T>(path, part)
}

/// Whether a whole which consists of this part alone can be read.
fn fits<T: DeserializeOwned>(path: &[Step], part: &mut Value) -> bool {
    let mut whole = std::mem::take(part);
    for step in path.iter().rev() {
        whole = match step {
            Step::Field(key) => Value::Object(Map::from_iter([(key.clone(), whole)])),
            Step::Element => Value::Array(vec![whole]),
        };
    }
    let fits = strict::<T>(&whole).is_some();
    *part = path.iter().fold(whole, |whole, _| match whole {
        Value::Object(fields) => fields.into_iter().next().map(|(_, value)| value).unwrap_or_default(),
        Value::Array(elements) => elements.into_iter().next().unwrap_or_default(),
        other => other,
    });
    fits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{
        super::{
            answers::{ContainerInspect, ContainerSummary, EventMessage, Status, SystemInfo},
            any_json,
        },
        *,
    };
    use bollard::models::Network;

    fn inspect(text: &Value) -> ContainerInspect {
        assert!(strict::<ContainerInspect>(text).is_none(), "the strict reading must refuse it: {text}");
        mend(text.clone()).expect("something to be left")
    }

    #[test]
    fn words_of_podman_are_translated() {
        let check = |word: &str, expected| {
            let read = inspect(&json!({ "Id": "a", "State": { "Status": word, "Pid": 0 } }));
            assert_eq!(read.state.unwrap().status, Some(expected), "{word}");
        };
        check("stopped", Status::Exited);
        check("configured", Status::Created);
        check("initialized", Status::Created);
    }

    #[test]
    fn an_unknown_word_costs_its_own_field_only() {
        let read = inspect(&json!({
            "Id": "a", "Name": "/web",
            "State": { "Status": "hibernating", "Pid": 7, "Health": { "Status": "poorly", "FailingStreak": 2 } },
            "HostConfig": { "RestartPolicy": { "Name": "sometimes", "MaximumRetryCount": 3 }, "CgroupnsMode": "shared", "Memory": 5 },
        }));
        let state = read.state.unwrap();
        assert_eq!((read.name.as_deref(), state.status, state.pid), (Some("/web"), None, Some(7)));
        assert_eq!(state.health.unwrap().failing_streak, Some(2));
        let host = read.host_config.unwrap();
        assert_eq!((host.memory, host.restart_policy.unwrap().maximum_retry_count), (Some(5), Some(3)));
    }

    #[test]
    fn a_field_of_another_type_costs_itself_only() {
        let read = inspect(
            &json!({ "Id": "a", "RestartCount": "three", "State": [], "Config": { "Image": "b", "Env": "A=1" } }),
        );
        let config = read.config.unwrap();
        assert_eq!((read.id.as_deref(), read.restart_count, config.image.as_deref()), (Some("a"), None, Some("b")));
    }

    #[test]
    fn an_odd_element_does_not_hide_the_others() {
        let list = json!([
            { "Id": "a", "State": "running" },
            { "Id": "b", "State": "stopped", "Ports": [{ "PrivatePort": 80, "Type": "dccp" }] },
            { "Id": ["b"] },
            "no container at all",
            { "Id": "c" },
        ]);
        let read: Vec<ContainerSummary> = mend(list).unwrap();
        let ids: Vec<_> = read.iter().filter_map(|row| row.id.as_deref()).collect();
        assert_eq!((ids, read.len()), (vec!["a", "b", "c"], 4));
    }

    #[test]
    fn other_answers_are_mended_alike() {
        let info: SystemInfo = mend(json!({ "Name": "host", "CgroupVersion": 3, "NCPU": "many" })).unwrap();
        assert_eq!((info.name.as_deref(), info.cgroup_version, info.ncpu), (Some("host"), None, None));
        let event: EventMessage = mend(json!({ "Type": "newthing", "Action": "start", "timeNano": 5 })).unwrap();
        assert_eq!((event.typ, event.action.as_deref(), event.time_nano), (None, Some("start"), Some(5)));
        let networks: Vec<Network> = mend(json!([{ "Name": "a", "Internal": "yes" }, { "Name": "b" }])).unwrap();
        assert_eq!(networks.len(), 2);
    }

    #[test]
    fn what_is_no_answer_stays_unread() {
        assert!(read::<ContainerInspect>(b"{\"Id\": \"a\", ").is_none());
        assert!(read::<ContainerInspect>(b"[]").is_none_or(|read| read == ContainerInspect::default()));
        assert!(read::<Vec<ContainerSummary>>(b"{}").is_none());
        assert!(read::<SystemInfo>(b"\"text\"").is_none());
    }

    /// Fields that are read in ways of their own.
    const KEYS: &[&str] = &["State", "Status", "Id", "Health", "Log", "Mounts", "Config", "HostConfig", "Ports"];

    proptest! {
        #[test]
        fn what_the_strict_reading_takes_is_left_alone(value in any_json(KEYS)) {
            if let Some(whole) = strict::<ContainerInspect>(&value) {
                prop_assume!(value.pointer("/State/Status").is_none());
                prop_assert_eq!(mend::<ContainerInspect>(value), Some(whole));
            }
        }

        #[test]
        fn every_object_can_be_mended(value in any_json(KEYS)) {
            if value.is_object() {
                prop_assert!(mend::<ContainerInspect>(value).is_some());
            }
        }
    }
}
