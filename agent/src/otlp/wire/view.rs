//! What is looked at of a request, borrowed from its bytes.

use super::{Field, Fields, Malformed, Value};

/// The groups of a request of any signal: what stands under one resource.
///
/// Fields of the request which are no group are left out here; whoever passes a request on takes them from [`Fields`].
pub fn groups(request: &[u8]) -> impl Iterator<Item = Result<Group<'_>, Malformed>> {
    Fields::new(request).filter_map(|field| match field {
        Ok(field) if field.number == 1 => Some(field.bytes().and_then(Group::parse)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

/// `ResourceSpans`, `ResourceMetrics` or `ResourceLogs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Group<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// Its `Resource`; empty where there is none. Of several the last counts, as one of them in one place would be merged.
    pub resource: &'a [u8],
    /// `schema_url`.
    pub schema_url: &'a [u8],
}

impl<'a> Group<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut group = Self { message, ..Self::default() };
        for field in Fields::new(message) {
            let field = field?;
            match field.number {
                1 => group.resource = field.bytes()?,
                3 => group.schema_url = field.bytes()?,
                _ => {}
            }
        }
        Ok(group)
    }

    /// Attributes of the resource.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.resource, 1)
    }

    /// `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`, in order.
    pub fn scopes(&self) -> impl Iterator<Item = Result<Scope<'a>, Malformed>> + use<'a> {
        messages(self.message, 2).map(|scope| scope.map(|message| Scope { message }))
    }
}

/// `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The whole message.
    pub message: &'a [u8],
}

impl<'a> Scope<'a> {
    /// Spans, metrics or log records as messages, in order.
    pub fn records(&self) -> impl Iterator<Item = Result<&'a [u8], Malformed>> + use<'a> {
        messages(self.message, 2)
    }

    /// Name of the instrumentation scope; empty where there is none.
    ///
    /// # Errors
    /// The scope is no message.
    pub fn name(&self) -> Result<&'a [u8], Malformed> {
        let mut name: &[u8] = &[];
        for scope in messages(self.message, 1) {
            for field in Fields::new(scope?) {
                let field = field?;
                if field.number == 1 {
                    name = field.bytes()?;
                }
            }
        }
        Ok(name)
    }
}

fn messages(message: &[u8], number: u32) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    Fields::new(message).filter_map(move |field| match field {
        Ok(field) if field.number == number => Some(field.bytes()),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

/// One span. Strings are bytes: what is passed on is not ours to correct, and who shows one makes it text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// Sixteen bytes, not all zero, in a valid span.
    pub trace_id: &'a [u8],
    /// Eight bytes, not all zero, in a valid span.
    pub span_id: &'a [u8],
    /// W3C `tracestate`.
    pub trace_state: &'a [u8],
    /// Empty at the root.
    pub parent_span_id: &'a [u8],
    /// W3C trace flags in bits 0 to 7; bit 8 says that bit 9, "the parent is remote", is known.
    pub flags: u32,
    /// What was done.
    pub name: &'a [u8],
    /// `SpanKind`, 0 to 5.
    pub kind: u64,
    /// Nanoseconds since 1970.
    pub start_ns: u64,
    /// Nanoseconds since 1970.
    pub end_ns: u64,
    /// `StatusCode`: 0 unset, 1 ok, 2 error.
    pub status: u64,
    /// What the status says further.
    pub status_message: &'a [u8],
}

impl<'a> Span<'a> {
    /// Reads one; its attributes, events and links are not looked at.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut span = Self { message, ..Self::default() };
        for field in Fields::new(message) {
            let field = field?;
            match field.number {
                1 => span.trace_id = field.bytes()?,
                2 => span.span_id = field.bytes()?,
                3 => span.trace_state = field.bytes()?,
                4 => span.parent_span_id = field.bytes()?,
                5 => span.name = field.bytes()?,
                6 => span.kind = field.varint()?,
                7 => span.start_ns = field.fixed64()?,
                8 => span.end_ns = field.fixed64()?,
                15 => span.read_status(field)?,
                16 => span.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(span)
    }

    fn read_status(&mut self, field: Field<'a>) -> Result<(), Malformed> {
        for field in Fields::new(field.bytes()?) {
            let field = field?;
            match field.number {
                2 => self.status_message = field.bytes()?,
                3 => self.status = field.varint()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether both ids are of the right length and not all zero: what the specification calls valid.
    pub fn has_valid_ids(&self) -> bool {
        let valid = |id: &[u8], length| id.len() == length && id.iter().any(|byte| *byte != 0);
        valid(self.trace_id, 16) && valid(self.span_id, 8)
    }

    /// Its attributes, in order.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.message, 9)
    }
}

/// `KeyValue`s of a message, in order. Ends at the first mistake.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    fields: Fields<'a>,
    number: u32,
}

impl<'a> Attributes<'a> {
    /// Those in the field of this number.
    pub fn new(message: &'a [u8], number: u32) -> Self {
        Self { fields: Fields::new(message), number }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<KeyValue<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.number;
        let field = self.fields.find(|field| field.as_ref().map_or(true, |field| field.number == number))?;
        Some(field.and_then(|field| KeyValue::parse(field.bytes()?)))
    }
}

/// A key and its value.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyValue<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value; `None` where there is none.
    pub value: Option<AnyValue<'a>>,
}

impl<'a> KeyValue<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut pair = Self::default();
        for field in Fields::new(message) {
            let field = field?;
            match field.number {
                1 => pair.key = field.bytes()?,
                2 => pair.value = AnyValue::parse(field.bytes()?)?,
                _ => {}
            }
        }
        Ok(pair)
    }

    /// The value, where it is a string.
    pub fn string(&self) -> Option<&'a [u8]> {
        match self.value {
            Some(AnyValue::String(text)) => Some(text),
            _ => None,
        }
    }
}

/// A value of any type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AnyValue<'a> {
    /// Text.
    String(&'a [u8]),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// `ArrayValue`, as it is on the wire.
    Array(&'a [u8]),
    /// `KeyValueList`, as it is on the wire.
    Map(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> AnyValue<'a> {
    /// Reads one; `None` for an empty value, and for one of a type that came later.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(message: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let mut read = None;
        for field in Fields::new(message) {
            let field = field?;
            read = match (field.number, field.value) {
                (1, Value::Bytes(text)) => Some(Self::String(text)),
                (2, Value::Varint(number)) => Some(Self::Bool(number != 0)),
                (3, Value::Varint(number)) => Some(Self::Int(number.cast_signed())),
                (4, Value::Fixed64(bits)) => Some(Self::Double(f64::from_bits(bits))),
                (5, Value::Bytes(array)) => Some(Self::Array(array)),
                (6, Value::Bytes(map)) => Some(Self::Map(map)),
                (7, Value::Bytes(bytes)) => Some(Self::Bytes(bytes)),
                (1..=7, _) => return Err(Malformed::WireType),
                _ => read,
            };
        }
        Ok(read)
    }
}
