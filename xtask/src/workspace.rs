//! What cargo says about the workspace, and how commands are started in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The workspace as `cargo metadata` tells it.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package of ours.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder, from the root of the workspace.
    pub(crate) dir: String,
    /// Declared features but `default`.
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) examples: Vec<Example>,
}

/// One program that `cargo run --example` runs.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) name: String,
    /// The features without which it is not built.
    pub(crate) features: Vec<String>,
}

/// One line of a dependency table.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) dev: bool,
    /// A path dependency: one of our own.
    pub(crate) local: bool,
}

impl Workspace {
    /// Asks cargo for the packages of the workspace that this program was built from.
    pub(crate) fn load() -> Result<Self, String> {
        let root = root();
        let output = cargo(&root)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .map_err(|error| format!("cargo metadata does not start: {error}"))?;
        if !output.status.success() {
            return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("cargo metadata is not JSON: {error}"))?;
        let packages = list(&metadata, "packages").map(|package| read_package(package, &root)).collect();
        Ok(Self { root, packages })
    }

    /// The package of that name.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// A cargo command in the root of the workspace.
    pub(crate) fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    /// Reads a file by its path from the root.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(path)).ok()
    }
}

/// Whether a program is installed.
pub(crate) fn in_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// The run-time variable comes first: the checkout may have moved since this program was built.
fn root() -> PathBuf {
    let xtask = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or(xtask.clone(), Path::to_path_buf)
}

fn read_package(package: &Value, root: &Path) -> Package {
    let manifest = PathBuf::from(text(package, "manifest_path"));
    let dir = manifest.parent().and_then(|dir| dir.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    let features = package.get("features").and_then(Value::as_object);
    Package {
        name: text(package, "name"),
        dir: dir.to_string_lossy().replace('\\', "/"),
        features: features
            .into_iter()
            .flat_map(serde_json::Map::keys)
            .filter(|name| *name != "default")
            .cloned()
            .collect(),
        dependencies: list(package, "dependencies").map(read_dependency).collect(),
        examples: list(package, "targets").filter_map(read_example).collect(),
    }
}

fn read_dependency(dependency: &Value) -> Dependency {
    Dependency {
        name: text(dependency, "name"),
        dev: dependency.get("kind").and_then(Value::as_str) == Some("dev"),
        local: dependency.get("path").is_some_and(Value::is_string),
    }
}

fn read_example(target: &Value) -> Option<Example> {
    let is_example = list(target, "kind").any(|kind| kind == "example");
    let features = list(target, "required-features").filter_map(Value::as_str).map(str::to_owned);
    is_example.then(|| Example { name: text(target, "name"), features: features.collect() })
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
