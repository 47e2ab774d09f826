//! What is sent next, and what becomes of it.

use std::time::Instant;

use bytes::Bytes;

use super::{Inner, Parcel, lane::Entry};
use crate::{otlp::Signal, traces::forward::board::Lost};

/// Bytes of small requests that are sent as one: concatenated requests are a request.
const TOGETHER: usize = 1 << 20;

/// A request that had no answer so often, while so many others were acknowledged, never will.
const PATIENCE: u32 = 10;

/// One request of a push.
#[derive(Clone, Debug)]
pub(in crate::traces::forward) struct Item {
    /// Its lane.
    lane: usize,
    id: u64,
    /// What it is a request of.
    pub(in crate::traces::forward) signal: Signal,
    /// Its bytes.
    pub(in crate::traces::forward) body: Bytes,
    /// Spans, data points or log records in it.
    pub(in crate::traces::forward) records: u32,
}

/// How a request ended.
#[derive(Clone, Debug)]
pub(in crate::traces::forward) enum Settled {
    /// Acknowledged.
    Done,
    /// To be sent again as it is.
    Again,
    /// Not refused by itself: to be sent again without others.
    Alone,
    /// To be sent again in these parts.
    Parts(Vec<Parcel>),
    /// Never to be sent again.
    Lost(Lost),
}

impl Inner {
    pub(super) fn take(&mut self, open: impl Fn(Signal) -> bool, alone: bool) -> Option<Vec<Item>> {
        let mut ready = Vec::new();
        for (index, lane) in self.lanes.iter().enumerate() {
            if lane.in_flight || lane.is_empty() || !open(lane.signal) {
                continue;
            }
            let (failures, id) = lane.memory.front().map_or((0, 0), |front| (front.failures, front.id));
            ready.push((failures, self.oldest_ms(lane), id, index));
        }
        // Oldest first, but for those that had no answer: others must not wait for them.
        ready.sort_unstable();
        let mut items: Vec<Item> = Vec::new();
        let mut bytes = 0;
        for (_, _, _, index) in ready {
            let signal = self.lanes.get(index)?.signal;
            if items.first().is_some_and(|first| first.signal != signal) || !self.load(index) {
                continue;
            }
            let Some(lane) = self.lanes.get_mut(index) else { continue };
            let Some(Entry { id, body, records, .. }) = lane.memory.front() else { continue };
            if !items.is_empty() && (lane.alone || bytes + body.len() > TOGETHER) {
                continue;
            }
            bytes += body.len();
            items.push(Item { lane: index, id: *id, signal, body: body.clone(), records: *records });
            lane.in_flight = true;
            if alone || lane.alone || bytes >= TOGETHER {
                break;
            }
        }
        (!items.is_empty()).then_some(items)
    }

    pub(super) fn settle(&mut self, item: &Item, how: Settled, now: Instant) {
        let Some(lane) = self.lanes.get_mut(item.lane) else { return };
        // Closed meanwhile: what the front is now has nothing to do with this.
        if lane.front_of(item.id).is_none() || !lane.in_flight {
            return;
        }
        lane.in_flight = false;
        match how {
            Settled::Done => {
                (self.acks, self.acked_at) = (self.acks + 1, Some(now));
                self.finish(item, None);
            }
            Settled::Lost(why) => self.finish(item, Some(why)),
            Settled::Alone => lane.alone = true,
            Settled::Parts(parts) => self.part(item.lane, parts),
            Settled::Again => self.failed(item),
        }
    }

    fn failed(&mut self, item: &Item) {
        let acks = self.acks;
        let front = self.lanes.get_mut(item.lane).and_then(|lane| lane.memory.front_mut());
        let Some(front) = front else { return };
        if front.failures == 0 {
            front.acks_before = acks;
        }
        front.failures = front.failures.saturating_add(1);
        if front.failures >= PATIENCE && acks - front.acks_before >= u64::from(PATIENCE) {
            self.finish(item, Some(Lost::Undeliverable));
        }
    }

    /// Takes the front away for good.
    fn finish(&mut self, item: &Item, lost: Option<Lost>) {
        let Some(entry) = self.recall(item.lane) else { return };
        if let Some(lane) = self.lanes.get_mut(item.lane) {
            lane.alone = entry.part;
        }
        if let Some(why) = lost {
            self.lose(item.signal, why, u64::from(entry.records));
        }
        self.consumed(item.lane, entry.disk);
    }

    /// Puts parts in the place of the front. The last of them takes it off the disk: until then it is there whole.
    fn part(&mut self, index: usize, parts: Vec<Parcel>) {
        let Some(whole) = self.recall(index) else { return };
        let last = parts.len().saturating_sub(1);
        for (at, Parcel { body, records }) in parts.into_iter().enumerate().rev() {
            self.next_id += 1;
            let is_last = at == last;
            let entry = Entry {
                id: self.next_id,
                body,
                records,
                disk: if is_last { whole.disk } else { None },
                part: if is_last { whole.part } else { whole.part || whole.disk.is_some() },
                failures: 0,
                ..whole.clone()
            };
            self.remember(index, entry, true);
        }
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.alone = true;
        }
    }
}
