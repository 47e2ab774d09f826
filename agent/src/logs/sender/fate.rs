//! What an answer means: for a chunk, and for what is said of the destination.

use super::way::Told;
use crate::{
    delivery::{Verdict, http::SendError},
    logs::{
        board::{Dropped, Trouble, TroubleKind, chain},
        loki::{Reason, Sorted},
        queue::{Item, Settled},
    },
};

/// No answer is a server that is away, or one that takes us for somebody else.
pub(super) fn unanswered(error: &SendError) -> Sorted {
    let (verdict, reason) = match error {
        SendError::Material { .. } => (Verdict::Hold, Reason::Denied),
        _ => (Verdict::Retry, Reason::Unavailable),
    };
    Sorted { verdict, reason: Some(reason), refusals: Vec::new(), stream: None, cut: false }
}

/// What Loki refused of a chunk of an accepted push. Of several streams it says how many lines, not whose: the named one's, or the first's.
pub(super) fn refused(item: &Item, sorted: &Sorted, alone: bool) -> Settled {
    let Some(refusal) = sorted.refusals.first() else { return Settled::DONE };
    let named = sorted.stream.as_deref().is_none_or(|labels| *item.chunk.stream.labels == *labels);
    if !alone && !named {
        return Settled::DONE;
    }
    let lines = sorted.refusals.iter().map(|refusal| refusal.lines.unwrap_or(u64::from(item.chunk.lines))).sum();
    Settled::Done { refused: lines, reason: dropped(refusal.reason) }
}

/// What an OTLP back end refused of a push which it took: it says how many lines, not whose. The first ones', then.
pub(super) fn parted(items: Vec<Item>, sorted: &Sorted) -> Vec<(Item, Settled)> {
    let mut left: u64 = sorted.refusals.iter().filter_map(|refusal| refusal.lines).sum();
    let how = |item: &Item| {
        let refused = left.min(u64::from(item.chunk.lines));
        left -= refused;
        Settled::Done { refused, reason: Dropped::Refused }
    };
    let lots = items.into_iter().scan(how, |how, item| {
        let settled = how(&item);
        Some((item, settled))
    });
    lots.collect()
}

pub(super) fn lost(sorted: &Sorted) -> Dropped {
    sorted.reason.map_or(Dropped::Refused, dropped)
}

const fn dropped(reason: Reason) -> Dropped {
    match reason {
        Reason::TooFarBehind | Reason::OutOfOrder => Dropped::TooFarBehind,
        Reason::TooOld => Dropped::TooOld,
        Reason::LineTooLong | Reason::TooLarge | Reason::MetadataTooLarge | Reason::MetadataTooMany => {
            Dropped::TooLarge
        }
        _ => Dropped::Refused,
    }
}

pub(super) fn trouble(sorted: &Sorted, answer: &Result<Told, SendError>) -> Trouble {
    let kind = match (answer, sorted.verdict, sorted.reason) {
        (Err(SendError::Material { .. }), ..) => TroubleKind::Configuration,
        (Err(_), ..) => TroubleKind::Unreachable,
        (Ok(_), Verdict::Slower, _) => TroubleKind::RateLimited,
        (Ok(_), _, Some(Reason::Blocked)) => TroubleKind::Blocked,
        (Ok(_), Verdict::Hold, _) => TroubleKind::Configuration,
        (Ok(_), ..) => TroubleKind::Unavailable,
    };
    let text = match answer {
        Ok(told) => format!("{}: {}", told.code, told.words),
        Err(error) => chain(error),
    };
    Trouble { kind, text }
}

/// The beginning of what a server says.
pub(super) fn first_line(body: &str) -> &str {
    let line = body.lines().next().unwrap_or_default();
    line.char_indices().nth(200).and_then(|(at, _)| line.get(..at)).unwrap_or(line)
}
