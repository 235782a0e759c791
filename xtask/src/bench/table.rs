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
}

/// One operation of the table.
struct Operation {
    name: &'static str,
    scenario: &'static str,
    /// The scenario that does all but the operation.
    without: Option<&'static str>,
    budget: Budget,
}

/// What one operation may cost in instructions; where there is a budget, allocations are none.
#[derive(Clone, Copy, Debug)]
enum Budget {
    Free,
    Instructions(f64),
    /// So many times what another scenario takes for one operation.
    Times(f64, &'static str),
}

/// The measure of all heads.
const MEASURE: &str = "httparse";

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "response head, httparse alone",
        scenario: MEASURE,
        without: None,
        budget: Budget::Free,
    },
    Operation {
        name: "response head",
        scenario: "head",
        without: Some("clone"),
        budget: Budget::Times(1.6, MEASURE),
    },
    Operation {
        name: "request head",
        scenario: "encode",
        without: None,
        budget: Budget::Instructions(2_500.0),
    },
    Operation {
        name: "chunk of 512 bytes",
        scenario: "chunked",
        without: None,
        budget: Budget::Instructions(250.0),
    },
    Operation {
        name: "chunk of 1 byte",
        scenario: "chunked_small",
        without: None,
        budget: Budget::Instructions(250.0),
    },
    Operation {
        name: "byte of a head that drips",
        scenario: "bytewise",
        without: None,
        budget: Budget::Free,
    },
    // A search that began anew with every byte would take twice as long for each of twice as many.
    Operation {
        name: "byte of one of twice the length",
        scenario: "bytewise_double",
        without: None,
        budget: Budget::Times(1.2, "bytewise"),
    },
];

/// One line of the table.
#[derive(Debug)]
pub(super) struct Row {
    name: &'static str,
    /// Of one operation.
    instructions: f64,
    /// How often httparse could have read its head meanwhile.
    ratio: f64,
    /// Of one run of the scenario.
    allocations: u64,
    /// The most instructions that are allowed, and how they are said.
    allowed: Option<(f64, String)>,
}

/// Puts the costs of all operations together.
///
/// # Errors
/// A scenario was not measured.
pub(super) fn rows(costs: &BTreeMap<String, Cost>) -> Result<Vec<Row>, String> {
    let cost =
        |name: &str| costs.get(name).copied().ok_or_else(|| format!("the bench has no scenario `{name}`"));
    let each = |name: &str| cost(name).map(|cost| cost.instructions / cost.units as f64);
    let measure = each(MEASURE)?;
    let row = |operation: &Operation| {
        let Operation { name, scenario, without, budget } = *operation;
        let instructions = each(scenario)? - without.map_or(Ok(0.0), each)?;
        let allowed = match budget {
            Budget::Free => None,
            Budget::Instructions(most) => Some((most, grouped(most))),
            Budget::Times(times, other) => Some((each(other)? * times, format!("{times} x {other}"))),
        };
        let allocations = cost(scenario)?.allocations;
        Ok(Row { name, instructions, ratio: instructions / measure, allocations, allowed })
    };
    OPERATIONS.iter().map(row).collect()
}

impl Row {
    /// Says what is over budget.
    pub(super) fn fault(&self) -> Option<String> {
        let (most, said) = self.allowed.as_ref()?;
        let Self { name, instructions, allocations, .. } = self;
        if instructions > most {
            return Some(format!("{name}: {} instructions, at most {said}", grouped(*instructions)));
        }
        (*allocations > 0).then(|| format!("{name}: {allocations} allocations, at most 0"))
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
pub(super) fn show(rows: &[Row]) -> String {
    let mut shown = String::new();
    let mut line = |[name, instructions, ratio, allocations, budget, verdict]: [&str; 6]| {
        // Writing to a String cannot fail.
        let _ = writeln!(
            shown,
            "{name:<32} {instructions:>12} {ratio:>10} {allocations:>11}  {budget:<26} {verdict}"
        );
    };
    line(["operation", "instructions", "x httparse", "allocations", "budget", "verdict"]);
    for row in rows {
        let budget = row.allowed.as_ref().map_or("-".to_owned(), |(_, said)| format!("{said}, 0 alloc."));
        line([
            row.name,
            &grouped(row.instructions),
            &format!("{:.2}", row.ratio),
            &row.allocations.to_string(),
            &budget,
            row.verdict(),
        ]);
    }
    shown
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
                (name.to_owned(), Cost { instructions, units, allocations: 0 })
            })
            .into();
        costs.extend(changed.iter().map(|(name, cost)| ((*name).to_owned(), *cost)));
        costs
    }

    #[track_caller]
    fn check(changed: &[(&str, Cost)], faults: &[&str]) {
        let rows = rows(&costs(changed)).unwrap();
        assert_eq!(rows.iter().filter_map(Row::fault).collect::<Vec<_>>(), faults);
        assert_eq!(show(&rows).matches(" OVER\n").count(), faults.len());
    }

    #[test]
    fn what_reaches_its_budget_is_within_and_what_exceeds_it_is_over() {
        let one = |instructions, allocations| Cost { instructions, units: 1, allocations };
        check(&[], &[]);
        check(&[("head", one(8_051.0, 0))], &["response head: 8,001 instructions, at most 1.6 x httparse"]);
        check(&[("head", one(9.0, 1))], &["response head: 1 allocations, at most 0"]);
        check(&[("encode", one(2_501.0, 0))], &["request head: 2,501 instructions, at most 2,500"]);
        let slow = Cost { instructions: 250_100.0, units: 1_000, allocations: 0 };
        check(&[("chunked", slow)], &["chunk of 512 bytes: 250.1 instructions, at most 250"]);
        let quadratic = Cost { instructions: 36_000.0, units: 1_800, allocations: 0 };
        check(
            &[("bytewise_double", quadratic)],
            &["byte of one of twice the length: 20 instructions, at most 1.2 x bytewise"],
        );
        check(&[("httparse", one(9_000.0, 3))], &[]);
    }

    #[test]
    fn a_scenario_that_was_not_measured_is_an_error() {
        for name in ["httparse", "clone", "encode"] {
            let mut costs = costs(&[]);
            costs.remove(name);
            assert_eq!(rows(&costs).unwrap_err(), format!("the bench has no scenario `{name}`"));
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
