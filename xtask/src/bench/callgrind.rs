//! Instructions of one run of a scenario, counted by valgrind: they do not drift on a noisy machine.

use std::path::Path;
use std::process::Command;

/// Few are enough: every run of a scenario does the same.
const TIMES: u64 = 100;

/// Counts the instructions of one run. Start-up and the filling of buffers are in both counts and cancel out.
pub(super) fn instructions(program: &Path, scenario: &str) -> Result<f64, String> {
    let few = total(program, scenario, TIMES)?;
    let twice = total(program, scenario, 2 * TIMES)?;
    let difference = twice
        .checked_sub(few)
        .ok_or_else(|| format!("`{scenario}` takes fewer instructions when it runs more often"))?;
    Ok(difference as f64 / TIMES as f64)
}

fn total(program: &Path, scenario: &str, times: u64) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([scenario, &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match collected(&said) {
        Some(instructions) if output.status.success() => Ok(instructions),
        _ => Err(format!("valgrind ended with {} on `{scenario}`:\n{said}", output.status)),
    }
}

/// Reads the total from callgrind's summary: `==1234== Collected : 567890`.
fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| {
        let (_, summary) = line.strip_prefix("==")?.split_once("== ")?;
        let (label, number) = summary.split_once(':')?;
        if label.trim_end() == "Collected" { number.trim().parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_the_summary() {
        let said = "==7== Callgrind, a call-graph generating cache profiler\n\
                    ==7== Command: target/release/deps/instructions head 100\n\
                    ==7== \n\
                    ==7== For interactive control, run 'callgrind_control -h'.\n\
                    ==7== \n\
                    ==7== Events    : Ir\n\
                    ==7== Collected : 1253088\n\
                    ==7== \n\
                    ==7== I   refs:      1,253,088\n";
        assert_eq!(collected(said), Some(1_253_088));
    }

    #[test]
    fn what_is_no_summary_gives_no_total() {
        for said in [
            "",
            "==7== Events    : Ir",
            "Collected : 12",
            "==7== Collected : ",
            "==7== Collected : many",
            "==7== Command: Collected : 12",
            "valgrind: failed to start tool 'callgrind'",
        ] {
            assert_eq!(collected(said), None, "{said}");
        }
    }
}
