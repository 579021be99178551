//! `seed FILE`: writes the database that `/db/{id}` reads.

use nova_bench_peers::{Failure, database};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let file = std::env::args_os().nth(1).ok_or("usage: seed FILE")?;
    database::seed(file.as_ref()).await
}
