//! JSON of every form, for tests of whatever reads an engine's answers.

use proptest::prelude::*;
use serde_json::Value;

/// Objects, lists and leaves within each other, with fields of these names.
pub(crate) fn any_json(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let key = prop::sample::select(keys);
    let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), "[a-z=]{0,6}".prop_map(Value::from)];
    leaf.prop_recursive(5, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}
