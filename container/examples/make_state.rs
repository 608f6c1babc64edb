//! Makes state to measure with: `make_state DATA BYTES`. Half of it in small files, half
//! in one database; it compresses about as well as text does.

use std::error::Error;
use std::fs;
use std::path::Path;

use rusqlite::Connection;

/// Sizes of the small files, in bytes, over and over.
const SIZES: [usize; 6] = [900, 3_000, 7_000, 18_000, 40_000, 100_000];
/// A row of the database: about what a turn of a conversation takes.
const ROW: usize = 4_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(data), Some(bytes)) = (arguments.next(), arguments.next()) else {
        return Err("usage: make_state DATA BYTES".into());
    };
    let (data, bytes): (_, usize) = (Path::new(&data), bytes.parse()?);
    let mut text = Text(0x9e37_79b9_7f4a_7c15);
    let workspace = data.join("openclaw/workspace");
    let (mut made, mut number) = (0, 0);
    for size in SIZES.into_iter().cycle() {
        let folder = workspace.join(format!("{:03}", number / 100));
        if number % 100 == 0 {
            fs::create_dir_all(&folder)?;
        }
        fs::write(folder.join(format!("{number}.md")), text.of(size))?;
        made += size;
        number += 1;
        if made >= bytes / 2 {
            break;
        }
    }
    fs::create_dir_all(data.join("openclaw/state"))?;
    fs::create_dir_all(data.join("home"))?;
    let mut database = Connection::open(data.join("openclaw/state/openclaw.sqlite"))?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
         CREATE TABLE turns (id INTEGER PRIMARY KEY, body BLOB);",
    )?;
    let mut left = bytes / 2 / ROW;
    while left > 0 {
        let write = database.transaction()?;
        for _ in 0..left.min(5_000) {
            write.execute("INSERT INTO turns (body) VALUES (?1)", [text.of(ROW)])?;
            left -= 1;
        }
        write.commit()?;
    }
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(())
}

/// Letters in no order, the same ones every time.
struct Text(u64);

impl Text {
    fn of(&mut self, length: usize) -> Vec<u8> {
        const LETTERS: &[u8; 32] = b"etaoinshrdlu cmfwypvbgkjqxz.,\n-E";
        let mut bytes = Vec::with_capacity(length + 12);
        while bytes.len() < length {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            // Twelve letters of five bits.
            let letters = (0..12).map(|at| LETTERS.get((self.0 >> (at * 5)) as usize & 31));
            bytes.extend(letters.flatten());
        }
        bytes.truncate(length);
        bytes
    }
}
