use super::*;

const A: &str = "192.0.2.1:80";
const B: &str = "192.0.2.2:80";
const C: &str = "192.0.2.3:80";
const X: &str = "[2001:db8::1]:80";
const Y: &str = "[2001:db8::2]:80";

fn parse(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses.iter().map(|address| address.parse().unwrap()).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn the_families_alternate_beginning_with_the_first_as_resolved() {
    for (name, resolved, expected) in [
        ("nothing", &[][..], &[][..]),
        ("one", &[A], &[A]),
        ("one family keeps its order", &[B, A, C], &[B, A, C]),
        ("IPv6 first", &[X, Y, A, B], &[X, A, Y, B]),
        ("IPv4 first", &[A, B, X, Y], &[A, X, B, Y]),
        ("already alternating", &[A, X, B, Y], &[A, X, B, Y]),
        ("more of the second", &[X, A, B, C], &[X, A, B, C]),
        ("more of the first", &[A, B, C, X], &[A, X, B, C]),
        ("each once", &[A, A, X, A, X, B], &[A, X, B]),
    ] {
        assert_eq!(interleave(&parse(resolved)), parse(expected), "{name}");
    }
}

#[test]
fn no_more_than_so_many_are_tried() {
    let many: Vec<SocketAddr> = (0..200_u8).map(|n| ([192, 0, 2, n], 80).into()).collect();
    assert_eq!(interleave(&many), many[..MOST_TRIED]);
    let both: Vec<_> = many.iter().copied().chain(parse(&[X, Y])).collect();
    let ordered = interleave(&both);
    assert_eq!(ordered.len(), MOST_TRIED);
    assert_eq!(ordered[1..4], [parse(&[X])[0], many[1], parse(&[Y])[0]], "the bound leaves both families in");
}

/// What a driver tells or asks, at a time in milliseconds from the start.
enum Event {
    Starts(&'static str),
    WaitsUntil(u64),
    WaitsForTheOpen,
    Exhausted,
    Fails(&'static str),
}

#[track_caller]
fn check(name: &str, addresses: &[&str], stagger: Duration, script: &[(u64, Event)]) {
    let mut dial = Dial::new(&parse(addresses), stagger);
    let begin = Instant::now();
    for (step, (at, event)) in script.iter().enumerate() {
        let now = begin + ms(*at);
        let expected = match event {
            Event::Fails(address) => {
                dial.on_failure(address.parse().unwrap());
                continue;
            }
            Event::Starts(address) => Next::Start(address.parse().unwrap()),
            Event::WaitsUntil(at) => Next::Wait(Some(begin + ms(*at))),
            Event::WaitsForTheOpen => Next::Wait(None),
            Event::Exhausted => Next::Exhausted,
        };
        assert_eq!(dial.next(now), expected, "{name}: step {step}");
    }
}

#[test]
fn addresses_start_one_after_the_other() {
    use Event::*;
    check("no address", &[], ms(250), &[(0, Exhausted)]);
    check(
        "one address is waited for until it fails",
        &[A],
        ms(250),
        &[
            (0, Starts(A)),
            (0, WaitsForTheOpen),
            (9_000, WaitsForTheOpen),
            (9_000, Fails(A)),
            (9_000, Exhausted),
        ],
    );
    check(
        "the next starts when the stagger has passed, and the first goes on",
        &[A, X],
        ms(250),
        &[
            (0, Starts(A)),
            (0, WaitsUntil(250)),
            (249, WaitsUntil(250)),
            (250, Starts(X)),
            (251, WaitsForTheOpen),
            (260, Fails(X)),
            (260, WaitsForTheOpen),
            (270, Fails(A)),
            (270, Exhausted),
        ],
    );
    check(
        "after a failure the next starts at once, and the stagger begins anew",
        &[A, B, C],
        ms(250),
        &[
            (0, Starts(A)),
            (10, Fails(A)),
            (10, Starts(B)),
            (10, WaitsUntil(260)),
            (260, Starts(C)),
            (260, WaitsForTheOpen),
        ],
    );
    check(
        "two failures at once start one address",
        &[A, B, C, X],
        ms(250),
        &[
            (0, Starts(A)),
            (250, Starts(X)),
            (300, Fails(A)),
            (300, Fails(X)),
            (300, Starts(B)),
            (300, WaitsUntil(550)),
        ],
    );
    check(
        "a failure that is told twice, or of an address not started, changes nothing",
        &[A, B, C],
        ms(250),
        &[
            (0, Starts(A)),
            (5, Fails(B)),
            (5, WaitsUntil(250)),
            (10, Fails(A)),
            (10, Starts(B)),
            (11, Fails(A)),
            (11, WaitsUntil(260)),
        ],
    );
    check(
        "a late driver starts one at a time",
        &[A, B, C],
        ms(250),
        &[(0, Starts(A)), (10_000, Starts(B)), (10_000, WaitsUntil(10_250))],
    );
    check("the stagger is at least 10 ms", &[A, B], ms(0), &[(0, Starts(A)), (0, WaitsUntil(10))]);
    check(
        "a stagger beyond the clock waits for a failure",
        &[A, B],
        Duration::MAX,
        &[(0, Starts(A)), (0, WaitsForTheOpen), (1, Fails(A)), (1, Starts(B)), (1, WaitsForTheOpen)],
    );
}
