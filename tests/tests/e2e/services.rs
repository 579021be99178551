//! What a host offers to libraries, and libraries that were built when there was less.

use nova_tests::client::fresh;
use nova_tests::fixtures::{against_changed_sdk, edit};
use nova_tests::host::Host;

/// The table of services may grow: a library that was built when it had a field less reads what it
/// knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_knows_fewer_services_is_served_and_logs() {
    let less = against_changed_sdk(|copy| {
        let services = copy.join("plugin-sdk/abi/src/services.rs");
        edit(
            &services,
            "    rooms: Rooms,\n}\n\n/// The table in the hands",
            "}\n\n/// The table in the hands",
        );
        edit(
            &services,
            "favicon, public, rooms } = services",
            "favicon, public, rooms: _ } = services",
        );
        edit(&services, "            rooms,\n        };", "        };");
        edit(&services, "field!(self, rooms: Rooms).cloned()", "None");
    });
    let mut host = Host::start(&less).await;
    assert_eq!(fresh(host.address, "/log").await.unwrap(), "logged");
    let line = host.process.line("a page logs").await;
    assert!(line.contains("answer=42"), "{line}");
    assert_eq!(fresh(host.address, "/build").await.unwrap().len(), 32);
}
