//! Names of unix sockets in HTTP/2, made such that they may be there.
//!
//! gRPC's C core, which is under Python, Ruby, PHP and C++, says the path of the socket as `:authority`: `tmp%2Fotlp.sock`. That is no authority
//! of a URI, and hyper's HTTP/2 resets the request for it. Nobody here reads it, so whatever may not be in a name becomes a dash on its way
//! to hyper. Nothing changes its length, so nothing else of the frames has to.
//!
//! Sources: RFC 9113, 4.1 and 6.2 (frames, HEADERS); RFC 7541, 5 and 6 (integers, strings, fields), appendix A (`:authority` is 1).

/// Bytes of the head of a frame.
const HEAD: usize = 9;

/// Types of frames with fields.
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// Flags of [`HEADERS`].
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// The name of the field, where it is not said by its index: the C core spells it out.
const NAME: &[u8] = b":authority";

/// Bytes of a priority.
const PRIORITY_LENGTH: usize = 5;

/// Looks at what a client sends behind the preface.
#[derive(Debug, Default)]
pub(super) struct Authority {
    head: [u8; HEAD],
    /// Bytes of the head that came.
    got: usize,
    /// Bytes of the frame that are still to come; of these, those before its fields.
    left: usize,
    before: usize,
    /// The frame has fields, and they are understood.
    fields: bool,
    state: State,
}

/// Where in the fields the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A field begins.
    #[default]
    Field,
    /// In a number that does not matter; what follows it.
    Number(Option<Text>),
    /// The length of a text begins.
    Length(Text),
    /// It goes on.
    Longer { of: Text, plain: bool, length: usize, shift: u32 },
    /// In a text; so much of it is to come.
    Inside { of: Text, plain: bool, left: usize },
    /// These are no fields. hyper will say so.
    Lost,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Name,
    /// A name that is [`NAME`] so far.
    Named(usize),
    Value,
    Authority,
}

impl Authority {
    /// Passes on what came next.
    pub(super) fn pass(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = if self.got < HEAD { self.read_head(bytes) } else { self.read_body(bytes) };
            bytes = bytes.get_mut(taken..).unwrap_or_default();
        }
    }

    /// How many bytes belong to the head.
    fn read_head(&mut self, bytes: &[u8]) -> usize {
        let free = self.head.get_mut(self.got..).unwrap_or_default();
        let taken = free.len().min(bytes.len());
        free.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.got += taken;
        if self.got == HEAD {
            let [high, middle, low, kind, flags, ..] = self.head;
            self.left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            (self.fields, self.before) = match kind {
                HEADERS => {
                    self.state = State::Field;
                    // Padding nobody uses; with it a request is what it is.
                    (flags & PADDED == 0, if flags & PRIORITY == 0 { 0 } else { PRIORITY_LENGTH })
                }
                CONTINUATION => (self.fields, 0),
                _ => (false, 0),
            };
            self.end_frame();
        }
        taken
    }

    /// How many bytes belong to the frame.
    fn read_body(&mut self, bytes: &mut [u8]) -> usize {
        let taken = self.left.min(bytes.len());
        let body = bytes.get_mut(..taken).unwrap_or_default();
        let before = self.before.min(taken);
        if self.fields {
            body.iter_mut().skip(before).for_each(|byte| self.state = self.state.next(byte));
        }
        (self.before, self.left) = (self.before - before, self.left - taken);
        self.end_frame();
        taken
    }

    fn end_frame(&mut self) {
        if self.left == 0 {
            self.got = 0;
        }
    }
}

impl State {
    fn next(self, byte: &mut u8) -> Self {
        match self {
            Self::Field => begins(*byte),
            Self::Number(then) if *byte & 0x80 != 0 => Self::Number(then),
            Self::Number(then) => then.map_or(Self::Field, Self::Length),
            Self::Length(of) => {
                let (plain, length) = (*byte & 0x80 == 0, usize::from(*byte & 0x7f));
                if length == 0x7f { Self::Longer { of, plain, length, shift: 0 } } else { inside(of, plain, length) }
            }
            // Nothing that long comes through.
            Self::Longer { shift: 21.., .. } | Self::Lost => Self::Lost,
            Self::Longer { of, plain, length, shift } => {
                let length = length + (usize::from(*byte & 0x7f) << shift);
                let ends = *byte & 0x80 == 0;
                if ends { inside(of, plain, length) } else { Self::Longer { of, plain, length, shift: shift + 7 } }
            }
            Self::Inside { of, plain, left } => {
                let of = match of {
                    Text::Named(at) if plain && NAME.get(at) == Some(byte) => Text::Named(at + 1),
                    Text::Named(_) => Text::Name,
                    of => of,
                };
                let may_be = byte.is_ascii_alphanumeric() || b"-._~:[]".contains(byte);
                if of == Text::Authority && plain && !may_be {
                    *byte = b'-';
                }
                inside(of, plain, left.saturating_sub(1))
            }
        }
    }
}

/// A text of which so much is to come.
fn inside(of: Text, plain: bool, left: usize) -> State {
    match (left, of) {
        (1.., _) => State::Inside { of, plain, left },
        (0, Text::Named(at)) if at == NAME.len() => State::Length(Text::Authority),
        (0, Text::Name | Text::Named(_)) => State::Length(Text::Value),
        (0, Text::Value | Text::Authority) => State::Field,
    }
}

/// What a field begins with says of what kind it is, and the index of it or of its name.
fn begins(byte: u8) -> State {
    let (mask, literal) = match byte {
        0x80.. => (0x7f, false),
        0x40.. => (0x3f, true),
        // The size of the table.
        0x20.. => (0x1f, false),
        _ => (0x0f, true),
    };
    match (byte & mask, literal) {
        (index, true) if index == mask => State::Number(Some(Text::Value)),
        (index, false) if index == mask => State::Number(None),
        (_, false) => State::Field,
        (0, true) => State::Length(Text::Named(0)),
        (1, true) => State::Length(Text::Authority),
        (_, true) => State::Length(Text::Value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let [.., high, middle, low] = body.len().to_be_bytes();
        [&[high, middle, low, kind, flags, 0, 0, 0, 1], body].concat()
    }

    fn text(text: &str) -> Vec<u8> {
        let length = u8::try_from(text.len()).unwrap();
        match length {
            ..0x7f => [&[length], text.as_bytes()].concat(),
            _ => [&[0x7f, length - 0x7f], text.as_bytes()].concat(),
        }
    }

    /// As it comes out, however it is cut.
    fn passed(bytes: &[u8]) -> Vec<u8> {
        let mut whole = bytes.to_vec();
        Authority::default().pass(&mut whole);
        for length in 1..12 {
            let (mut authority, mut pieces) = (Authority::default(), bytes.to_vec());
            pieces.chunks_mut(length).for_each(|piece| authority.pass(piece));
            assert_eq!(pieces, whole, "in pieces of {length}");
        }
        whole
    }

    /// Fields around an authority: indexed ones, a table size, literals with and without a name, one with a long index.
    fn fields(authority: &str) -> Vec<u8> {
        let mut fields = vec![0x3f, 0xe1, 0x1f, 0x83, 0xff, 0x00];
        fields.extend([&[0x40][..], &text("grpc%timeout"), &text("1%2F")].concat());
        fields.extend([&[0x40][..], &text(":authoritas"), &text("a%b")].concat());
        fields.extend([&[0x40][..], &text(":author"), &text("a%b")].concat());
        fields.extend([&[0x40][..], &text(":authority"), &text(authority)].concat());
        fields.extend([&[0x41][..], &text(authority)].concat());
        fields.extend([&[0x7f, 0x05][..], &text("%%"), &[0x0f, 0x01], &text("%"), &[0x01], &text("a%b")].concat());
        fields
    }

    #[test]
    fn a_path_becomes_a_name_and_nothing_else_changes() {
        for path in ["tmp%2Fotlp.sock".to_owned(), format!("run%2F{}/x@y", "long%2F".repeat(30))] {
            let name: String =
                path.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
            let expected = |authority: &str| {
                let mut fields = fields(authority);
                let at = fields.len() - 2;
                // The last of them is one, too.
                fields[at] = b'-';
                fields
            };
            let rest = [frame(0, 0, b"\x41\x03a%b"), frame(4, 0, &[]), frame(3, 0, b"%%%%")].concat();
            let bytes = [frame(HEADERS, 4, &fields(&path)), rest.clone()].concat();
            assert_eq!(passed(&bytes), [frame(HEADERS, 4, &expected(&name)), rest].concat());
            // With a priority, and in two frames.
            let (one, two) = (fields(&path), expected(&name));
            let (cut, priority) = (one.len() / 2, b"\x41\x02%%x");
            let split = |fields: &[u8]| {
                let first = [priority, &fields[..cut]].concat();
                [frame(HEADERS, PRIORITY, &first), frame(CONTINUATION, 4, &fields[cut..])].concat()
            };
            assert_eq!(passed(&split(&one)), split(&two));
        }
    }

    #[test]
    fn what_is_packed_or_padded_is_left_alone() {
        let packed = frame(HEADERS, 4, &[0x41, 0x83, b'%', b'%', b'%']);
        assert_eq!(passed(&packed), packed);
        let padded = frame(HEADERS, PADDED, &[&[0][..], &fields("a%b")].concat());
        assert_eq!(passed(&padded), padded);
        let endless = frame(HEADERS, 4, &[&[0x41, 0x7f][..], &[0xff; 20], b"%%%"].concat());
        assert_eq!(passed(&endless), endless);
    }

    proptest! {
        #[test]
        fn whatever_comes_keeps_its_length_and_all_but_a_few_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let framed = frame(HEADERS, 4, &bytes);
            let passed = passed(&framed);
            prop_assert_eq!(passed.len(), framed.len());
            prop_assert!(passed.iter().zip(&framed).all(|(to, from)| to == from || *to == b'-'));
        }
    }
}
