//! Nova's site without its edge: the same pages in a loaded library, and linked into the program.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use nova_host::library::loader::{BuildId, Library, Store};
use nova_host::library::start::StartInfo;
use nova_host::release::Release;
use nova_host::server::{Options, Peer, Server};
use nova_host::site::Site;
use nova_host::site::files::{Assets, Caching};
use nova_host::swap::{SwapSettings, Switch};

use super::Failure;

/// Serves what is linked, or the library in this file.
pub(crate) async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    library: Option<PathBuf>,
) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let switch = Arc::new(Switch::new(SwapSettings::default(), Store::open(folder.path())?));
    let info = StartInfo::default();
    match library {
        Some(path) => drop(switch.start(&[path], &info).await?),
        None => {
            let build_id = BuildId::of(b"the benchmarks' pages");
            let app = "nova-bench-app 0.1.0";
            let root = nova_bench_app::nova_library();
            let linked = Library::linked(root, app, build_id)?;
            let release = Release::of_linked(switch.link(linked), None)?;
            switch.start_read(vec![release], &info).await?;
        }
    }
    let site = Arc::new(Site::new(switch, Arc::new(Assets::new(Vec::new(), Caching::Hour))));
    let server = Server::new([listener], Options::default())?;
    println!("listening on http://{address}");
    let _stopped = server
        .run(move |request, peer: Peer| {
            let site = site.clone();
            async move { site.answer(request, peer.addr).await.response }
        })
        .await;
    Ok(())
}
