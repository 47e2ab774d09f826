//! Memory and CPU on demand. Nothing runs while nothing is wanted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::knobs::Knobs;

/// One page-touched block of memory.
const MIB: usize = 1024 * 1024;

/// How often growing memory takes its next portion.
const GROWTH_TICK: Duration = Duration::from_secs(1);

/// CPU time is spent in slices of this length: short enough that a quota of the usual 100 ms bites evenly.
const SLICE: Duration = Duration::from_millis(50);

/// Holds as much memory as the knobs say, up to the ceiling; ends with the knobs. Growth is on top of the basic amount, and
/// is given back when it is turned to zero.
pub async fn memory(mut knobs: watch::Receiver<Knobs>, ceiling_mib: u32) {
    let mut held: Vec<Box<[u8]>> = Vec::new();
    let mut grown: u32 = 0;
    loop {
        let (base, growth) = {
            let now = knobs.borrow_and_update();
            (now.memory_mib, now.memory_growth_mib)
        };
        if growth == 0 {
            grown = 0;
        }
        resize(&mut held, base.saturating_add(grown).min(ceiling_mib) as usize).await;
        let growing = growth > 0 && held.len() < ceiling_mib as usize;
        tokio::select! {
            changed = knobs.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(GROWTH_TICK), if growing => grown = grown.saturating_add(growth),
        }
    }
}

async fn resize(held: &mut Vec<Box<[u8]>>, blocks: usize) {
    held.truncate(blocks);
    held.shrink_to_fit();
    while held.len() < blocks {
        // Written, not only reserved: a page which was never touched costs the container nothing.
        held.push(vec![0xa5; MIB].into_boxed_slice());
        tokio::task::yield_now().await;
    }
}

/// Keeps a thread busy for the wanted share of one core; ends with the knobs. The thread exists only while the share is not 0.
pub async fn cpu(mut knobs: watch::Receiver<Knobs>) {
    let share = Arc::new(AtomicU64::new(0));
    let mut burner: Option<thread::JoinHandle<()>> = None;
    loop {
        let wanted = knobs.borrow_and_update().cpu;
        share.store(wanted.to_bits(), Ordering::Relaxed);
        let running = burner.as_ref().is_some_and(|thread| !thread.is_finished());
        if wanted > 0.0 && !running {
            let share = Arc::clone(&share);
            burner = thread::Builder::new().name("burner".to_owned()).spawn(move || burn(&share)).ok();
        }
        if knobs.changed().await.is_err() {
            share.store(0, Ordering::Relaxed);
            return;
        }
    }
}

fn burn(share: &AtomicU64) {
    loop {
        let share = f64::from_bits(share.load(Ordering::Relaxed));
        if share <= 0.0 {
            return;
        }
        let began = Instant::now();
        let busy = SLICE.mul_f64(share.min(1.0));
        while began.elapsed() < busy {
            std::hint::spin_loop();
        }
        thread::sleep(SLICE.saturating_sub(began.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_is_resized_to_whole_mebibytes() {
        let mut held = Vec::new();
        for blocks in [3, 5, 1, 0] {
            resize(&mut held, blocks).await;
            assert_eq!(held.iter().map(|block| block.len()).sum::<usize>(), blocks * MIB);
        }
    }

    #[test]
    fn a_share_of_zero_ends_the_thread() {
        burn(&AtomicU64::new(0.0_f64.to_bits()));
    }
}
