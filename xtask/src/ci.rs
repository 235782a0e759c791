//! `cargo xtask ci`: the steps one after the other, and what is left to do when one fails.

mod budget;
mod examples;
mod steps;

use std::time::{Duration, Instant};

use crate::workspace::Workspace;
pub(crate) use steps::Verdict;
use steps::{BENCH, INTEROP, STEPS, Step};

/// Above this the whole run is too slow to be run before every push.
const PATIENCE: Duration = Duration::from_secs(25 * 60);

/// Which steps to run: all by default.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) from: Option<String>,
    pub(crate) only: Option<String>,
    pub(crate) list: bool,
}

/// Runs the chosen steps up to the first failure and says whether all of them passed.
///
/// # Errors
///
/// Says so when an option names no step.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<bool, String> {
    let chosen = choose(STEPS, options)?;
    if options.list {
        for step in chosen {
            println!("{:<10} {}", step.name, step.about);
        }
        return Ok(true);
    }
    let skips_fail = skips_fail();
    let begun = Instant::now();
    let mut tally = Tally::default();
    for step in chosen {
        let verdict = run_step(step, &format!("ci --only {}", step.name), workspace);
        tally.count(step.name, verdict, skips_fail);
        if tally.failed.is_some() {
            break;
        }
    }
    tally.print(chosen, begun.elapsed());
    Ok(tally.failed.is_none())
}

/// Runs the tests against real programs and says whether they passed.
pub(crate) fn interop(workspace: &Workspace) -> bool {
    alone(&INTEROP, "interop", workspace)
}

/// Measures a layer and says whether it is within its budgets.
pub(crate) fn bench(workspace: &Workspace, layer: Option<&str>) -> bool {
    let run = |workspace: &Workspace| crate::bench::run(workspace, layer);
    passes(&run_as(BENCH.name, BENCH.about, &format!("bench {}", layer.unwrap_or_default()), &run, workspace))
}

fn alone(step: &Step, command: &str, workspace: &Workspace) -> bool {
    passes(&run_step(step, command, workspace))
}

fn passes(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Passed => true,
        Verdict::Skipped(_) => !skips_fail(),
        Verdict::Failed(_) => false,
    }
}

/// With CI=true nothing may be skipped.
fn skips_fail() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

fn choose<'a>(steps: &'a [Step], options: &Options) -> Result<&'a [Step], String> {
    let place = |name: &str| {
        steps
            .iter()
            .position(|step| step.name == name)
            .ok_or_else(|| format!("there is no step `{name}`; `cargo xtask ci --list` shows them"))
    };
    let range = match (&options.from, &options.only) {
        (Some(_), Some(_)) => return Err("--from and --only exclude each other".to_owned()),
        (Some(name), None) => place(name)?..steps.len(),
        (None, Some(name)) => {
            let at = place(name)?;
            at..at + 1
        }
        (None, None) => 0..steps.len(),
    };
    steps.get(range).ok_or_else(|| "no step is chosen".to_owned())
}

/// Runs one step and says with which command of ours it runs again.
fn run_step(step: &Step, command: &str, workspace: &Workspace) -> Verdict {
    run_as(step.name, step.about, command, &step.run, workspace)
}

fn run_as(
    name: &str,
    about: &str,
    command: &str,
    run: &dyn Fn(&Workspace) -> Verdict,
    workspace: &Workspace,
) -> Verdict {
    println!("\n==> {name}: {about}");
    let begun = Instant::now();
    let verdict = run(workspace);
    let word = match &verdict {
        Verdict::Passed => "passed",
        Verdict::Skipped(why) => {
            println!("SKIPPED: {why}");
            "SKIPPED"
        }
        Verdict::Failed(why) => {
            println!("FAILED: {why}");
            "FAILED"
        }
    };
    println!("<== {name} {word} in {}; again: cargo xtask {command}", seconds(begun.elapsed()));
    verdict
}

#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    skipped: Vec<(&'static str, String)>,
    failed: Option<(&'static str, String)>,
}

impl Tally {
    fn count(&mut self, step: &'static str, verdict: Verdict, skips_fail: bool) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Skipped(why) if skips_fail => {
                self.failed = Some((step, format!("{why} (with CI=true nothing may be skipped)")));
            }
            Verdict::Skipped(why) => self.skipped.push((step, why)),
            Verdict::Failed(why) => self.failed = Some((step, why)),
        }
    }

    fn print(&self, chosen: &[Step], took: Duration) {
        println!("\n==> summary");
        for (step, why) in &self.skipped {
            println!("SKIPPED {step}: {why}");
        }
        if let Some((step, why)) = &self.failed {
            println!("FAILED  {step}: {why}");
            println!("        after mending it: cargo xtask ci --from {step}");
        }
        let failed = usize::from(self.failed.is_some());
        let skipped = self.skipped.len();
        let left = chosen.len() - self.passed - skipped - failed;
        println!(
            "{} passed, {failed} failed, {skipped} skipped, {left} not reached, {}",
            self.passed,
            seconds(took)
        );
        if took > PATIENCE {
            println!("WARNING: this took over {} minutes; see what can be shared", PATIENCE.as_secs() / 60);
        }
    }
}

fn seconds(took: Duration) -> String {
    match took.as_secs() {
        whole @ 0..60 => format!("{whole}.{} s", took.subsec_millis() / 100),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Option<&str>, only: Option<&str>, expected: Option<&[&str]>) {
        let step = |name| Step { name, about: "", run: |_| Verdict::Passed };
        let steps = [step("a"), step("b"), step("c")];
        let options = Options { from: from.map(str::to_owned), only: only.map(str::to_owned), list: false };
        let chosen = choose(&steps, &options).ok();
        let names = chosen.map(|chosen| chosen.iter().map(|step| step.name).collect::<Vec<_>>());
        assert_eq!(names.as_deref(), expected);
    }

    #[test]
    fn steps_are_chosen_by_name() {
        check(None, None, Some(&["a", "b", "c"]));
        check(Some("b"), None, Some(&["b", "c"]));
        check(None, Some("b"), Some(&["b"]));
        check(None, Some("z"), None);
        check(Some("z"), None, None);
        check(Some("a"), Some("b"), None);
    }

    #[test]
    fn a_skip_is_a_failure_in_ci_only() {
        let mut at_home = Tally::default();
        at_home.count("deny", Verdict::Skipped("absent".to_owned()), false);
        assert!(at_home.failed.is_none());
        assert_eq!(at_home.skipped.len(), 1);
        let mut in_ci = Tally::default();
        in_ci.count("deny", Verdict::Skipped("absent".to_owned()), true);
        assert!(in_ci.failed.is_some());
    }

    #[test]
    fn times_are_short() {
        assert_eq!(seconds(Duration::from_millis(1_250)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(61)), "1 min 01 s");
    }

    #[test]
    fn step_names_are_unique() {
        for (index, step) in STEPS.iter().enumerate() {
            assert!(STEPS.iter().skip(index + 1).all(|other| other.name != step.name), "{}", step.name);
        }
    }
}
