//! What a host offers to libraries, and libraries that were built when there was less.

use std::fs;

use nova_tests::client::fresh;
use nova_tests::fixtures::{against_changed_sdk, edit};
use nova_tests::host::Host;

/// The table of services may grow: a library that was built when it had a field less reads what it
/// knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_knows_fewer_services_is_served_and_logs() {
    let less = against_changed_sdk(|copy| {
        let services = copy.join("plugin-sdk/abi/src/services.rs");
        let kind = "RVec<Tuple2<RString, RString>>";
        edit(&services, &format!("    public: {kind},\n"), "");
        edit(&services, "favicon, public } = services", "favicon, public: _ } = services");
        let text = fs::read_to_string(&services).unwrap();
        let start = text.find("            public: public\n").unwrap();
        let end = start + text[start..].find(".collect(),\n").unwrap() + ".collect(),\n".len();
        fs::write(&services, format!("{}{}", &text[..start], &text[end..])).unwrap();
        let read = format!("let files = field!(self, public: {kind});");
        edit(&services, &read, &format!("let files = None::<&{kind}>;"));
    });
    let mut host = Host::start(&less).await;
    assert_eq!(fresh(host.address, "/log").await.unwrap(), "logged");
    let line = host.process.line("a page logs").await;
    assert!(line.contains("answer=42"), "{line}");
    assert_eq!(fresh(host.address, "/build").await.unwrap().len(), 32);
}
