//! The queue as sender and worker see it: order, disk, halves, loss counted to the line, and a model of all of it together.

use std::time::Duration;

use proptest::prelude::*;
use regex::bytes::Regex;
use tempfile::TempDir;

use super::*;
use crate::{
    delivery::spool,
    logs::{
        Mark, Position, Rank,
        chunk::Builder,
        loki::{self, Metadata},
        stream::Origin,
    },
    model::{LogStream, ServiceKey},
};

const SMALL: Limits =
    Limits { memory: 4000, lane: 2000, stall_after: Duration::from_secs(5), stream_rate: 0, push: 2000 };

/// A queue, and who pushes into it: a container for each stream, whose lines are numbered.
struct Bench {
    folder: TempDir,
    limits: Limits,
    spool_bytes: Option<u64>,
    board: Board,
    origins: Origins,
    queue: Queue,
    streams: Vec<Arc<Stream>>,
    now: Instant,
}

impl Bench {
    fn new(streams: usize, limits: Limits, spool_bytes: Option<u64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let board = Board::new(["loki:3100".to_owned()]);
        let origins = Origins::new(1);
        let queue = open(&folder, limits, spool_bytes, &board, &origins);
        let stream = |number: usize| {
            let service = board.service(&ServiceKey { project: "shop".into(), service: number.to_string().into() });
            Arc::new(Stream { labels: format!("{{service=\"{number}\"}}").into(), service })
        };
        let streams = (0..streams).map(stream).collect();
        Self { folder, limits, spool_bytes, board, origins, queue, streams, now: Instant::now() }
    }

    /// Another process; `closed` says whether this one ends well.
    fn restart(&mut self, closed: bool) {
        if closed {
            self.queue.close();
        }
        self.origins = Origins::new(1);
        self.queue = open(&self.folder, self.limits, self.spool_bytes, &self.board, &self.origins);
    }

    fn origin(&self, stream: usize) -> Arc<Origin> {
        self.origins.of(&format!("container-{stream}"))
    }

    /// One chunk of lines `from..to` of a stream.
    fn push(&self, stream: usize, from: u64, to: u64) {
        self.push_of(stream, LogStream::Stdout, from, to);
    }

    fn push_of(&self, stream: usize, output: LogStream, from: u64, to: u64) {
        let origin = self.origin(stream);
        let mut builder = Builder::new(Arc::clone(&self.streams[stream]), 0);
        for number in from..to {
            let time = i64::try_from(number).unwrap();
            let text = format!("@@{number}@@{}", "x".repeat(usize::try_from(number * 37 % 150).unwrap()));
            loki::entry(builder.entries(), time, &text, &Metadata::new(), &[]);
            let position = Position::File { inode: 1, fingerprint: 1, offset: number + 1 };
            let end = Mark { position, rank: Rank(1, number + 1) };
            if builder.took(time, Some((&origin, output, end))) {
                origin.hold(0, output);
            }
        }
        self.queue.push(Arc::new(builder.close()), self.now);
    }

    fn take(&self) -> Vec<Item> {
        match self.queue.take(self.now) {
            Next::Send(items) => items,
            Next::Wait(_) => Vec::new(),
        }
    }

    fn settle(&self, items: &[Item], how: Settled) {
        let ended: Vec<_> = items.iter().map(|item| (item.clone(), how)).collect();
        self.queue.settle(&ended, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.queue.tend(self.now, jiff::Timestamp::now().as_millisecond());
    }

    /// The next line which a reader of this stream reads after a restart.
    fn start(&self, stream: usize, output: LogStream) -> u64 {
        let place = self.queue.cursors(|cursors| cursors.start(&format!("container-{stream}"), output));
        match place {
            Some(Position::File { offset, .. }) => offset,
            _ => 0,
        }
    }

    /// Sends everything that is left; the lines by stream.
    fn drain(&mut self) -> Vec<Vec<u64>> {
        let mut sent = vec![Vec::new(); self.streams.len()];
        for _ in 0..10_000 {
            let items = self.take();
            for item in &items {
                sent[self.number(item)].extend(lines(&item.chunk));
            }
            self.settle(&items, Settled::DONE);
            if self.queue.is_empty() {
                return sent;
            }
            self.now += Duration::from_secs(61);
        }
        panic!("the queue is never empty");
    }

    fn number(&self, item: &Item) -> usize {
        self.streams.iter().position(|stream| stream.labels == item.chunk.stream.labels).unwrap()
    }

    fn dropped(&self, stream: usize, reason: Dropped) -> u64 {
        self.streams[stream].service.dropped(reason)
    }
}

fn open(folder: &TempDir, limits: Limits, bytes: Option<u64>, board: &Board, origins: &Origins) -> Queue {
    let (store, cursors) = match bytes {
        Some(max_bytes) => {
            let limits = spool::Limits { max_bytes, max_age: Duration::from_secs(86_400), segment_bytes: 1 << 20 };
            let store = Store::open(&folder.path().join("spool"), limits).unwrap().0;
            (Some(store), Cursors::open(&folder.path().join("positions")).unwrap())
        }
        None => (None, Cursors::default()),
    };
    Queue::new(0, limits, store, cursors, board, origins.clone())
}

/// The numbers of a chunk's lines.
fn lines(chunk: &Chunk) -> Vec<u64> {
    let numbers = Regex::new("@@([0-9]+)@@").unwrap();
    let number = |found: regex::bytes::Captures<'_>| std::str::from_utf8(&found[1]).unwrap().parse().unwrap();
    numbers.captures_iter(&chunk.entries).map(number).collect()
}

#[test]
fn one_chunk_of_a_stream_is_on_its_way_at_a_time() {
    let bench = Bench::new(2, SMALL, Some(1 << 30));
    bench.push(0, 0, 2);
    bench.push(0, 2, 4);
    bench.push(1, 0, 2);
    let first = bench.take();
    assert_eq!(first.iter().map(|item| lines(&item.chunk)).collect::<Vec<_>>(), [[0, 1], [0, 1]]);
    assert!(bench.take().is_empty());
    bench.settle(&first[..1], Settled::Again);
    assert_eq!(lines(&bench.take()[0].chunk), [0, 1], "the same again before anything newer");
}

#[test]
fn a_stream_that_is_refused_waits_alone_and_ever_longer() {
    let mut bench = Bench::new(2, SMALL, None);
    bench.push(0, 0, 1);
    let mut waits = Vec::new();
    for other in 0..4 {
        bench.push(1, other, other + 1);
        let items = bench.take();
        let refused = items.iter().find(|item| bench.number(item) == 0).unwrap().clone();
        bench.settle(&[refused], Settled::Later(None));
        let others: Vec<_> = items.into_iter().filter(|item| bench.number(item) == 1).collect();
        bench.settle(&others, Settled::DONE);
        let others = bench.take();
        bench.settle(&others, Settled::DONE);
        let Next::Wait(Some(until)) = bench.queue.take(bench.now) else { panic!("nothing to wait for") };
        waits.push((until - bench.now).as_millis());
        bench.now = until;
    }
    assert_eq!(waits, [500, 1000, 2000, 4000]);
    assert_eq!(bench.streams[1].service.sent_lines.get(), 4);
}

#[test]
fn what_is_not_acknowledged_goes_to_disk_and_comes_back_in_order() {
    let mut bench = Bench::new(1, SMALL, Some(1 << 30));
    bench.push(0, 0, 3);
    bench.push(0, 3, 6);
    let flight = bench.take();
    bench.pass(Duration::from_secs(6));
    assert!(bench.queue.is_on_disk());
    bench.push(0, 6, 9);
    bench.settle(&flight, Settled::DONE);
    assert_eq!(bench.start(0, LogStream::Stdout), 3, "acknowledged");
    assert_eq!(bench.drain(), [[3, 4, 5, 6, 7, 8]]);
    assert_eq!(bench.start(0, LogStream::Stdout), 9);
}

#[test]
fn room_is_free_then_on_disk_then_none() {
    let mut bench = Bench::new(1, SMALL, Some(60_000));
    let room = |bench: &Bench| bench.queue.room(&bench.streams[0].labels, bench.now);
    assert_eq!(room(&bench), Room::Free);
    let mut next = 0;
    while room(&bench) == Room::Free {
        bench.push(0, next, next + 5);
        next += 5;
    }
    assert_eq!(room(&bench), Room::Busy, "it is being sent, for all that is known");
    bench.pass(Duration::from_secs(6));
    assert_eq!(room(&bench), Room::Stalled, "nothing is acknowledged, and there is disk");
    while room(&bench) == Room::Stalled {
        bench.push(0, next, next + 5);
        next += 5;
    }
    assert_eq!(room(&bench), Room::Busy, "the other half of the disk is for what is in danger");
}

#[test]
fn a_full_spool_gives_up_the_oldest_and_counts_every_line() {
    let mut bench = Bench::new(2, SMALL, Some(40_000));
    bench.push(0, 0, 5);
    let flight = bench.take();
    for chunk in 1..200 {
        bench.push(0, chunk * 5, chunk * 5 + 5);
        bench.push(1, chunk * 5, chunk * 5 + 5);
    }
    let given_up = [0, 1].map(|stream| bench.dropped(stream, Dropped::SpoolFull));
    assert!(given_up[0] > 100 && given_up[1] > 100, "{given_up:?}");
    // Its answer comes after it was given up on disk, or not: either way it is sent once and nothing is stuck.
    bench.settle(&flight, Settled::DONE);
    let sent = bench.drain();
    for (stream, sent) in sent.iter().enumerate() {
        assert!(sent.is_sorted(), "{stream}");
        assert_eq!(sent.last(), Some(&999), "the newest is there");
    }
    let counted = |stream: usize| bench.dropped(stream, Dropped::SpoolFull);
    assert_eq!(995 - sent[1].len() as u64, counted(1));
    assert_eq!(bench.start(1, LogStream::Stdout), 1000);
}

#[test]
fn without_a_disk_the_oldest_in_memory_give_way_and_are_counted() {
    let mut bench = Bench::new(1, SMALL, None);
    for chunk in 0..100 {
        bench.push(0, chunk * 5, chunk * 5 + 5);
    }
    let sent = bench.drain().remove(0);
    assert_eq!(bench.dropped(0, Dropped::NoSpool) + sent.len() as u64, 500);
    assert_eq!(sent.last(), Some(&499));
    assert!(sent.windows(2).all(|pair| pair[1] == pair[0] + 1), "the oldest in one piece");
}

#[test]
fn what_is_too_large_goes_in_halves_and_a_single_line_is_lost() {
    let mut bench = Bench::new(1, SMALL, Some(1 << 30));
    bench.push(0, 0, 5);
    bench.push(0, 5, 6);
    let mut sent = Vec::new();
    for _ in 0..40 {
        let items = bench.take();
        let Some(item) = items.first() else { break };
        let numbers = lines(&item.chunk);
        // Whatever holds line 3 is too large.
        let how = if numbers.contains(&3) { Settled::Halve } else { Settled::DONE };
        if how == Settled::DONE {
            sent.extend(numbers);
        }
        assert!(!sent.is_empty() || bench.start(0, LogStream::Stdout) == 0, "a first half takes nobody further");
        bench.settle(&items, how);
    }
    assert_eq!(sent, [0, 1, 2, 4, 5]);
    assert_eq!(bench.dropped(0, Dropped::TooLarge), 1);
    assert_eq!((bench.queue.is_empty(), bench.start(0, LogStream::Stdout)), (true, 6));
    bench.restart(true);
    assert!(bench.take().is_empty());
}

#[test]
fn an_end_between_two_halves_loses_neither() {
    for kept in [1, 2, 3] {
        let mut bench = Bench::new(1, SMALL, Some(1 << 30));
        bench.push(0, 0, 8);
        bench.push(0, 8, 9);
        for _ in 0..kept {
            let items = bench.take();
            bench.settle(&items, Settled::Halve);
        }
        bench.restart(true);
        assert_eq!(bench.start(0, LogStream::Stdout), 9, "all of it is on disk");
        assert_eq!(bench.drain(), [(0..9).collect::<Vec<_>>()], "halved {kept} times");
    }
}

#[test]
fn an_output_that_never_speaks_goes_along_and_one_that_waits_does_not() {
    let bench = Bench::new(2, SMALL, Some(1 << 30));
    bench.push(0, 0, 5);
    let flight = bench.take();
    bench.settle(&flight, Settled::DONE);
    assert_eq!(bench.start(0, LogStream::Stderr), 5, "nothing of it waits");
    // Streams are by output in the agent; the container is what matters here.
    bench.push_of(0, LogStream::Stdout, 5, 6);
    bench.origin(0).hold(0, LogStream::Stderr);
    let flight = bench.take();
    bench.settle(&flight, Settled::DONE);
    assert_eq!((bench.start(0, LogStream::Stdout), bench.start(0, LogStream::Stderr)), (6, 5), "a line of it is held");
    bench.origin(0).release(0, LogStream::Stderr);
}

#[test]
fn the_next_process_goes_on_behind_what_is_on_disk() {
    let mut bench = Bench::new(1, SMALL, Some(1 << 30));
    bench.push(0, 0, 4);
    let flight = bench.take();
    bench.settle(&flight, Settled::DONE);
    bench.push(0, 4, 8);
    bench.push(0, 8, 12);
    bench.restart(true);
    assert_eq!(bench.start(0, LogStream::Stdout), 12);
    assert_eq!(bench.drain(), [(4..12).collect::<Vec<_>>()]);
    bench.restart(false);
    assert_eq!(bench.start(0, LogStream::Stdout), 12, "positions are written with the acknowledgement");
}

#[test]
fn a_reader_that_comes_late_goes_on_behind_what_was_on_disk() {
    let mut bench = Bench::new(1, SMALL, Some(1 << 30));
    (0..3).for_each(|chunk| bench.push(0, chunk * 4, chunk * 4 + 4));
    bench.restart(true);
    // The sender is quicker than the inventory: the first of three is acknowledged before anybody asks where to go on.
    for _ in 0..2 {
        let flight = bench.take();
        bench.settle(&flight, Settled::DONE);
        assert_eq!(bench.start(0, LogStream::Stdout), 12);
    }
    assert_eq!(bench.drain(), [(8..12).collect::<Vec<_>>()]);
    bench.push(0, 12, 16);
    bench.drain();
    assert_eq!(bench.start(0, LogStream::Stdout), 16, "what is read now counts as ever");
    bench.restart(false);
    assert_eq!(bench.start(0, LogStream::Stdout), 16);
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize, u64),
    Take,
    Settle(usize, How),
    Pass(u64),
    Restart,
    Crash,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Done,
    Again,
    Alone,
    Later,
    Halve,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let how = prop_oneof![
        4 => Just(How::Done), 1 => Just(How::Again), 1 => Just(How::Alone), 1 => Just(How::Later), 1 => Just(How::Halve)
    ];
    let step = prop_oneof![
        8 => (0..3_usize, 1..8_u64).prop_map(|(stream, lines)| Step::Push(stream, lines)),
        6 => Just(Step::Take),
        6 => (0..4_usize, how).prop_map(|(which, how)| Step::Settle(which, how)),
        2 => prop_oneof![Just(1), Just(6), Just(70)].prop_map(Step::Pass),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is answered and whenever it ends: every line is acknowledged, in order within its stream, and nothing twice but what an
    /// end that was no good end, or a chunk in halves, had on its way.
    #[test]
    fn every_line_arrives_in_order(steps in steps()) {
        let mut bench = Bench::new(3, SMALL, Some(1 << 30));
        let (mut written, mut acknowledged) = ([0_u64; 3], vec![Vec::new(); 3]);
        let mut flights: Vec<Vec<Item>> = Vec::new();
        let (mut halved, mut crashed) = (false, false);
        for step in steps {
            match step {
                Step::Push(stream, lines) => {
                    bench.push(stream, written[stream], written[stream] + lines);
                    written[stream] += lines;
                }
                Step::Take => flights.push(bench.take()),
                Step::Settle(which, how) => {
                    if flights.is_empty() {
                        continue;
                    }
                    let items = flights.remove(which % flights.len());
                    let how = match how {
                        How::Done => Settled::DONE,
                        How::Again => Settled::Again,
                        How::Alone => Settled::Alone,
                        How::Later => Settled::Later(None),
                        How::Halve => Settled::Halve,
                    };
                    for item in &items {
                        let numbers = lines(&item.chunk);
                        halved |= how == Settled::Halve;
                        // A single line cannot be halved: it is lost, which is another test.
                        let how = if how == Settled::Halve && numbers.len() == 1 { Settled::DONE } else { how };
                        if how == Settled::DONE {
                            acknowledged[bench.number(item)].extend(numbers);
                        }
                        bench.settle(std::slice::from_ref(item), how);
                    }
                }
                Step::Pass(seconds) => bench.pass(Duration::from_secs(seconds)),
                Step::Restart | Step::Crash => {
                    flights.clear();
                    crashed |= matches!(step, Step::Crash);
                    bench.restart(matches!(step, Step::Restart));
                    for (stream, written) in written.iter().enumerate() {
                        // The reader reads again what neither Loki nor the disk has.
                        let from = bench.start(stream, LogStream::Stdout);
                        if from < *written {
                            bench.push(stream, from, *written);
                        }
                    }
                }
            }
        }
        for items in flights {
            bench.settle(&items, Settled::Again);
        }
        for (all, rest) in acknowledged.iter_mut().zip(bench.drain()) {
            all.extend(rest);
        }
        for (stream, all) in acknowledged.iter().enumerate() {
            let mut first = all.clone();
            let mut newest = None;
            first.retain(|number| newest.replace(newest.map_or(*number, |known: u64| known.max(*number))).is_none_or(|known| *number > known));
            prop_assert_eq!(&first, &(0..written[stream]).collect::<Vec<_>>(), "stream {}", stream);
            if !halved && !crashed {
                prop_assert_eq!(all.len(), first.len(), "nothing twice");
            }
            prop_assert_eq!(bench.start(stream, LogStream::Stdout), written[stream]);
        }
    }
}
