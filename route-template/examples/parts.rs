//! Compiles an app in parts, as `nova dev` does, and prints how long each takes.
//!
//! ```text
//! cargo run -p nova-route-template --example parts -- examples/starter
//! ```

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use nova_route_template::CargoError;
use nova_route_template::parts::{ImageCache, PartsCompiler, wrapper_main};
use nova_route_template::prepare;

fn main() -> ExitCode {
    // cargo starts this program again, to ask how it would call the compiler.
    if let Some(code) = wrapper_main() {
        return code;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let began = Instant::now();
    let app = prepare(dir.as_ref())?;
    println!("{:>8.1} ms  read", began.elapsed().as_secs_f64() * 1e3);

    let began = Instant::now();
    let program = std::env::current_exe()?;
    let compiler = PartsCompiler::open(
        &app.project,
        &ImageCache::of_user()?,
        &program,
        &[],
        |_| {},
        |event| {
            eprintln!("{event:?}");
        },
    )?;
    println!(
        "{:>8.1} ms  sys image {}",
        began.elapsed().as_secs_f64() * 1e3,
        compiler.image().library.display()
    );

    let nonce = format!("{:x}", std::process::id());
    let (unit, library) = compiler.app(&app.tree, &BTreeSet::new(), &nonce)?;
    let compiled = unit.start()?.wait()?;
    println!("{:>8.1} ms  {}", compiled.took.as_secs_f64() * 1e3, library.library.display());

    for (number, page) in app.tree.pages.iter().enumerate() {
        let page_unit =
            compiler.page(&library, &app.tree, page, &format!("{nonce}{number}"), false)?;
        match page_unit.unit.start()?.wait() {
            Ok(compiled) => {
                println!("{:>8.1} ms  {}", compiled.took.as_secs_f64() * 1e3, page.file);
                for warning in compiled.diagnostics {
                    println!("{}", warning.rendered);
                }
            }
            Err(CargoError::Failed { diagnostics, output }) => {
                for diagnostic in diagnostics {
                    println!("{}", diagnostic.rendered);
                }
                println!("{output}");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
