//! The project's own commands: `cargo xtask help` lists them.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the terminal is this program's interface")]

mod bench;
mod ci;
mod fuzz;
mod tidy;
mod workspace;

use std::process::ExitCode;

use lexopt::prelude::{Long, Short, Value, ValueExt as _};

use crate::workspace::Workspace;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  ci [--from STEP | --only STEP | --list]
            everything that must hold before a change is merged; stops at the first failure
  tidy      the house rules that the compiler does not know: layers, pure modules, file sizes, documents
  bench wire|cookies
            instructions and allocations of a layer against their budgets; needs valgrind
  bench resilience
            the cost of a healthy call beside other crates, and what policies do to servers that fail
  fuzz [TARGET SECONDS]
            one fuzz target for so long, or the list of targets; needs cargo-fuzz
  interop   the client and its files against real programs on loopback (nginx, curl, Python)
  help      this page

With CI=true in the environment a step that would be skipped for want of a tool fails instead.
";

fn main() -> ExitCode {
    match parse().and_then(run) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

#[derive(Debug)]
enum Command {
    Ci(ci::Options),
    Tidy,
    /// The layer to measure.
    Bench(Option<String>),
    Fuzz(fuzz::Options),
    Interop,
    Help,
}

fn run(command: Command) -> Result<bool, lexopt::Error> {
    if matches!(command, Command::Help) {
        print!("{HELP}");
        return Ok(true);
    }
    if let Command::Bench(layer) = &command
        && !bench::layers().any(|name| layer.as_deref() == Some(name))
    {
        let names: Vec<_> = bench::layers().collect();
        return Err(format!("a bench of which layer? {}", names.join(", ")).into());
    }
    let workspace = Workspace::load()?;
    match command {
        Command::Ci(options) => ci::run(&workspace, &options).map_err(lexopt::Error::from),
        Command::Tidy => Ok(tidy::run(&workspace)),
        Command::Bench(layer) => Ok(ci::bench(&workspace, layer.as_deref())),
        Command::Fuzz(options) => fuzz::run(&workspace, &options).map_err(lexopt::Error::from),
        Command::Interop => Ok(ci::interop(&workspace)),
        Command::Help => Ok(true),
    }
}

fn parse() -> Result<Command, lexopt::Error> {
    let mut arguments = lexopt::Parser::from_env();
    let mut command = None;
    while let Some(argument) = arguments.next()? {
        match (&mut command, argument) {
            (_, Short('h') | Long("help")) => return Ok(Command::Help),
            (None, Value(name)) => command = Some(command_named(&name.string()?)?),
            (Some(Command::Ci(options)), Long("from")) => options.from = Some(arguments.value()?.string()?),
            (Some(Command::Ci(options)), Long("only")) => options.only = Some(arguments.value()?.string()?),
            (Some(Command::Ci(options)), Long("list")) => options.list = true,
            (Some(Command::Bench(layer @ None)), Value(name)) => *layer = Some(name.string()?),
            (Some(Command::Fuzz(fuzz::Options { target: target @ None, .. })), Value(name)) => {
                *target = Some(name.string()?);
            }
            (Some(Command::Fuzz(fuzz::Options { seconds: seconds @ None, .. })), Value(number)) => {
                *seconds = Some(number.parse()?);
            }
            (_, other) => return Err(other.unexpected()),
        }
    }
    Ok(command.unwrap_or(Command::Help))
}

fn command_named(name: &str) -> Result<Command, lexopt::Error> {
    match name {
        "ci" => Ok(Command::Ci(ci::Options::default())),
        "tidy" => Ok(Command::Tidy),
        "bench" => Ok(Command::Bench(None)),
        "fuzz" => Ok(Command::Fuzz(fuzz::Options::default())),
        "interop" => Ok(Command::Interop),
        "help" => Ok(Command::Help),
        other => Err(format!("there is no command `{other}`").into()),
    }
}
