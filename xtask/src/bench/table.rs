//! What each operation may cost, and the table that says what it does cost.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What one run of a scenario costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) instructions: f64,
    /// How many operations one run does.
    pub(super) units: u64,
    pub(super) allocations: u64,
    /// The median time of one run, where the bench tells it.
    pub(super) nanoseconds: Option<u64>,
}

/// A layer with a bench `instructions`, and what is held against its scenarios.
pub(super) struct Layer {
    pub(super) name: &'static str,
    /// The scenario that all others are told in multiples of.
    measure: &'static str,
    operations: &'static [Operation],
}

/// One operation of the table.
struct Operation {
    name: &'static str,
    scenario: &'static str,
    /// The scenario that does all but the operation.
    without: Option<&'static str>,
    budget: Budget,
    /// The most that one run may take, where there is a budget.
    allocations: u64,
    /// The longest that one run may take.
    nanoseconds: Option<u64>,
}

impl Operation {
    const fn new(name: &'static str, scenario: &'static str, budget: Budget) -> Self {
        Self { name, scenario, without: None, budget, allocations: 0, nanoseconds: None }
    }
}

/// What one operation may cost in instructions.
#[derive(Clone, Copy, Debug)]
enum Budget {
    Free,
    Instructions(f64),
    /// So many times what another scenario takes for one operation.
    Times(f64, &'static str),
}

/// The layers that are measured.
pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "wire",
        // The measure of all heads.
        measure: "httparse",
        operations: &[
            Operation::new("response head, httparse alone", "httparse", Budget::Free),
            Operation {
                without: Some("clone"),
                ..Operation::new("response head", "head", Budget::Times(1.6, "httparse"))
            },
            Operation::new("request head", "encode", Budget::Instructions(2_500.0)),
            Operation::new("chunk of 512 bytes", "chunked", Budget::Instructions(250.0)),
            Operation::new("chunk of 1 byte", "chunked_small", Budget::Instructions(250.0)),
            Operation::new("byte of a head that drips", "bytewise", Budget::Free),
            // A search that began anew with every byte would take twice as long for each of twice as many.
            Operation::new(
                "byte of one of twice the length",
                "bytewise_double",
                Budget::Times(1.2, "bytewise"),
            ),
        ],
    },
    Layer {
        name: "cookies",
        measure: "header_alone",
        operations: &[
            Operation::new("Cookie of 10, jar of 10", "header_alone", Budget::Free),
            Operation {
                allocations: 1,
                nanoseconds: Some(20_000),
                ..Operation::new("Cookie of 10, jar of 100,000", "header", Budget::Instructions(7_000.0))
            },
            Operation::new("Set-Cookie, jar of 100,000", "store", Budget::Free),
        ],
    },
];

/// One line of the table.
#[derive(Debug)]
pub(super) struct Row {
    name: &'static str,
    /// Of one operation.
    instructions: f64,
    /// How often the measure could have run meanwhile.
    ratio: f64,
    /// Of one run of the scenario, and the most that are allowed.
    allocations: (u64, u64),
    nanoseconds: (Option<u64>, Option<u64>),
    /// The most instructions that are allowed, and how they are said.
    allowed: Option<(f64, String)>,
}

/// Puts the costs of all operations together.
///
/// # Errors
/// A scenario was not measured.
pub(super) fn rows(layer: &Layer, costs: &BTreeMap<String, Cost>) -> Result<Vec<Row>, String> {
    let cost =
        |name: &str| costs.get(name).copied().ok_or_else(|| format!("the bench has no scenario `{name}`"));
    let each = |name: &str| cost(name).map(|cost| cost.instructions / cost.units as f64);
    let measure = each(layer.measure)?;
    let row = |operation: &Operation| {
        let Operation { name, scenario, without, budget, .. } = *operation;
        let instructions = each(scenario)? - without.map_or(Ok(0.0), each)?;
        let allowed = match budget {
            Budget::Free => None,
            Budget::Instructions(most) => Some((most, grouped(most))),
            Budget::Times(times, other) => Some((each(other)? * times, format!("{times} x {other}"))),
        };
        let cost = cost(scenario)?;
        let allocations = (cost.allocations, operation.allocations);
        let nanoseconds = (cost.nanoseconds, operation.nanoseconds);
        Ok(Row { name, instructions, ratio: instructions / measure, allocations, nanoseconds, allowed })
    };
    layer.operations.iter().map(row).collect()
}

impl Row {
    /// Says what is over budget.
    pub(super) fn fault(&self) -> Option<String> {
        let (most, said) = self.allowed.as_ref()?;
        let Self { name, instructions, allocations: (allocations, most_allocations), .. } = self;
        if instructions > most {
            return Some(format!("{name}: {} instructions, at most {said}", grouped(*instructions)));
        }
        if allocations > most_allocations {
            return Some(format!("{name}: {allocations} allocations, at most {most_allocations}"));
        }
        let (nanoseconds, limit) = (self.nanoseconds.0?, self.nanoseconds.1?);
        (nanoseconds > limit).then(|| format!("{name}: {nanoseconds} ns, at most {limit}"))
    }

    fn verdict(&self) -> &'static str {
        match (&self.allowed, self.fault()) {
            (None, _) => "",
            (Some(_), None) => "within",
            (Some(_), Some(_)) => "OVER",
        }
    }
}

/// Draws the table, numbers to the right.
pub(super) fn show(layer: &Layer, rows: &[Row]) -> String {
    let mut shown = String::new();
    let mut line = |[name, instructions, ratio, allocations, time, budget, verdict]: [&str; 7]| {
        // Writing to a String cannot fail.
        let _ = writeln!(
            shown,
            "{name:<32} {instructions:>12} {ratio:>10} {allocations:>11} {time:>9}  {budget:<32} {verdict}"
        );
    };
    let measure = format!("x {}", layer.measure);
    line(["operation", "instructions", &measure, "allocations", "time", "budget", "verdict"]);
    for row in rows {
        let (allocations, most_allocations) = row.allocations;
        let (time, limit) = row.nanoseconds;
        let mut budget = row
            .allowed
            .as_ref()
            .map_or("-".to_owned(), |(_, said)| format!("{said}, {most_allocations} alloc."));
        if let Some(limit) = limit {
            budget.push_str(&format!(", {}", micros(limit)));
        }
        line([
            row.name,
            &grouped(row.instructions),
            &format!("{:.2}", row.ratio),
            &allocations.to_string(),
            &time.map_or("-".to_owned(), micros),
            &budget,
            row.verdict(),
        ]);
    }
    shown
}

fn micros(nanoseconds: u64) -> String {
    format!("{:.1} us", nanoseconds as f64 / 1_000.0)
}

/// Whole thousands apart; a decimal where it says something.
fn grouped(number: f64) -> String {
    if number < 1_000.0 && number.fract() != 0.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(changed: &[(&str, Cost)]) -> BTreeMap<String, Cost> {
        let within = [
            ("httparse", 5_000.0, 1),
            ("clone", 50.0, 1),
            ("head", 8_050.0, 1),
            ("encode", 2_500.0, 1),
            ("chunked", 250_000.0, 1_000),
            ("chunked_small", 250_000.0, 1_000),
            ("bytewise", 9_000.0, 900),
            ("bytewise_double", 21_600.0, 1_800),
        ];
        let mut costs: BTreeMap<String, Cost> = within
            .map(|(name, instructions, units)| {
                (name.to_owned(), Cost { instructions, units, allocations: 0, nanoseconds: None })
            })
            .into();
        costs.extend(changed.iter().map(|(name, cost)| ((*name).to_owned(), *cost)));
        costs
    }

    fn wire() -> &'static Layer {
        LAYERS.iter().find(|layer| layer.name == "wire").unwrap()
    }

    #[track_caller]
    fn check(changed: &[(&str, Cost)], faults: &[&str]) {
        let rows = rows(wire(), &costs(changed)).unwrap();
        assert_eq!(rows.iter().filter_map(Row::fault).collect::<Vec<_>>(), faults);
        assert_eq!(show(wire(), &rows).matches(" OVER\n").count(), faults.len());
    }

    #[test]
    fn what_reaches_its_budget_is_within_and_what_exceeds_it_is_over() {
        let one = |instructions, allocations| Cost { instructions, units: 1, allocations, nanoseconds: None };
        check(&[], &[]);
        check(&[("head", one(8_051.0, 0))], &["response head: 8,001 instructions, at most 1.6 x httparse"]);
        check(&[("head", one(9.0, 1))], &["response head: 1 allocations, at most 0"]);
        check(&[("encode", one(2_501.0, 0))], &["request head: 2,501 instructions, at most 2,500"]);
        let slow = Cost { instructions: 250_100.0, units: 1_000, allocations: 0, nanoseconds: None };
        check(&[("chunked", slow)], &["chunk of 512 bytes: 250.1 instructions, at most 250"]);
        let quadratic = Cost { instructions: 36_000.0, units: 1_800, allocations: 0, nanoseconds: None };
        check(
            &[("bytewise_double", quadratic)],
            &["byte of one of twice the length: 20 instructions, at most 1.2 x bytewise"],
        );
        check(&[("httparse", one(9_000.0, 3))], &[]);
    }

    #[test]
    fn allocations_and_time_have_limits_of_their_own() {
        let layer = LAYERS.iter().find(|layer| layer.name == "cookies").unwrap();
        let faults = |allocations, nanoseconds| {
            let cost = Cost { instructions: 500.0, units: 1, allocations, nanoseconds: Some(nanoseconds) };
            let costs = ["header", "header_alone", "store"].map(|name| (name.to_owned(), cost)).into();
            let rows = rows(layer, &costs).unwrap();
            assert!(show(layer, &rows).contains(" us"));
            rows.iter().filter_map(Row::fault).collect::<Vec<_>>()
        };
        assert!(faults(1, 20_000).is_empty());
        assert_eq!(faults(2, 0), ["Cookie of 10, jar of 100,000: 2 allocations, at most 1"]);
        assert_eq!(faults(1, 20_001), ["Cookie of 10, jar of 100,000: 20001 ns, at most 20000"]);
    }

    #[test]
    fn a_scenario_that_was_not_measured_is_an_error() {
        for name in ["httparse", "clone", "encode"] {
            let mut costs = costs(&[]);
            costs.remove(name);
            assert_eq!(rows(wire(), &costs).unwrap_err(), format!("the bench has no scenario `{name}`"));
        }
    }

    #[test]
    fn numbers_are_easy_to_read() {
        for (number, shown) in
            [(0.0, "0"), (12.34, "12.3"), (250.0, "250"), (1_234.6, "1,235"), (1e6, "1,000,000")]
        {
            assert_eq!(grouped(number), shown);
        }
    }
}
