//! What others tell the worker beside files: events, the agent's own lines, messages of the engine's.

use std::sync::atomic::Ordering;

use super::{Side, Sides, Worker, source::Reader};
use crate::logs::{board::Gap, followers::Message};

/// Messages of the engine's taken in one turn.
const MESSAGES: usize = 4096;

impl Worker {
    /// Takes events and the agent's own lines. While the host has no name they wait: without it they would have another stream.
    pub(super) fn take_sides(&mut self) {
        if self.sides.is_none() {
            let snapshot = self.inventory.load();
            let Some(host) = &snapshot.host else { return };
            let on = (self.options.events, self.options.own);
            self.sides = Some(Sides::new(host, on, &self.board, &self.shaper, &mut self.streams));
        }
        for _ in 0..MESSAGES {
            let Ok(side) = self.heard.try_recv() else { break };
            if let Side::Event(event) = &side {
                self.hear_event(event);
            }
            if let Some(sides) = &mut self.sides {
                sides.take(&side, &mut self.shaper, &mut self.streams);
            }
        }
        if let Some(sides) = &self.sides {
            sides.missed(self.missed.swap(0, Ordering::Relaxed));
        }
    }

    pub(super) fn take_messages(&mut self) {
        for _ in 0..MESSAGES {
            let Ok(message) = self.messages.try_recv() else { return };
            self.take_message(message);
        }
    }

    pub(super) fn take_message(&mut self, message: Message) {
        let (Message::Batch(id, _) | Message::Gaps(id, _) | Message::Ended(id) | Message::Unreadable(id)) = &message;
        let Some(source) = self.numbers.get(id).and_then(|number| self.sources.get_mut(number)) else { return };
        match message {
            Message::Batch(_, batch) => {
                source.told_all = false;
                batch.iter().for_each(|piece| source.take(piece, &mut self.shaper, &mut self.streams));
                // What the engine had to tell: a line that may go on waits for its time from now on, not for the container's end.
                source.caught_up = true;
            }
            Message::Gaps(_, times) => source.whose.service.gap(Gap::PositionLost, times),
            Message::Ended(_) => source.told_all = true,
            Message::Unreadable(_) => {
                source.told_all = true;
                source.reader = Reader::None("the driver keeps nothing to read");
                self.followers.stop(&source.id);
                self.publish_sources();
            }
        }
    }
}
