//! The raw rounds, to compute with.

use nova_tests::client::Failure;
use serde_json::{Value, json};

use super::table::{Row, Table};

/// All rounds of all tables.
pub(super) fn all(tables: &[Table], seconds: f64) -> Result<String, Failure> {
    let tables: Vec<Value> = tables
        .iter()
        .map(|table| {
            let servers: Vec<Value> = table.rows.iter().map(row).collect();
            json!({ "workload": table.workload.name, "servers": servers })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({ "seconds": seconds, "workloads": tables }))?;
    Ok(text + "\n")
}

fn row(row: &Row) -> Value {
    let rounds: Vec<Value> = row
        .rounds
        .iter()
        .map(|round| {
            let mut value =
                json!({ "requests_per_second": round.per_second, "cpu_us": round.cpu_us });
            if let Some([p50, p99, p999]) = round.latency {
                value["latency_us"] = json!({ "p50": p50, "p99": p99, "p99.9": p999 });
            }
            value
        })
        .collect();
    json!({ "server": row.name, "rounds": rounds })
}
