use std::{io::Write as _, sync::Arc};

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::{
    super::{origin::Origin, room::Room},
    *,
};
use crate::otlp::Code;

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn payload(room: &Arc<Room>, limit: usize, gzip: bool, announced: usize) -> Result<Payload, Refusal> {
    let mut payload = Payload::new(room.enter(Origin::User(1)).unwrap(), limit);
    payload.announce(announced)?;
    if gzip {
        payload.unpack()?;
    }
    Ok(payload)
}

fn collect(mut payload: Payload, body: &[u8], piece: usize) -> Result<(Bytes, Place), Refusal> {
    for piece in body.chunks(piece.max(1)) {
        payload.push(Bytes::copy_from_slice(piece))?;
        while payload.work()? {}
    }
    payload.finish()
}

#[test]
fn one_piece_is_not_copied() {
    let room = Room::new(1 << 20);
    let piece = Bytes::from(vec![7; 5000]);
    let mut payload = payload(&room, 10_000, false, 5000).unwrap();
    payload.push(piece.clone()).unwrap();
    let (taken, _place) = payload.finish().unwrap();
    assert_eq!(taken.as_ptr(), piece.as_ptr());
}

#[test]
fn what_is_announced_is_not_made_room_for_before_it_comes() {
    let room = Room::new(100 << 20);
    let mut payload = payload(&room, 64 << 20, false, 64 << 20).unwrap();
    let before = room.held();
    for _ in 0..2 {
        payload.push(Bytes::from_static(&[0; 100])).unwrap();
    }
    assert!(room.held() - before <= TRUSTED, "{}", room.held());
    drop(payload);
    assert_eq!(room.held(), 0);
}

#[test]
fn a_bomb_is_let_go_at_the_limit() {
    let room = Room::new(100 << 20);
    let bomb = packed(&vec![0; 32 << 20]);
    let payload = payload(&room, 1 << 20, true, bomb.len()).unwrap();
    let refusal = collect(payload, &bomb, 16 << 10).unwrap_err();
    assert_eq!((refusal.status.code, refusal.http.as_u16()), (Code::ResourceExhausted, 413));
}

#[test]
fn no_room_is_told_from_never_any() {
    let room = Room::new(200 << 10);
    let _other = room.enter(Origin::User(2)).unwrap().grow(100 << 10);
    let mut held = room.enter(Origin::User(2)).unwrap();
    held.grow(90 << 10).unwrap();
    let small = collect(payload(&room, 1 << 20, false, 0).unwrap(), &[0; 120 << 10], 1 << 10).unwrap_err();
    assert_eq!((small.status.code, small.status.retry.is_some()), (Code::Unavailable, true));
    let large = collect(payload(&room, 1 << 20, false, 0).unwrap(), &[0; 300 << 10], 400 << 10).unwrap_err();
    assert_eq!((large.status.code, large.status.retry), (Code::ResourceExhausted, None));
}

proptest! {
    #[test]
    fn however_it_comes_it_is_what_was_sent(
        body in proptest::collection::vec(0_u8..4, 0..60_000),
        piece in 1_usize..20_000,
        gzip in any::<bool>(),
        announced in any::<bool>(),
        cut in any::<proptest::sample::Index>(),
        spare in -1_isize..2,
    ) {
        let room = Room::new(1 << 20);
        let (front, back) = body.split_at(cut.index(body.len() + 1));
        let sent = if gzip { [packed(front), packed(back)].concat() } else { body.clone() };
        let limit = body.len().max(sent.len()).saturating_add_signed(spare);
        let announced = if announced { sent.len() } else { 0 };
        let collected = payload(&room, limit, gzip, announced).and_then(|payload| collect(payload, &sent, piece));
        match collected {
            Ok((bytes, place)) => {
                prop_assert!(spare >= 0 || body.is_empty());
                prop_assert_eq!(&bytes, &body);
                prop_assert!(room.held() >= bytes.len());
                drop(place);
            }
            Err(refusal) => prop_assert_eq!((spare, refusal.http.as_u16()), (-1, 413)),
        }
        prop_assert_eq!(room.held(), 0);
    }

    #[test]
    fn half_an_archive_is_none(body in proptest::collection::vec(any::<u8>(), 0..2000), cut in any::<proptest::sample::Index>()) {
        let room = Room::new(1 << 20);
        let sent = packed(&body);
        let part = sent.get(..cut.index(sent.len())).unwrap();
        let refusal = collect(payload(&room, 1 << 20, true, 0).unwrap(), part, 100).unwrap_err();
        prop_assert_eq!(refusal.http.as_u16(), 400);
    }
}
