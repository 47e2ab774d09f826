//! Sorting, and trees of what comes in any order, in little code.
//!
//! The standard library's sorts are fast for millions of elements, and each type sorted by each closure has a copy of five kilobytes of
//! them in the program: there were ninety. A tree which is collected sorts too. Here one merge sort over places serves all, and only
//! comparing and swapping is made for each type. For what is sorted a few times a second, or in hundreds; the loops that are hot
//! (`logs`, `delivery`) keep the other.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

/// Sorts that keep equal elements in their order, in `n log n` comparisons, and `n` for what is in order already. Never panics, also
/// where comparisons contradict each other; then the order is any.
pub trait InOrder<T> {
    /// From the least to the greatest.
    fn order(&mut self)
    where
        T: Ord;
    /// As `compare` says.
    fn order_by(&mut self, compare: impl FnMut(&T, &T) -> Ordering);
    /// By what `key` makes of each.
    fn order_by_key<K: Ord>(&mut self, key: impl FnMut(&T) -> K);
}

impl<T> InOrder<T> for [T] {
    fn order(&mut self)
    where
        T: Ord,
    {
        self.order_by(T::cmp);
    }

    fn order_by(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        let pair = |a: usize, b: usize| Some((self.get(a)?, self.get(b)?));
        let greater = &mut |a, b| pair(a, b).is_some_and(|(a, b)| compare(a, b) == Ordering::Greater);
        for (place, other) in swaps(self.len(), greater) {
            self.swap(place, other);
        }
    }

    fn order_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.order_by(|a, b| key(a).cmp(&key(b)));
    }
}

/// Trees without a sort before. Of equal keys the last wins, as it does in the standard library.
pub trait IntoTree: Iterator + Sized {
    /// A map of pairs.
    fn into_map<K: Ord, V>(self) -> BTreeMap<K, V>
    where
        Self: Iterator<Item = (K, V)>,
    {
        let mut map = BTreeMap::new();
        map.extend(self);
        map
    }

    /// A set.
    fn into_set(self) -> BTreeSet<Self::Item>
    where
        Self::Item: Ord,
    {
        let mut set = BTreeSet::new();
        set.extend(self);
        set
    }
}

impl<I: Iterator> IntoTree for I {}

/// The swaps, in their order, which put `length` elements in order. `greater` compares the elements that are at two places now.
fn swaps(length: usize, greater: &mut dyn FnMut(usize, usize) -> bool) -> Vec<(usize, usize)> {
    if !(1..length).any(|place| greater(place - 1, place)) {
        return Vec::new();
    }
    let mut from = sorted(length, greater);
    let mut swaps = Vec::with_capacity(length);
    // Around each circle of elements which take each other's places: what stands in the way of one goes where that one was.
    for start in 0..length {
        let mut place = start;
        while let Some(entry) = from.get_mut(place) {
            let other = std::mem::replace(entry, place);
            if other == start || other == place {
                break;
            }
            swaps.push((place, other));
            place = other;
        }
    }
    swaps
}

/// Places in the order of their elements: runs of one, two, four and so on are merged.
fn sorted(length: usize, greater: &mut dyn FnMut(usize, usize) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..length).collect();
    let mut merged = Vec::with_capacity(length);
    let mut run = 1;
    while run < length {
        merged.clear();
        for two in places.chunks(2 * run) {
            let (mut left, mut right) = two.split_at(run.min(two.len()));
            while let (Some((a, behind_a)), Some((b, behind_b))) = (left.split_first(), right.split_first()) {
                if greater(*a, *b) {
                    merged.push(*b);
                    right = behind_b;
                } else {
                    merged.push(*a);
                    left = behind_a;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut places, &mut merged);
        run *= 2;
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(mut items in prop::collection::vec((0..20_u8, any::<u32>()), 0..200)) {
            let mut expected = items.clone();
            expected.sort_by_key(|(key, _)| *key);
            items.order_by_key(|(key, _)| *key);
            prop_assert_eq!(&items, &expected);
            expected.sort();
            items.order();
            prop_assert_eq!(&items, &expected);
            items.order_by(|a, b| b.cmp(a));
            expected.reverse();
            prop_assert_eq!(items, expected);
        }

        #[test]
        fn trees_are_those_of_the_standard_library(pairs in prop::collection::vec((0..20_u8, any::<u32>()), 0..100)) {
            prop_assert_eq!(pairs.iter().copied().into_map(), pairs.iter().copied().collect::<BTreeMap<_, _>>());
            prop_assert_eq!(pairs.iter().into_set(), pairs.iter().collect::<BTreeSet<_>>());
        }

        /// Whatever a comparison answers, nothing is lost.
        #[test]
        fn contradictions_lose_nothing(mut items in prop::collection::vec(any::<u8>(), 0..100), answers in any::<u64>()) {
            let mut expected = items.clone();
            let mut asked = 0;
            items.order_by(|_, _| {
                asked += 1;
                if answers >> (asked % 64) & 1 == 1 { Ordering::Greater } else { Ordering::Less }
            });
            expected.sort_unstable();
            items.sort_unstable();
            prop_assert_eq!(items, expected);
        }
    }

    #[test]
    fn what_is_in_order_costs_one_look() {
        let mut items: Vec<_> = (0..1000).collect();
        let mut asked = 0;
        items.order_by(|a, b| {
            asked += 1;
            a.cmp(b)
        });
        assert_eq!(asked, 999);
        let mut reversed: Vec<_> = (0..1000).rev().collect();
        asked = 0;
        reversed.order_by(|a, b| {
            asked += 1;
            a.cmp(b)
        });
        assert!(reversed.is_sorted() && asked < 6000, "{asked}");
    }
}
