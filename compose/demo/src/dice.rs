//! Chance, for error rates, latencies and log lines. Not for secrets.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// A small generator (xorshift64*), shared by whoever needs a throw.
#[derive(Debug)]
pub struct Dice(Mutex<u64>);

impl Dice {
    /// A generator which gives the same throws for the same seed.
    pub fn new(seed: u64) -> Self {
        // Zero is the one state which xorshift never leaves.
        Self(Mutex::new(seed.max(1)))
    }

    /// A generator which differs from process to process.
    pub fn from_clock() -> Self {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos());
        // Multiplied so that two containers started in the same moment part at once.
        Self::new((nanos as u64 ^ u64::from(std::process::id()) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// 64 random bits.
    pub fn bits(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from 0 up to, not including, 1.
    pub fn fraction(&self) -> f64 {
        // 53 bits are what an f64 holds exactly.
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with the given probability: 0 is never, 1 is always.
    pub fn happens(&self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// One of the values; `None` when there are none.
    pub fn pick<'a, T>(&self, values: &'a [T]) -> Option<&'a T> {
        values.get((self.fraction() * values.len() as f64) as usize)
    }

    /// An identifier for a request: 16 hexadecimal digits.
    pub fn request_id(&self) -> String {
        format!("{:016x}", self.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_stay_below_one_and_spread_evenly() {
        let dice = Dice::new(7);
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            let fraction = dice.fraction();
            assert!((0.0..1.0).contains(&fraction));
            tenths[(fraction * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|&count| (800..1200).contains(&count)), "{tenths:?}");
    }

    #[test]
    fn never_and_always_mean_it() {
        let dice = Dice::new(0);
        assert!((0..1000).all(|_| !dice.happens(0.0) && dice.happens(1.0)));
    }

    #[test]
    fn nothing_is_picked_of_nothing() {
        let dice = Dice::from_clock();
        assert_eq!(dice.pick::<u8>(&[]), None);
        assert_eq!(dice.pick(&[5]), Some(&5));
        assert_eq!(dice.request_id().len(), 16);
    }
}
