//! A request in JSON becomes one in protobuf, off the runtime's workers where that takes long.

use bytes::Bytes;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{refusal::Refusal, room::Place};
use crate::otlp::{
    Signal,
    json::{What, to_protobuf},
};

/// Longer requests are worked on where nobody else waits: some tenths of a millisecond.
const SHORT: usize = 64 << 10;

/// What becomes of a long request is at most this many times as long (`otlp::json` ends there), and both are there for a moment. A short one
/// may become four times as long; that is paid for afterwards. What becomes longer than requests may be is not made: so room for two of the
/// longest is enough for any.
const GROWTH: usize = 2;

/// What JSON says, as protobuf of at most `limit` bytes.
pub(super) fn convert(signal: Signal, request: Bytes, place: &mut Place, limit: usize) -> Result<Bytes, Refusal> {
    let length = request.len();
    let more = length.saturating_mul(GROWTH).min(limit);
    place.grow(more).map_err(Refusal::no_room)?;
    let mut message = Vec::new();
    let converted = blocking(length > SHORT, || to_protobuf(signal, &request, limit, &mut message));
    drop(request);
    converted.map_err(|mistake| match mistake.what {
        What::Growth => Refusal::too_long(limit),
        _ => Refusal::json(mistake),
    })?;
    if message.len() > limit {
        return Err(Refusal::too_long(limit));
    }
    message.shrink_to_fit();
    // What is left of the body and of both together is what the message takes.
    let paid = length.saturating_add(more);
    place.give_back(paid.saturating_sub(message.len()));
    place.grow(message.len().saturating_sub(paid)).map_err(Refusal::no_room)?;
    Ok(message.into())
}

/// Does it here, with the runtime told so that its other tasks go on elsewhere. Outside a runtime of several threads it is just done.
fn blocking<T>(long: bool, work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) if long => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{origin::Origin, room::Room},
        *,
    };
    use crate::otlp::Code;

    #[test]
    fn what_is_not_needed_any_more_is_given_back() {
        let room = Room::new(1 << 20);
        let mut place = room.enter(Origin::User(1)).unwrap();
        let alone = room.held();
        let body = format!(r#"{{"resourceSpans":[{}{{}}]}}"#, "{},".repeat(500));
        place.grow(body.len()).unwrap();
        let message = convert(Signal::Traces, body.clone().into(), &mut place, 1 << 20).unwrap();
        assert!((1002..body.len() * GROWTH).contains(&message.len()), "{}", message.len());
        assert_eq!(room.held(), alone + message.len());
        drop(place);
        assert_eq!(room.held(), 0);
    }

    #[test]
    fn the_longest_fits_where_there_is_room_for_two() {
        const LIMIT: usize = 2 << 20;
        let body = |length: usize| {
            let (head, tail) = (r#"{"resourceSpans":[{"schemaUrl":""#, r#""}]}"#);
            format!("{head}{}{tail}", "x".repeat(length - head.len() - tail.len()))
        };
        let taken = |room: usize, length: usize| {
            let mut place = Room::new(room).enter(Origin::User(1)).unwrap();
            place.grow(length).unwrap();
            let taken = convert(Signal::Traces, body(length).into(), &mut place, LIMIT);
            taken.map(|message| message.len()).map_err(|refusal| refusal.status.code)
        };
        // The place itself costs some.
        let beside = 16 << 10;
        assert!(taken(2 * LIMIT + beside, LIMIT).unwrap() > LIMIT - 100);
        assert!(taken(LIMIT + beside, LIMIT / 3).is_ok());
        assert_eq!(taken(LIMIT + beside, LIMIT / 2), Err(Code::ResourceExhausted));
    }

    #[test]
    fn mistakes_and_lengths_are_told_apart() {
        let room = Room::new(8 << 20);
        let code = |body: String, limit| {
            let mut place = room.enter(Origin::User(1)).unwrap();
            place.grow(body.len()).unwrap();
            convert(Signal::Metrics, body.into(), &mut place, limit).map_err(|refusal| refusal.status.code)
        };
        assert_eq!(code("{".to_owned(), 1 << 20), Err(Code::InvalidArgument));
        let groups = format!(r#"{{"resourceMetrics":[{}{{}}]}}"#, "{},".repeat(50));
        let length = code(groups.clone(), 1 << 20).unwrap().len();
        assert_eq!(code(groups.clone(), length - 1), Err(Code::ResourceExhausted));
        assert_eq!(code(groups, length).map(|message| message.len()), Ok(length));
        let small = "1,".repeat(300_000);
        let counts = format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"histogram":{{"dataPoints":[{{"bucketCounts":[{small}1]}}]}}}}]}}]}}]}}"#
        );
        assert_eq!(code(counts, 4 << 20).map(|message| message.len()), Err(Code::ResourceExhausted));
    }
}
