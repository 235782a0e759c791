//! Scenarios whose instructions, allocations and time `cargo xtask bench cookies` measures.
//!
//! `SCENARIO TIMES` runs one scenario that often and nothing else. `units` names every scenario with the units of work
//! in one run, and the allocations and nanoseconds of one run. Whatever cargo and nextest ask runs each scenario once, as
//! a test.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code fails loudly"
)]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use cookies::{Jar, JarConfig, Outcome};
use url::Url;

/// A jar of a hundred thousand.
const DOMAINS: usize = 10_000;
const COOKIES_EACH: usize = 10;

type Run = fn(&Bench, usize);

const SCENARIOS: &[(&str, usize, Run)] =
    &[("header", DOMAINS, header), ("header_alone", 1, header), ("store", DOMAINS, store)];

/// A jar, pages of its sites, and the time.
struct Bench {
    jar: Jar,
    pages: Vec<Url>,
    now: SystemTime,
}

impl Bench {
    fn new(domains: usize) -> Self {
        let mut config = JarConfig::default();
        config.limits.total = domains * COOKIES_EACH;
        let (jar, now) =
            (Jar::with_config(config), SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let lines: Vec<String> = (0..COOKIES_EACH)
            .map(|n| match n {
                0 => "__Secure-session=5f2b9c1e7a7d44c0; Path=/; Secure; HttpOnly".to_owned(),
                n if n % 2 == 0 => format!("name{n}=value{n}; Path=/shop; Max-Age=86400"),
                n => format!("name{n}=value{n}; Path=/; Max-Age=86400; SameSite=Lax"),
            })
            .collect();
        let pages: Vec<Url> = (0..domains)
            .map(|n| Url::parse(&format!("https://www.site-{n}.com.au/shop/cart")).unwrap())
            .collect();
        for page in &pages {
            jar.store(page, lines.iter().map(String::as_bytes), now);
        }
        Self { jar, pages, now }
    }

    /// Far apart, so that no cache knows the next one.
    fn page(&self, time: usize) -> &Url {
        &self.pages[time * 7_919 % self.pages.len()]
    }
}

fn header(bench: &Bench, times: usize) {
    for time in 0..times {
        let field = bench.jar.cookie_header(black_box(bench.page(time)), bench.now);
        assert!(black_box(field).is_some());
    }
}

fn store(bench: &Bench, times: usize) {
    for time in 0..times {
        let line = &b"name1=value1; Path=/; Max-Age=86400; SameSite=Lax"[..];
        black_box(bench.jar.store(black_box(bench.page(time)), [line], bench.now));
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["units"] => print_units(),
        // nextest asks which tests there are, and which of them are ignored.
        _ if arguments.contains(&"--list") => {
            if !arguments.contains(&"--ignored") {
                println!("every_scenario_runs: test");
            }
        }
        [name, times] if !name.starts_with('-') => {
            let scenario = SCENARIOS.iter().find(|scenario| scenario.0 == name);
            let (_, domains, run) = scenario.unwrap_or_else(|| panic!("there is no scenario `{name}`"));
            run(&Bench::new(*domains), times.parse().unwrap());
        }
        _ => every_scenario_runs(),
    }
}

fn print_units() {
    for (name, domains, run) in SCENARIOS {
        let bench = Bench::new(*domains);
        let counted = allocation_counter::measure(|| run(&bench, 1));
        let mut times: Vec<u128> = (0..21)
            .map(|_| {
                let begun = Instant::now();
                run(&bench, DOMAINS);
                begun.elapsed().as_nanos() / DOMAINS as u128
            })
            .collect();
        times.sort_unstable();
        println!("{name} 1 {} {}", counted.count_total, times[10]);
    }
}

fn every_scenario_runs() {
    let bench = Bench::new(20);
    for (_, _, run) in SCENARIOS {
        run(&bench, 3);
    }
    assert_eq!(bench.jar.len(), 20 * COOKIES_EACH);
    let stored = bench.jar.store(bench.page(1), [&b"name1=2; Path=/; SameSite=Lax"[..]], bench.now);
    assert_eq!(stored.lines[0].outcome, Outcome::Replaced);
    let field = bench.jar.cookie_header(bench.page(0), bench.now).unwrap();
    assert_eq!(field.split("; ").count(), COOKIES_EACH);
    assert!(field.starts_with("name2=value2; "), "{field}");
}
