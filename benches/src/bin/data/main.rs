//! What swaps leave of an app's data, and how long its users wait.
//!
//! `cargo run --release -p nova-benches --bin data -- sqlite [EVENT...]`
//! `cargo run --release -p nova-benches --bin data -- export [SWAPS]`
//! `cargo run --release -p nova-benches --bin data -- holders [NAME...]`

mod export;
mod holders;
mod sqlite;

use nova_tests::client::Failure;
use nova_tests::data::app::DataApp;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let sound = match what.as_str() {
        "sqlite" => sqlite::run(&rest).await?,
        "export" => export::run(&rest).await?,
        "holders" => holders::run(&rest).await?,
        _ => return Err("say what: sqlite, export or holders".into()),
    };
    if sound {
        Ok(())
    } else {
        Err("data was lost, or requests failed, or swaps were refused".into())
    }
}

/// The profile of the apps: that of this program, and of the host that it starts.
const PROFILE: &str = if cfg!(debug_assertions) { "dev" } else { "release" };

/// Compiles an app.
async fn compiled(name: &str) -> Result<DataApp, Failure> {
    let app = DataApp::compile(name, PROFILE).await?;
    println!("{name}: swapped by {}, as `nova compile` has chosen", app.mode());
    Ok(app)
}
