//! What fuzzers feed: the bytes of the engine's socket.

use jiff::Timestamp;

use super::{answers as api, convert, frames::Frames, lenient};
use crate::model::ContainerId;

/// `GET /events`: where the pieces of the stream end does not matter, and nothing makes the cutter run in circles.
pub fn event_stream(bytes: &[u8]) {
    let whole = cut(&[bytes]);
    let (at, rest) = bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest));
    let (front, back) = rest.split_at(at.min(rest.len()));
    let (one, two) = (cut(&[rest]), cut(&[front, back]));
    assert_eq!(one, two, "pieces matter");
    std::hint::black_box(whole);
}

/// Actions of all events, and whether the stream ended in trouble.
fn cut(chunks: &[&[u8]]) -> (Vec<String>, bool) {
    let mut frames = Frames::default();
    let mut actions = Vec::new();
    for chunk in chunks {
        frames.push(chunk);
        while let Some(frame) = frames.next() {
            let Ok(frame) = frame else { return (actions, true) };
            actions.push(format!("{:?}", frame.event.action));
            for event in convert::events(frame.event, Timestamp::UNIX_EPOCH) {
                // What the inventory does with times must not end the agent.
                let slack = std::time::Duration::from_secs(2);
                std::hint::black_box((event.time + slack, event.time - slack));
            }
        }
    }
    (actions, false)
}

/// Whole answers, read as leniently as when their types refuse them.
pub fn answers(bytes: &[u8]) {
    if let Some(answer) = lenient::read::<api::ContainerInspect>(bytes) {
        let container = convert::container(answer, &ContainerId::new("fuzz"));
        assert!(container.identity.key.service.len() <= crate::model::MAX_IDENTITY_BYTES);
        let times = [container.created, container.started_at, container.finished_at];
        for time in times.into_iter().flatten() {
            std::hint::black_box(time + std::time::Duration::from_secs(600));
        }
    }
    std::hint::black_box(lenient::read::<Vec<api::ContainerSummary>>(bytes));
    let networks = lenient::read::<Vec<bollard::models::Network>>(bytes).unwrap_or_default();
    networks.into_iter().for_each(|network| {
        std::hint::black_box(convert::network(network));
    });
    if let Some(answer) = lenient::read::<api::SystemInfo>(bytes) {
        std::hint::black_box(convert::info(&answer));
    }
    if let Some(answer) = lenient::read::<api::ImageInspect>(bytes) {
        std::hint::black_box(convert::image(&answer, "fuzz"));
    }
    std::hint::black_box(lenient::read::<bollard::models::SystemVersion>(bytes));
}

/// `GET /containers/{id}/logs`.
pub fn log_frames(bytes: &[u8]) {
    super::logs::fuzz::log_frames(bytes);
}
