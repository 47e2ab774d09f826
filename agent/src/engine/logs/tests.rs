use proptest::prelude::*;

use super::{
    frames::{BadFrame, Frames, MAX_MESSAGE, Message},
    *,
};
use crate::model::LogStream::{self, Stderr, Stdout};

const TIME: &str = "2026-11-21T09:29:56.123456789Z";
const NANOSECONDS: i64 = 1_795_253_396_123_456_789;

fn frame(output: u8, text: &str) -> Vec<u8> {
    let bytes = format!("{TIME} {text}");
    [&[output, 0, 0, 0][..], &u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes.as_bytes()].concat()
}

fn message(stream: LogStream, text: &str, ended: bool) -> Message {
    Message { stream, time: NANOSECONDS, bytes: text.into(), ended }
}

/// Everything that is made of these pieces, to the end of the stream.
fn cut(tty: bool, chunks: &[&[u8]]) -> (Vec<Result<Message, BadFrame>>, Frames) {
    let mut frames = Frames::new(tty);
    let mut found = Vec::new();
    for chunk in chunks {
        frames.push(chunk);
        found.extend(std::iter::from_fn(|| frames.next()).take(1000));
    }
    found.extend(frames.rest().map(Ok));
    (found, frames)
}

fn good(tty: bool, bytes: &[u8]) -> Vec<Message> {
    let (found, frames) = cut(tty, &[bytes]);
    assert!(!frames.is_mid_message());
    found.into_iter().collect::<Result<_, _>>().unwrap()
}

#[test]
fn frames_of_both_outputs_with_and_without_a_line_end() {
    let bytes = [frame(1, "a\n"), frame(2, "b\r\n"), frame(0, ""), frame(1, "c"), frame(2, "\n")].concat();
    let wanted = [
        message(Stdout, "a", true),
        message(Stderr, "b", true),
        message(Stdout, "", false),
        message(Stdout, "c", false),
        message(Stderr, "", true),
    ];
    assert_eq!(good(false, &bytes), wanted);
}

#[test]
fn what_the_engine_says_in_the_stream_is_no_output() {
    let words = b"Error grabbing logs: unexpected EOF\n";
    let trouble = [&[3, 0, 0, 0, 0, 0, 0, 36][..], words].concat();
    let (found, _) = cut(false, &[&frame(1, "a\n"), &trouble]);
    assert_eq!(found[1], Err(BadFrame::Told("Error grabbing logs: unexpected EOF".into())));
}

#[test]
fn what_is_no_header_ends_the_stream() {
    for header in [[4, 0, 0, 0, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0, 0, 1], *b"HTTP/1.1"] {
        let (found, _) = cut(false, &[&[&frame(1, "a\n")[..], &header, b"xxx"].concat()]);
        assert_eq!(found[1], Err(BadFrame::Header), "{header:?}");
    }
}

#[test]
fn a_frame_that_claims_four_gibibytes_costs_one_mebibyte() {
    let mut frames = Frames::new(false);
    frames.push(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    frames.push(format!("{TIME} ").as_bytes());
    let chunk = vec![b'x'; 64 << 10];
    let mut told = Vec::new();
    for _ in 0..64 {
        frames.push(&chunk);
        told.extend(std::iter::from_fn(|| frames.next()));
    }
    let [Ok(message)] = told.as_slice() else { panic!("{} messages", told.len()) };
    assert_eq!((message.bytes.len(), message.ended), (MAX_MESSAGE - TIME.len() - 1, false));
    assert_eq!(frames.skipped, (64 * chunk.len() + TIME.len() + 1 - MAX_MESSAGE) as u64);
    assert!(frames.is_mid_message());
}

#[test]
fn the_frame_behind_one_too_long_is_found() {
    let bytes = [frame(1, &"x".repeat(MAX_MESSAGE)), frame(2, "b\n")].concat();
    for cut_at in [9, MAX_MESSAGE, bytes.len() - 5, bytes.len()] {
        let (front, back) = bytes.split_at(cut_at);
        let (found, frames) = cut(false, &[front, back]);
        assert_eq!(found.len(), 2, "{cut_at}");
        assert_eq!(found[1], Ok(message(Stderr, "b", true)));
        assert_eq!(frames.skipped, TIME.len() as u64 + 1);
    }
}

#[test]
fn a_frame_without_a_time_is_dropped_and_counted() {
    let (found, frames) = cut(false, &[&[1, 0, 0, 0, 0, 0, 0, 2, b'a', b'\n'], &frame(1, "b\n")]);
    assert_eq!((found, frames.timeless), (vec![Ok(message(Stdout, "b", true))], 1));
}

#[test]
fn a_terminal_has_no_frames() {
    let bytes = format!("{TIME} a\r\n{TIME} \u{1b}[31mb\u{1b}[0m\r\n{TIME} \r\n{TIME} prompt> ");
    let wanted = [
        message(Stdout, "a", true),
        message(Stdout, "\u{1b}[31mb\u{1b}[0m", true),
        message(Stdout, "", true),
        message(Stdout, "prompt> ", false),
    ];
    assert_eq!(good(true, bytes.as_bytes()), wanted);
}

#[test]
fn times_in_the_middle_of_a_terminals_line_are_no_text() {
    let part = |letter: &str| letter.repeat(16 << 10);
    for last in ["rest", ""] {
        let bytes = format!("{TIME} {}{TIME} {}{TIME} {last}\r\n{TIME} next\r\n", part("a"), part("b"));
        let wanted = [
            message(Stdout, &part("a"), false),
            message(Stdout, &part("b"), false),
            message(Stdout, last, true),
            message(Stdout, "next", true),
        ];
        assert_eq!(good(true, bytes.as_bytes()), wanted);
    }
    // A time that the program prints is text.
    let printed = format!("at {TIME} it began");
    assert_eq!(good(true, format!("{TIME} {printed}\r\n").as_bytes()), [message(Stdout, &printed, true)]);
}

#[test]
fn a_terminals_line_has_a_bound() {
    let mut frames = Frames::new(true);
    frames.push(format!("{TIME} ").as_bytes());
    let chunk = vec![b'x'; 64 << 10];
    let told: Vec<_> = (0..64)
        .filter_map(|_| {
            frames.push(&chunk);
            frames.next()
        })
        .collect();
    assert_eq!(told.len(), 1, "the rest has no time");
    assert!(frames.timeless > 0);
}

#[test]
fn the_query_is_what_the_engine_expects() {
    let id = ContainerId::new("0123abcd");
    let path = "/containers/0123abcd/logs?stdout=1&stderr=1&timestamps=1";
    assert_eq!(query(&id, None, false), path);
    assert_eq!(query(&id, Some(NANOSECONDS), true), format!("{path}&follow=1&since=1795253396.123456789"));
    assert_eq!(query(&id, Some(5), false), format!("{path}&since=0.000000005"));
    assert_eq!(query(&id, Some(-5), false), format!("{path}&since=0.000000000"));
}

proptest! {
    #[test]
    fn where_chunks_end_does_not_matter(
        texts in proptest::collection::vec(("[a-z \n\r]{0,40}", any::<bool>()), 0..10),
        cuts in proptest::collection::vec(1usize..200, 1..20),
        tty in any::<bool>(),
    ) {
        let frames = texts.iter().map(|(text, err)| match tty {
            true => format!("{TIME} {}\r\n", text.replace('\n', " ")).into_bytes(),
            false => frame(if *err { 2 } else { 1 }, text),
        });
        let bytes = frames.collect::<Vec<_>>().concat();
        let mut chunks = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts {
            let (chunk, tail) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = tail;
        }
        chunks.push(rest);
        let whole = good(tty, &bytes);
        prop_assert_eq!(whole.len(), texts.len());
        let (pieces, _) = cut(tty, &chunks);
        prop_assert_eq!(pieces.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), whole);
    }

    #[test]
    fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        frames::fuzz::log_frames(&bytes);
    }
}
