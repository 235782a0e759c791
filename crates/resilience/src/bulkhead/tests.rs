use proptest::prelude::*;

use super::*;
use crate::sync::models::explore;

fn bulkhead(limit: u32) -> Bulkhead {
    Bulkhead::new(NonZeroU32::new(limit).unwrap())
}

fn running(bulkhead: &Bulkhead) -> (u32, usize) {
    let load = bulkhead.load();
    (load.running, load.waiting)
}

#[test]
fn places_are_taken_and_freed() {
    let bulkhead = bulkhead(2);
    let (one, two) = (bulkhead.try_enter().unwrap(), bulkhead.enter(Duration::ZERO).unwrap());
    assert_eq!(bulkhead.try_enter().unwrap_err(), BulkheadFull { limit: 2 });
    drop(one);
    let _three = bulkhead.try_enter().unwrap();
    drop(two);
    assert_eq!(running(&bulkhead), (1, 0));
}

#[test]
fn who_waits_in_vain_leaves_the_queue() {
    let bulkhead = bulkhead(1);
    let _slot = bulkhead.try_enter().unwrap();
    assert!(bulkhead.enter(Duration::ZERO).is_err());
    assert_eq!(running(&bulkhead), (1, 0));
    let short = Bulkhead::with_queue(NonZeroU32::MIN, 0);
    let _slot = short.try_enter().unwrap();
    assert!(short.enter(Duration::MAX).is_err(), "a queue without places is not waited in");
}

#[test]
fn a_panic_frees_the_place() {
    let bulkhead = bulkhead(1);
    let panicking = std::panic::catch_unwind(|| {
        let _slot = bulkhead.try_enter().unwrap();
        panic!("the call fails hard");
    });
    assert!(panicking.is_err());
    assert_eq!(running(&bulkhead), (0, 0));
}

#[test]
fn a_smaller_limit_waits_for_nobody() {
    let bulkhead = bulkhead(3);
    let slots: Vec<Slot> = (0..3).map(|_| bulkhead.try_enter().unwrap()).collect();
    bulkhead.set_limit(NonZeroU32::MIN);
    assert_eq!(running(&bulkhead), (3, 0));
    for slot in slots {
        assert!(bulkhead.try_enter().is_err());
        drop(slot);
    }
    assert!(bulkhead.try_enter().is_ok());
}

proptest! {
    #[test]
    fn places_and_calls_stay_equal(
        script in proptest::collection::vec((0_u8..7, any::<usize>(), 1_u32..6), 1..200),
    ) {
        let bulkhead = bulkhead(3);
        let (mut slots, mut queue): (Vec<Slot>, VecDeque<u64>) = (Vec::new(), VecDeque::new());
        let mut limit = 3;
        for (op, n, size) in script {
            match op {
                0 | 1 => {
                    let entered = bulkhead.try_enter();
                    prop_assert_eq!(entered.is_ok(), slots.len() < limit as usize);
                    slots.extend(entered.ok());
                }
                2 | 3 if !slots.is_empty() => drop(slots.swap_remove(n % slots.len())),
                4 => {
                    limit = size;
                    bulkhead.set_limit(NonZeroU32::new(size).unwrap());
                }
                5 => match bulkhead.0.with(Inner::join).unwrap() {
                    None => slots.push(Slot(bulkhead.clone())),
                    Some((ticket, _)) => queue.push_back(ticket),
                },
                6 if !queue.is_empty() => {
                    let ticket = queue.remove(n % queue.len()).unwrap();
                    prop_assert!(bulkhead.0.with(|inner| inner.leave(ticket)));
                }
                _ => {}
            }
            // First come, first served: whoever no longer waits stood at the front.
            while queue.front().is_some_and(|ticket| !bulkhead.0.with(|inner| inner.waits(*ticket))) {
                queue.pop_front();
                slots.push(Slot(bulkhead.clone()));
            }
            prop_assert_eq!(running(&bulkhead), (u32::try_from(slots.len()).unwrap(), queue.len()));
            prop_assert!(queue.is_empty() || slots.len() >= limit as usize);
        }
        drop(slots);
    }
}

/// Waits never time out in a model, so that a wake-up that gets lost is a deadlock.
#[test]
fn no_wake_up_is_lost_between_an_exit_a_resize_and_two_who_wait() {
    explore(|| {
        let bulkhead = bulkhead(1);
        let slot = bulkhead.try_enter().unwrap();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let bulkhead = bulkhead.clone();
                shuttle::thread::spawn(move || drop(bulkhead.enter(Duration::MAX).unwrap()))
            })
            .collect();
        let resized = bulkhead.clone();
        let resizing = shuttle::thread::spawn(move || resized.set_limit(NonZeroU32::new(2).unwrap()));
        drop(slot);
        for thread in waiting {
            thread.join().unwrap();
        }
        resizing.join().unwrap();
        assert_eq!(running(&bulkhead), (0, 0));
    });
}

#[test]
fn a_place_handed_to_one_who_gives_up_goes_on_to_the_next() {
    explore(|| {
        let bulkhead = bulkhead(1);
        let slot = bulkhead.try_enter().unwrap();
        // One who waits and gives up at some moment, as after a time limit.
        let (ticket, _) = bulkhead.0.with(Inner::join).unwrap().unwrap();
        let giving_up = bulkhead.clone();
        let quitter = shuttle::thread::spawn(move || drop(giving_up.stop_waiting(ticket)));
        let patient = bulkhead.clone();
        let waiter = shuttle::thread::spawn(move || drop(patient.enter(Duration::MAX).unwrap()));
        drop(slot);
        quitter.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(running(&bulkhead), (0, 0));
    });
}
