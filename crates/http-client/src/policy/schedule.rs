//! Which of many requests begins next, so many to one origin at a time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

/// What waits, by the key that it shares a limit with. Taking and finishing cost O(log n), however much waits.
#[derive(Debug)]
pub(crate) struct Schedule<K, T> {
    /// How many of one key may run at a time.
    limit: usize,
    lanes: Vec<Lane<T>>,
    by_key: HashMap<K, usize>,
    /// The lanes that may begin something, by what stands first in them.
    ready: BTreeMap<usize, usize>,
    pushed: usize,
    waiting: usize,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<(usize, T)>,
    running: usize,
}

/// What begins: the number that tells its place in the order of pushing, and the lane to be told when it ends.
#[derive(Debug)]
pub(crate) struct Begun<T> {
    pub(crate) index: usize,
    pub(crate) lane: usize,
    pub(crate) item: T,
}

impl<K: Eq + Hash, T> Schedule<K, T> {
    /// Lets `limit` of one key run at a time; at least one.
    pub(crate) fn new(limit: usize) -> Self {
        let (lanes, by_key, ready) = (Vec::new(), HashMap::new(), BTreeMap::new());
        Self { limit: limit.max(1), lanes, by_key, ready, pushed: 0, waiting: 0 }
    }

    /// Adds what waits for its turn. What has no key waits for nobody.
    pub(crate) fn push(&mut self, key: Option<K>, item: T) {
        let new_lane = self.lanes.len();
        let lane = key.map_or(new_lane, |key| *self.by_key.entry(key).or_insert(new_lane));
        if lane == new_lane {
            self.lanes.push(Lane { waiting: VecDeque::new(), running: 0 });
        }
        let index = self.pushed;
        self.pushed += 1;
        self.waiting += 1;
        let Some(found) = self.lanes.get_mut(lane) else { return };
        found.waiting.push_back((index, item));
        if found.waiting.len() == 1 {
            self.offer(lane);
        }
    }

    /// Begins the first that may run; none if all that waits has to wait on.
    pub(crate) fn begin(&mut self) -> Option<Begun<T>> {
        let (_, lane) = self.ready.pop_first()?;
        let found = self.lanes.get_mut(lane)?;
        let (index, item) = found.waiting.pop_front()?;
        found.running += 1;
        self.waiting -= 1;
        self.offer(lane);
        Some(Begun { index, lane, item })
    }

    /// Takes note that something of a lane ended.
    pub(crate) fn end(&mut self, lane: usize) {
        if let Some(found) = self.lanes.get_mut(lane) {
            found.running = found.running.saturating_sub(1);
            self.offer(lane);
        }
    }

    /// Tells whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Drops all that waits.
    pub(crate) fn clear(&mut self) {
        self.ready.clear();
        self.waiting = 0;
        self.lanes.iter_mut().for_each(|lane| lane.waiting.clear());
    }

    /// Lets the first of a lane begin where the limit allows it.
    fn offer(&mut self, lane: usize) {
        if let Some(found) = self.lanes.get(lane)
            && found.running < self.limit
            && let Some((index, _)) = found.waiting.front()
        {
            self.ready.insert(*index, lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(limit: usize, keys: &str) -> Schedule<char, ()> {
        let mut schedule = Schedule::new(limit);
        for key in keys.chars() {
            schedule.push((key != '-').then_some(key), ());
        }
        schedule
    }

    /// Begins all that may begin.
    fn begin_all(schedule: &mut Schedule<char, ()>) -> Vec<usize> {
        std::iter::from_fn(|| schedule.begin()).map(|begun| begun.index).collect()
    }

    #[test]
    fn the_first_that_may_run_begins_first() {
        for (limit, keys, first, left) in [
            (1, "", &[][..], false),
            (1, "ab", &[0, 1], false),
            (1, "aab", &[0, 2], true),
            (2, "aaab", &[0, 1, 3], true),
            (0, "aa", &[0], true),
            (1, "-a-a-", &[0, 1, 2, 4], true),
        ] {
            let mut schedule = schedule(limit, keys);
            assert_eq!(begin_all(&mut schedule), first, "{limit} {keys}");
            assert_eq!(!schedule.is_empty(), left, "{limit} {keys}");
        }
    }

    #[test]
    fn an_end_lets_the_next_of_its_lane_begin() {
        let mut schedule = schedule(1, "aab");
        let first = schedule.begin().unwrap();
        let second = schedule.begin().unwrap();
        assert_eq!((first.index, second.index), (0, 2));
        assert!(schedule.begin().is_none());
        schedule.end(second.lane);
        assert!(schedule.begin().is_none(), "b has nothing that waits");
        schedule.end(first.lane);
        assert_eq!(schedule.begin().unwrap().index, 1);
        assert!(schedule.is_empty());
    }

    #[test]
    fn what_is_cleared_never_begins() {
        let mut schedule = schedule(1, "aab");
        let first = schedule.begin().unwrap();
        schedule.clear();
        schedule.end(first.lane);
        assert!(schedule.is_empty() && schedule.begin().is_none());
    }

    proptest! {
        #[test]
        fn everything_runs_once_in_the_order_of_its_key_within_the_limit(
            keys in "[abc-]{0,40}", limit in 1_usize..4, ends in proptest::collection::vec(any::<prop::sample::Index>(), 80),
        ) {
            let names: Vec<char> = keys.chars().collect();
            let mut schedule = schedule(limit, &keys);
            let (mut running, mut begun, mut ends) = (Vec::new(), Vec::new(), ends.into_iter());
            loop {
                while let Some(one) = schedule.begin() {
                    begun.push(one.index);
                    running.push((one.index, one.lane));
                    let key = names[one.index];
                    let alike = running.iter().filter(|(index, _)| names[*index] == key).count();
                    prop_assert!(key == '-' || alike <= limit);
                }
                if running.is_empty() {
                    break;
                }
                let ended = ends.next().map_or(0, |index| index.index(running.len()));
                schedule.end(running.swap_remove(ended).1);
            }
            prop_assert!(schedule.is_empty());
            for key in ['a', 'b', 'c'] {
                let of_key: Vec<_> = begun.iter().filter(|index| names[**index] == key).collect();
                prop_assert!(of_key.is_sorted());
            }
            begun.sort_unstable();
            prop_assert_eq!(begun, (0..names.len()).collect::<Vec<_>>());
        }
    }
}
