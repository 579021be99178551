//! The crates that the SDK is made of.

/// Each with its folder in this repository, and the name that code calls it by.
pub(crate) const CRATES: [(&str, &str); 5] = [
    ("plugin-sdk", "nova"),
    ("plugin-sdk/abi", "nova_abi"),
    ("plugin-sdk/abi/parts", "nova_abi_parts"),
    ("plugin-sdk/rooms", "nova_rooms"),
    ("plugin-sdk/routing", "nova_routing"),
];

/// Whether code calls a crate of the SDK by this name.
pub(crate) fn is_crate(name: &str) -> bool {
    CRATES.iter().any(|(_, crate_name)| *crate_name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_all_that_the_repository_has() {
        let manifest =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
        let manifest: toml::Table = manifest.unwrap().parse().unwrap();
        let members = manifest["workspace"]["members"].as_array().unwrap().iter();
        let members: Vec<_> = members
            .filter_map(|member| member.as_str())
            .filter(|member| member.starts_with("plugin-sdk"))
            .collect();
        assert_eq!(members, CRATES.map(|(folder, _)| folder));
    }
}
