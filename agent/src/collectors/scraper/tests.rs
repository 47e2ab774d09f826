//! The thread, its queue and its buffers, with a source that can be made to wait.

use std::{
    collections::VecDeque,
    io::Read,
    sync::{Mutex, mpsc},
};

use flate2::read::GzDecoder;

use super::*;
use crate::{
    collectors::{ProcessSample, row::tests::entry},
    host::{Gone, Target},
    inventory::Snapshot,
    model::{ContainerId, ContainerSample, HostSample, MachineSample},
};

/// A source which tells what was asked of it, and waits at each scrape until it is let go on.
struct Slow {
    asked: mpsc::SyncSender<&'static str>,
    go_on: mpsc::Receiver<()>,
    tracked: Arc<Mutex<VecDeque<usize>>>,
}

impl Source for Slow {
    fn track(&mut self, targets: &[Target]) {
        self.tracked.lock().unwrap().push_back(targets.len());
        self.asked.send("track").unwrap();
    }

    fn container(&mut self, _: &ContainerId, into: &mut ContainerSample) -> Result<(), Gone> {
        into.cgroup_path = Some("/docker/x".into());
        Ok(())
    }

    fn root(&mut self, _: &mut ContainerSample) {}

    fn host(&mut self, _: &mut HostSample) {}

    fn machine(&mut self) -> MachineSample {
        self.asked.send("scrape").unwrap();
        self.go_on.recv().expect("the test has given up on this source");
        MachineSample::default()
    }

    fn availability(&self) -> Vec<(&'static str, bool)> {
        Vec::new()
    }

    fn open_handles(&self) -> usize {
        0
    }

    fn process(&mut self, _: &mut ProcessSample) {}
}

struct Bench {
    scraper: Scraper,
    thread: JoinHandle<()>,
    reader: Reader,
    metrics: Metrics,
    asked: mpsc::Receiver<&'static str>,
    go_on: mpsc::SyncSender<()>,
    tracked: Arc<Mutex<VecDeque<usize>>>,
}

fn start() -> Bench {
    let (asked_by, asked) = mpsc::sync_channel(100);
    let (go_on, waits) = mpsc::sync_channel(100);
    let (reader, metrics, tracked) = (Reader::new(), Metrics::default(), Arc::default());
    let source = Slow { asked: asked_by, go_on: waits, tracked: Arc::clone(&tracked) };
    let (scraper, thread) = spawn(source, reader.clone(), Settings::default(), metrics.clone()).unwrap();
    Bench { scraper, thread, reader, metrics, asked, go_on, tracked }
}

impl Bench {
    /// Waits until this is asked of the source: it is being worked on then.
    fn until(&self, what: &str) {
        while self.asked.recv().expect("the thread runs") != what {}
    }
}

fn request(gzip: bool) -> Request {
    Request { format: Format::OpenMetrics, groups: None, gzip }
}

fn text(body: &ScrapeBody) -> String {
    let mut text = String::new();
    match body.gzip {
        true => GzDecoder::new(body.bytes.as_ref()).read_to_string(&mut text).map(drop).unwrap(),
        false => text.push_str(std::str::from_utf8(&body.bytes).unwrap()),
    }
    text
}

fn publish(reader: &Reader, containers: u32) {
    let containers = (1..=containers).map(|pid| Arc::new(entry(&format!("c{pid}"), pid))).collect();
    reader.publish(Snapshot { containers, ..Snapshot::default() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_at_once_and_counts() {
    let bench = start();
    let ask = || {
        let scraper = bench.scraper.clone();
        tokio::spawn(async move { scraper.scrape(request(false)).await })
    };
    let mut answers = vec![ask()];
    bench.until("scrape");
    // Filled from here, so that exactly the ceiling waits.
    for _ in 0..MAX_WAITING_SCRAPES {
        let (reply, answer) = oneshot::channel();
        bench.scraper.queue.try_send(Message::Scrape(request(false), reply)).ok().unwrap();
        answers.push(tokio::spawn(async { answer.await.map_err(|_| ScrapeError::Stopped) }));
    }
    assert_eq!(bench.scraper.scrape(request(false)).await, Err(ScrapeError::Busy));
    let mut counters = String::new();
    prometheus_client::encoding::text::encode(&mut counters, bench.metrics.registry()).unwrap();
    assert!(counters.contains("spyhop_refused_total{reason=\"scrapes\"} 1\n"));
    for _ in 0..=MAX_WAITING_SCRAPES {
        bench.go_on.send(()).unwrap();
    }
    for answer in answers {
        assert!(text(&answer.await.unwrap().unwrap()).ends_with("# EOF\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_and_plain_pages_alternate_and_agree() {
    let bench = start();
    publish(&bench.reader, 3);
    for _ in 0..12 {
        bench.go_on.send(()).unwrap();
    }
    for round in 0..3 {
        for gzip in [false, true, true, false] {
            let body = bench.scraper.scrape(request(gzip)).await.unwrap();
            assert_eq!(body.gzip, gzip);
            let page = text(&body);
            assert!(page.ends_with("# EOF\n"), "{round}");
            assert_eq!(page.matches("\ncontainer_last_seen{id=\"/docker/x\"").count(), 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_went_away_costs_nothing() {
    let bench = start();
    let worked_on = tokio::spawn({
        let scraper = bench.scraper.clone();
        async move { scraper.scrape(request(false)).await }
    });
    bench.until("scrape");
    let (reply, gone) = oneshot::channel();
    bench.scraper.queue.try_send(Message::Scrape(request(false), reply)).ok().unwrap();
    drop(gone);
    let last = tokio::spawn({
        let scraper = bench.scraper.clone();
        async move { scraper.scrape(request(false)).await }
    });
    bench.go_on.send(()).unwrap();
    bench.go_on.send(()).unwrap();
    assert!(worked_on.await.unwrap().is_ok() && last.await.unwrap().is_ok());
    assert_eq!((bench.asked.try_recv(), bench.asked.try_recv().is_err()), (Ok("scrape"), true));
}

#[test]
fn refresh_tracks_the_newest_picture_once() {
    let bench = start();
    publish(&bench.reader, 2);
    bench.scraper.refresh();
    assert_eq!(bench.asked.recv(), Ok("track"));
    publish(&bench.reader, 1);
    bench.scraper.refresh();
    assert_eq!(bench.asked.recv(), Ok("track"));
    bench.scraper.refresh();
    let Bench { scraper, thread, tracked, .. } = bench;
    drop(scraper);
    thread.join().unwrap();
    assert_eq!(*tracked.lock().unwrap(), [2, 1], "an unchanged picture is not tracked again");
}

#[tokio::test]
async fn the_thread_ends_with_its_last_handle_or_its_source() {
    let bench = start();
    drop(bench.scraper);
    bench.thread.join().unwrap();

    let bench = start();
    assert!(bench.scraper.alive());
    drop(bench.go_on);
    assert_eq!(bench.scraper.scrape(request(true)).await, Err(ScrapeError::Stopped));
    assert!(bench.thread.join().is_err());
    assert!(!bench.scraper.alive(), "a panic is an end like any other");
    assert_eq!(bench.scraper.scrape(request(true)).await, Err(ScrapeError::Stopped));
}

#[test]
fn a_buffer_that_came_back_is_used_again() {
    let mut spare = Spare::default();
    let lent = spare.share(b"page".to_vec());
    let address = lent.as_ptr();
    drop(lent);
    let again = spare.take();
    assert_eq!((again.as_ptr(), again.len()), (address, 0));
    let still_out = spare.share(again);
    assert_eq!(spare.take().capacity(), 0, "a buffer on the wire is not touched");
    drop(still_out);
}
