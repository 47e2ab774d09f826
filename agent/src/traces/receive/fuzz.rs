//! What fuzzers feed: bodies of requests, framed and packed.

use bytes::Bytes;

use super::{
    framing::{PREFIX, Part, Unary},
    origin::Origin,
    payload::Payload,
    refusal::Refusal,
    room::Room,
};

/// Longest request that is taken here.
const LIMIT: usize = 64 << 10;

/// The first byte says where the rest, a body of gRPC, is cut. However it is cut, the same comes of it.
pub fn grpc_frames(bytes: &[u8]) {
    let Some((cut, body)) = bytes.split_first() else { return };
    let whole = message([Bytes::copy_from_slice(body)]);
    let (front, back) = body.split_at(usize::from(*cut).min(body.len()));
    assert_eq!(whole, message([Bytes::copy_from_slice(front), Bytes::copy_from_slice(back)]));
    assert_eq!(whole, message(body.iter().map(|byte| Bytes::copy_from_slice(&[*byte]))));
    if let Ok(message) = whole {
        assert_eq!(body.get(PREFIX..), Some(message.as_slice()));
    }
}

/// The message of a call in pieces.
pub(super) fn message(pieces: impl IntoIterator<Item = Bytes>) -> Result<Vec<u8>, Refusal> {
    let (mut unary, mut message, mut announced) = (Unary::default(), Vec::new(), 0);
    for mut piece in pieces {
        while let Some(part) = unary.next(&mut piece)? {
            match part {
                Part::Begin { length, .. } => announced = length,
                Part::Bytes(bytes) => {
                    assert!(!bytes.is_empty());
                    message.extend_from_slice(&bytes);
                }
            }
        }
    }
    unary.finish()?;
    assert_eq!(message.len(), announced);
    Ok(message)
}

/// The first byte is the length of pieces, the rest a body that says gzip: in pieces and whole the same comes of it, or it is refused both
/// ways, and no more than the limit is ever held.
pub fn gzip_bodies(bytes: &[u8]) {
    let Some((length, body)) = bytes.split_first() else { return };
    let pieces = unpacked(body, usize::from(*length).max(1));
    assert_eq!(pieces, unpacked(body, usize::MAX));
}

fn unpacked(body: &[u8], length: usize) -> Option<Bytes> {
    let room = Room::new(4 * LIMIT);
    let collect = || {
        let mut payload = Payload::new(room.enter(Origin::User(0)).map_err(Refusal::no_room)?, LIMIT);
        payload.unpack()?;
        for piece in body.chunks(length) {
            payload.push(Bytes::copy_from_slice(piece))?;
            while payload.work()? {}
        }
        payload.finish()
    };
    let collected = collect().ok();
    let held = room.held();
    let bytes = collected.map(|(bytes, _place)| {
        assert!(bytes.len() <= LIMIT && bytes.len() <= held);
        bytes
    });
    assert_eq!(room.held(), 0);
    bytes
}
