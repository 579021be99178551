//! What callgrind wrote, divided among the stages of a request.
//!
//! Each instruction has a source file, also where its function was inlined into another one; the file
//! tells the [stage](crate::stages). What belongs to no stage, such as `memcpy`, the allocator
//! and the standard library, is charged to those who call it, in proportion.
//!
//! The format: <https://valgrind.org/docs/manual/cl-format.html>.

use std::collections::{BTreeMap, HashMap};

use nova_tests::client::Failure;

use crate::stages::stage_of;

/// How often charges are passed on to the callers of callers; chains of the standard library's are
/// shorter.
const DEPTH: usize = 40;

/// Instructions for each stage.
pub type Stages = BTreeMap<&'static str, f64>;

/// Instructions for each request.
#[derive(Debug)]
pub struct Profile {
    /// Of all threads.
    pub total: f64,
    /// By stage; they add up to the total.
    pub stages: Stages,
}

/// A function.
#[derive(Debug, Default)]
struct Function {
    /// Its own instructions, by stage.
    own: Stages,
    /// Its own that belong to no stage.
    neutral: f64,
    /// Instructions below each caller's calls.
    callers: HashMap<usize, f64>,
}

impl Profile {
    /// Reads a dump of so many requests.
    ///
    /// # Errors
    /// If it is not in callgrind's format.
    pub fn read(dump: &str, requests: u32) -> Result<Self, Failure> {
        let functions = read(dump)?;
        let each = f64::from(requests);
        let mut stages = Stages::new();
        for (stage, cost) in charge(&functions) {
            *stages.entry(stage).or_default() += cost / each;
        }
        let own = |function: &Function| function.own.values().sum::<f64>() + function.neutral;
        Ok(Self { total: functions.iter().map(own).sum::<f64>() / each, stages })
    }
}

/// What each stage is charged.
fn charge(functions: &[Function]) -> Stages {
    // Which part of what a function cannot name belongs to which stage.
    let mut shares: Vec<Stages> = functions.iter().map(|it| normal(&it.own)).collect();
    for _ in 0..DEPTH {
        let next = functions.iter().zip(&shares).map(|(function, share)| {
            if !function.own.is_empty() {
                return share.clone();
            }
            let mut sum = Stages::new();
            for (caller, weight) in &function.callers {
                for (stage, part) in &shares[*caller] {
                    *sum.entry(stage).or_default() += part * weight;
                }
            }
            normal(&sum)
        });
        shares = next.collect();
    }
    let mut charged = Stages::new();
    for (function, share) in functions.iter().zip(&shares) {
        for (stage, cost) in &function.own {
            *charged.entry(stage).or_default() += cost;
        }
        if share.is_empty() {
            *charged.entry("other").or_default() += function.neutral;
        }
        for (stage, part) in share {
            *charged.entry(stage).or_default() += function.neutral * part;
        }
    }
    charged
}

/// The same parts, of one.
fn normal(parts: &Stages) -> Stages {
    let sum: f64 = parts.values().sum();
    parts.iter().filter(|_| sum > 0.0).map(|(stage, part)| (*stage, part / sum)).collect()
}

/// The functions of a dump.
fn read(dump: &str) -> Result<Vec<Function>, Failure> {
    let mut reader = Reader::default();
    for line in dump.lines() {
        reader.line(line).ok_or_else(|| format!("callgrind wrote a line of its own: {line}"))?;
    }
    Ok(reader.functions)
}

/// The names that callgrind writes once, and then their numbers.
#[derive(Debug, Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn get(&mut self, text: &str) -> String {
        let Some((number, rest)) = text.split_once(')') else { return text.to_owned() };
        let rest = rest.trim_start();
        if rest.is_empty() {
            return self.0.get(number).cloned().unwrap_or_default();
        }
        self.0.insert(number.to_owned(), rest.to_owned());
        rest.to_owned()
    }
}

#[derive(Debug, Default)]
struct Reader {
    files: Names,
    names: Names,
    functions: Vec<Function>,
    numbers: HashMap<String, usize>,
    current: usize,
    stage: Option<&'static str>,
    called: usize,
    /// Whether the next line of costs is what a call cost.
    is_call: bool,
}

impl Reader {
    fn line(&mut self, line: &str) -> Option<()> {
        match line.split_once('=') {
            Some(("fl" | "fi" | "fe", file)) => self.stage = stage_of(&self.files.get(file)),
            Some(("cfi" | "cfl", file)) => drop(self.files.get(file)),
            Some(("fn", name)) => {
                let name = self.names.get(name);
                self.current = self.function(name);
            }
            Some(("cfn", name)) => {
                let name = self.names.get(name);
                self.called = self.function(name);
            }
            Some(("calls", _)) => self.is_call = true,
            Some(_) => {}
            None if line.starts_with(|first: char| "0123456789+-*".contains(first)) => {
                let cost: f64 = match line.split(' ').nth(1) {
                    Some(cost) => cost.parse().ok()?,
                    None => 0.0,
                };
                self.cost(cost);
            }
            None => {}
        }
        Some(())
    }

    fn cost(&mut self, cost: f64) {
        if std::mem::take(&mut self.is_call) {
            *self.functions[self.called].callers.entry(self.current).or_default() += cost;
            return;
        }
        let function = &mut self.functions[self.current];
        match self.stage {
            Some(stage) => *function.own.entry(stage).or_default() += cost,
            None => function.neutral += cost,
        }
    }

    fn function(&mut self, name: String) -> usize {
        let next = self.functions.len();
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.functions.push(Function::default());
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_owns_is_charged_to_its_callers() {
        let dump = "\
events: Ir
fl=(1) /nova/host/src/edge.rs
fn=(1) edge
10 100
fi=(2) /rustc/library/core/src/slice.rs
4 20
fe=(1)
cfi=(3) memcpy.S
cfn=(2) memcpy
calls=3 0
11 300
fl=(4) /crates/hyper-1.12.0/src/proto/h1/io.rs
fn=(3) read
+3 60
cfi=(3)
cfn=(2)
calls=1 0
* 100
fl=(3)
fn=(2)
1 400

totals: 580
";
        let profile = Profile::read(dump, 10).unwrap();
        assert!((profile.total - 58.0).abs() < 1e-9);
        let stage = |name| profile.stages[name];
        assert!((stage("edge") - (10.0 + 2.0 + 30.0)).abs() < 1e-9, "{:?}", profile.stages);
        assert!((stage("http") - (6.0 + 10.0)).abs() < 1e-9, "{:?}", profile.stages);
    }
}
