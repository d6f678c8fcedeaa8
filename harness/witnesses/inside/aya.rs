//! What aya-obj makes of a file: it is parsed and written again.
//!
//!     reader FILE OUT
//!
//! Exit status 1 where it refuses.

use aya_obj::btf::Btf;
use object::Endianness;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let data = std::fs::read(&words[1]).expect("a readable file");
    let order = if data.first() == Some(&0x9f) { Endianness::Little } else { Endianness::Big };
    match Btf::parse(&data, order) {
        Ok(btf) => std::fs::write(&words[2], btf.to_bytes()).expect("a file that can be written"),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
