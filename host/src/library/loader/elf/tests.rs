//! Malformed files: whatever the bytes are, they are refused or whole, and nothing panics.

use std::path::Path;

use nova_abi::note::{MAGIC, Note};
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::note::TARGET;
use super::super::{dynamic, note_of};
use super::*;

const HEADER: usize = 64;
const SEGMENT: usize = 56;
const SECTION: usize = 64;

/// The smallest file that is a route library by its symbols: a header, one segment over all of
/// it, the two symbols with their names, and the note.
fn library(note: &[u8]) -> Vec<u8> {
    let mut names = vec![0];
    let mut name = |name: &str| {
        let at = u32::try_from(names.len()).unwrap();
        names.extend_from_slice(name.as_bytes());
        names.push(0);
        at
    };
    let (note_name, root_name) = (name(note::SYMBOL), name(ROOT_MODULE_LOADER_NAME));
    let note_at = HEADER + SEGMENT;
    let names_at = note_at + note.len();
    let symbols_at = (names_at + names.len()).next_multiple_of(8);
    let symbol = |name: u32, at: usize, size: usize| {
        let mut symbol = name.to_le_bytes().to_vec();
        // A global object, of the first section.
        symbol.extend([0x11, 0, 1, 0]);
        symbol.extend((at as u64).to_le_bytes());
        symbol.extend((size as u64).to_le_bytes());
        symbol
    };
    let symbols =
        [vec![0; 24], symbol(note_name, note_at, note.len()), symbol(root_name, note_at, 8)];
    let symbols = symbols.concat();
    let sections_at = symbols_at + symbols.len();
    let section = |kind: u32, at: usize, size: usize, link: u32, entry: u64| {
        let mut section = [0_u32.to_le_bytes(), kind.to_le_bytes()].concat();
        section.extend([0; 16]);
        section.extend((at as u64).to_le_bytes());
        section.extend((size as u64).to_le_bytes());
        section.extend([link.to_le_bytes(), 1_u32.to_le_bytes()].concat());
        section.extend([8, entry].map(u64::to_le_bytes).concat());
        section
    };
    let len = sections_at + 3 * SECTION;

    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([elf::ET_DYN.0, MACHINE.0.0].map(u16::to_le_bytes).concat());
    file.extend(1_u32.to_le_bytes());
    file.extend([0, HEADER as u64, sections_at as u64].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    // The names of symbols serve as those of sections, which have none.
    file.extend([64_u16, 56, 1, 64, 3, 1].map(u16::to_le_bytes).concat());
    file.extend([elf::PT_LOAD.0, 5].map(u32::to_le_bytes).concat());
    file.extend([0, 0, 0, len as u64, len as u64, 4096].map(u64::to_le_bytes).concat());
    file.extend_from_slice(note);
    file.extend_from_slice(&names);
    file.resize(symbols_at, 0);
    file.extend(symbols);
    file.extend(section(0, 0, 0, 0, 0));
    file.extend(section(elf::SHT_STRTAB.0, names_at, names.len(), 0, 0));
    file.extend(section(elf::SHT_DYNSYM.0, symbols_at, 72, 1, 24));
    assert_eq!(file.len(), len);
    file
}

fn note() -> Vec<u8> {
    let said = format!("rustc=rustc 1\ntarget={TARGET}\npanic=unwind\napp=a 0.1.0\n");
    format!("{MAGIC}abi=1\nsdk=0.1.0\n{said}").into()
}

/// Whether every part that is mapped lies in the file, by the numbers themselves.
fn is_whole(file: &[u8]) -> bool {
    let number = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let count = u16::from_le_bytes(file[56..58].try_into().unwrap());
    let table = usize::try_from(number(32)).unwrap();
    (0..usize::from(count)).map(|index| table + index * SEGMENT).all(|segment| {
        let end = u128::from(number(segment + 8)) + u128::from(number(segment + 32));
        end <= file.len() as u128
    })
}

#[test]
fn the_smallest_library_passes() {
    let file = library(&note());
    assert_eq!(check(&file), Ok(&*note()));
    assert!(is_whole(&file));
    assert_eq!(note_of(Path::new("a.so"), &file).unwrap().app, "a 0.1.0");
}

#[test]
fn it_is_refused_wherever_it_is_cut() {
    let file = library(&note());
    for length in 0..file.len() {
        assert!(check(&file[..length]).is_err(), "{length} of {} bytes", file.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each number that a header holds may be any other one.
    #[test]
    fn what_is_accepted_is_whole(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut file = library(&note());
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _ = dynamic::names(&*file);
        let _ = dynamic::definition(&file, note::SYMBOL);
        if check(&file).is_ok() {
            // Else the numbers would have to be read from the other end.
            prop_assume!(file[5] == 1);
            prop_assert!(is_whole(&file));
        }
    }

    /// The same for whole numbers in the headers, where the bad ones are rare.
    #[test]
    fn no_number_of_a_header_leads_out_of_the_file(
        at in 2_usize..15,
        number in prop_oneof![any::<u64>(), 0_u64..2000, (0_u64..2000).prop_map(|it| u64::MAX - it)],
    ) {
        let mut file = library(&note());
        file[at * 8..at * 8 + 8].copy_from_slice(&number.to_le_bytes());
        if check(&file).is_ok() {
            prop_assert!(is_whole(&file), "{number:#x} at {}", at * 8);
        }
    }

    #[test]
    fn bytes_that_only_begin_as_a_library_does_are_refused(rest in vec(any::<u8>(), 0..600)) {
        let mut file = library(&note())[..20].to_vec();
        file.extend(rest);
        let _ = dynamic::names(&*file);
        prop_assert!(check(&file).is_err());
        prop_assert!(note_of(Path::new("a.so"), &file).is_err());
    }

    #[test]
    fn no_note_is_too_strange(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Note::parse(&bytes);
        let _ = Note::parse(&[MAGIC.as_bytes(), &bytes].concat());
        let file = library(&bytes);
        prop_assert_eq!(check(&file), Ok(&*bytes));
    }

    #[test]
    fn what_a_note_says_is_read(abi: u32, texts in vec("[^\\n\\r]{0,40}", 5)) {
        let [sdk, rustc, target, panic, app] = &texts[..] else { unreachable!() };
        let text = format!(
            "{MAGIC}more=x\nabi={abi}\nsdk={sdk}\nrustc={rustc}\ntarget={target}\npanic={panic}\napp={app}\n"
        );
        let note = Note::parse(text.as_bytes()).unwrap();
        let read = [note.sdk, note.rustc, note.target, note.panic, note.app];
        prop_assert_eq!((note.abi, &read[..]), (abi, &texts[..]));
    }
}
