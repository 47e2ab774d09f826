//! Requests of every shape, with fields nobody knows in all places where a newer sender may put some, against OpenTelemetry's own types.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue as Pair, any_value},
    trace::v1::Span,
};
use proptest::{collection::vec, option, prelude::*};
use prost::Message;

use super::*;

/// A field that no version of the protocol has; of each wire type.
#[derive(Clone, Debug)]
struct Newer(Option<u8>);

impl Newer {
    fn write(&self, writer: &mut Writer) {
        match self.0.map(|kind| kind % 4) {
            None => {}
            Some(0) => writer.varint(70, u64::MAX),
            Some(1) => writer.bytes(900, b"\x0a\x02\x12\x00"),
            Some(2) => writer.fixed32(71, 7),
            Some(_) => writer.fixed64(4000, 8),
        }
    }
}

/// A resource in so many fields, each with attributes of these keys.
type Resource = Vec<Vec<String>>;

#[derive(Clone, Debug)]
struct ScopeOf {
    newer: Newer,
    fates: Vec<(Fate, Newer)>,
    name: Option<String>,
}

#[derive(Clone, Debug)]
struct GroupOf {
    newer: Newer,
    resource: Resource,
    resource_last: bool,
    scopes: Vec<ScopeOf>,
    change: Change,
    schema: Option<String>,
}

fn newer() -> impl Strategy<Value = Newer> {
    option::of(any::<u8>()).prop_map(Newer)
}

fn pair(key: &str) -> Pair {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue("value".into())) });
    Pair { key: key.into(), value, ..Pair::default() }
}

fn added() -> Bytes {
    let mut writer = Writer::new();
    writer.bytes(1, &pair("container.name").encode_to_vec());
    writer.bytes(1, &pair("host.name").encode_to_vec());
    writer.into_bytes().into()
}

fn change() -> impl Strategy<Value = Change> {
    let without = prop_oneof![Just(vec![]), Just(vec!["gone"]), Just(vec!["gone", "away"])];
    (without, any::<bool>())
        .prop_map(|(without, add)| Change { without, add: if add { added() } else { Bytes::new() } })
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        2 => Just(Fate::Keep),
        2 => Just(Fate::Drop),
        1 => Just(Fate::Instead(Span { name: "instead".into(), ..Span::default() }.encode_to_vec())),
    ]
}

fn scope() -> impl Strategy<Value = ScopeOf> {
    (newer(), vec((fate(), newer()), 0..5), option::of("[a-z]{0,200}")).prop_map(|(newer, fates, name)| ScopeOf {
        newer,
        fates,
        name,
    })
}

fn group() -> impl Strategy<Value = GroupOf> {
    let resource = vec(vec("gone|away|stays|[a-z]{0,150}", 0..4), 0..3);
    (newer(), resource, any::<bool>(), vec(scope(), 0..4), change(), option::of("[a-z]{0,9}")).prop_map(
        |(newer, resource, resource_last, scopes, change, schema)| GroupOf {
            newer,
            resource,
            resource_last,
            scopes,
            change,
            schema,
        },
    )
}

/// Bytes of a request, by hand: types of the protocol could not hold what is newer than they are.
fn bytes(groups: &[GroupOf]) -> Vec<u8> {
    let mut writer = Writer::new();
    for group in groups {
        writer.message(1, |writer| {
            group.newer.write(writer);
            if !group.resource_last {
                resources(group, writer);
            }
            for scope in &group.scopes {
                writer.message(2, |writer| write_scope(scope, writer));
                group.newer.write(writer);
            }
            if group.resource_last {
                resources(group, writer);
            }
            group.schema.iter().for_each(|schema| writer.string(3, schema));
        });
        group.newer.write(&mut writer);
    }
    writer.into_bytes()
}

fn resources(group: &GroupOf, writer: &mut Writer) {
    for keys in &group.resource {
        writer.message(1, |writer| {
            for key in keys {
                writer.bytes(1, &pair(key).encode_to_vec());
                group.newer.write(writer);
            }
            writer.varint(2, 5);
        });
    }
}

fn write_scope(scope: &ScopeOf, writer: &mut Writer) {
    scope.newer.write(writer);
    for (at, (_, newer)) in scope.fates.iter().enumerate() {
        writer.message(2, |writer| {
            writer.raw(&Span { name: at.to_string(), trace_id: vec![7; 16], ..Span::default() }.encode_to_vec());
            newer.write(writer);
        });
        newer.write(writer);
    }
    scope.name.iter().for_each(|name| writer.message(1, |writer| writer.string(1, name)));
}

/// Says what a request was made with.
struct Script {
    changes: std::vec::IntoIter<Change>,
    fates: std::vec::IntoIter<Fate>,
}

impl Script {
    fn of(groups: &[GroupOf]) -> Self {
        let fates: Vec<_> = groups
            .iter()
            .flat_map(|group| &group.scopes)
            .flat_map(|scope| &scope.fates)
            .map(|(fate, _)| fate.clone())
            .collect();
        let changes: Vec<_> = groups.iter().map(|group| group.change.clone()).collect();
        Self { changes: changes.into_iter(), fates: fates.into_iter() }
    }
}

impl Edit for Script {
    fn group(&mut self, _: &Group<'_>) -> Result<Change, Malformed> {
        Ok(self.changes.next().unwrap())
    }

    fn record(&mut self, _: &[u8]) -> Result<Fate, Malformed> {
        Ok(self.fates.next().unwrap())
    }
}

/// The same with OpenTelemetry's types.
fn edited(mut request: ExportTraceServiceRequest, groups: &[GroupOf]) -> ExportTraceServiceRequest {
    let empty = |fates: &[(Fate, Newer)]| !fates.is_empty() && fates.iter().all(|(fate, _)| *fate == Fate::Drop);
    let mut each = groups.iter();
    request.resource_spans.retain_mut(|spans| {
        let group = each.next().unwrap();
        let mut scopes = group.scopes.iter();
        spans.scope_spans.retain_mut(|spans| {
            let scope = scopes.next().unwrap();
            let mut fates = scope.fates.iter().map(|(fate, _)| fate);
            spans.spans.retain_mut(|span| match fates.next().unwrap() {
                Fate::Keep => true,
                Fate::Drop => false,
                Fate::Instead(other) => {
                    *span = Span::decode(other.as_slice()).unwrap();
                    true
                }
            });
            !empty(&scope.fates)
        });
        if !group.change.add.is_empty() {
            let resource = spans.resource.get_or_insert_default();
            resource.attributes.retain(|pair| !group.change.without.contains(&pair.key.as_str()));
            resource.attributes.extend([pair("container.name"), pair("host.name")]);
        } else if let Some(resource) = &mut spans.resource {
            resource.attributes.retain(|pair| !group.change.without.contains(&pair.key.as_str()));
        }
        let all: Vec<_> = group.scopes.iter().flat_map(|scope| scope.fates.clone()).collect();
        !empty(&all)
    });
    request
}

/// Every field of a request in order, as it is on the wire, but for messages which hold others: by the numbers of these.
fn leaves(message: &[u8], path: &[u32], into: &mut Vec<(Vec<u32>, Vec<u8>)>) {
    for field in Fields::new(message) {
        let field = field.unwrap();
        let inner = [path, &[field.number]].concat();
        match inner.as_slice() {
            [1] | [1, 1] | [1, 2] => leaves(field.bytes().unwrap(), &inner, into),
            // A record by its content: its length is written anew where it takes the place of another.
            [1, 2, 2] => into.push((inner, field.bytes().unwrap().to_vec())),
            _ => into.push((inner, field.raw.to_vec())),
        }
    }
}

proptest! {
    #[test]
    fn what_changes_is_what_the_types_say_and_the_rest_is_as_it_was(groups in vec(group(), 0..4)) {
        let request = bytes(&groups);
        let mut out = b"before".to_vec();
        let counts = rewrite(&request, &mut Script::of(&groups), &mut out).unwrap();
        let written = out.strip_prefix(b"before").unwrap();

        let expected = edited(ExportTraceServiceRequest::decode(request.as_slice()).unwrap(), &groups);
        prop_assert_eq!(ExportTraceServiceRequest::decode(written).unwrap(), expected);
        let fates = groups.iter().flat_map(|group| &group.scopes).flat_map(|scope| &scope.fates);
        let dropped = fates.clone().filter(|(fate, _)| *fate == Fate::Drop).count() as u64;
        prop_assert_eq!(counts, Counts { kept: fates.count() as u64 - dropped, dropped });
    }

    #[test]
    fn fields_of_newer_senders_stay_in_their_places(groups in vec(group(), 0..4)) {
        let groups: Vec<_> = groups.into_iter().map(|mut group| {
            group.change.without.clear();
            let fates = group.scopes.iter_mut().flat_map(|scope| &mut scope.fates).map(|(fate, _)| fate);
            fates.filter(|fate| **fate == Fate::Drop).for_each(|fate| *fate = Fate::Instead(Vec::new()));
            group
        }).collect();
        let request = bytes(&groups);
        let mut out = Vec::new();
        rewrite(&request, &mut Script::of(&groups), &mut out).unwrap();

        let (mut before, mut after) = (Vec::new(), Vec::new());
        leaves(&request, &[], &mut before);
        leaves(&out, &[], &mut after);
        let added: Vec<_> = [pair("container.name"), pair("host.name")].map(|pair| {
            let mut writer = Writer::new();
            writer.bytes(1, &pair.encode_to_vec());
            writer.into_bytes()
        }).into();
        after.retain(|(_, field)| !added.contains(field));
        let mut fates = groups.iter().flat_map(|group| &group.scopes).flat_map(|scope| &scope.fates);
        for (path, field) in &mut before {
            if path == &[1, 2, 2] && let Some((Fate::Instead(other), _)) = fates.next() {
                field.clone_from(other);
            }
        }
        prop_assert_eq!(before, after);
    }

    #[test]
    fn nothing_changed_is_nothing_changed(groups in vec(group(), 0..4)) {
        struct Nothing;
        impl Edit for Nothing {
            fn group(&mut self, _: &Group<'_>) -> Result<Change, Malformed> {
                // Asked for what is not there, which is no change either.
                Ok(Change { without: vec!["no such key"], add: Bytes::new() })
            }
            fn record(&mut self, _: &[u8]) -> Result<Fate, Malformed> {
                Ok(Fate::Keep)
            }
        }
        let request = bytes(&groups);
        let mut out = Vec::new();
        rewrite(&request, &mut Nothing, &mut out).unwrap();
        prop_assert_eq!(request, out);
    }

    #[test]
    fn a_request_cut_off_is_refused_or_shorter_and_leaves_nothing_behind(groups in vec(group(), 1..3), cut in any::<prop::sample::Index>()) {
        let request = bytes(&groups);
        let cut = &request[..cut.index(request.len())];
        let mut out = b"before".to_vec();
        if rewrite(cut, &mut Script::of(&groups), &mut out).is_err() {
            prop_assert_eq!(out, b"before");
        } else {
            ExportTraceServiceRequest::decode(&out[6..]).unwrap();
        }
    }
}

#[test]
fn a_large_group_gets_a_longer_length() {
    let groups = [GroupOf {
        newer: Newer(Some(1)),
        resource: vec![vec!["x".repeat(3 << 20)]],
        resource_last: false,
        scopes: vec![ScopeOf {
            newer: Newer(None),
            fates: vec![(Fate::Drop, Newer(None)), (Fate::Keep, Newer(None))],
            name: None,
        }],
        change: Change { without: vec![], add: added() },
        schema: None,
    }];
    let request = bytes(&groups);
    let mut out = Vec::new();
    rewrite(&request, &mut Script::of(&groups), &mut out).unwrap();
    let expected = edited(ExportTraceServiceRequest::decode(request.as_slice()).unwrap(), &groups);
    assert_eq!(ExportTraceServiceRequest::decode(out.as_slice()).unwrap(), expected);
}

#[test]
fn an_edit_may_refuse() {
    struct Refuse;
    impl Edit for Refuse {
        fn group(&mut self, _: &Group<'_>) -> Result<Change, Malformed> {
            Ok(Change { without: vec![], add: added() })
        }
        fn record(&mut self, _: &[u8]) -> Result<Fate, Malformed> {
            Err(Malformed::Depth)
        }
    }
    let request = [0x0a, 4, 0x12, 2, 0x12, 0];
    let mut out = vec![1];
    assert_eq!(rewrite(&request, &mut Refuse, &mut out), Err(Malformed::Depth));
    assert_eq!(out, [1]);
}
