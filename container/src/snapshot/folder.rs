//! Generations in a folder: `packs/SHA` and `generations/N` with ten digits, as in
//! a gateway's folder of the bucket. For tests, measurements, and for getting state
//! out of a copy of the bucket.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use domain::state::{Digest, MAX_MANIFEST, ObjectRef};

use super::store::{Store, StoreError};

/// A folder with generations.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The store in a folder, made when it is not there.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join("packs"))?;
        fs::create_dir_all(root.join("generations"))?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The generations that are there, newest first.
    pub(crate) fn generations(&self) -> io::Result<Vec<u64>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.root.join("generations"))? {
            let name = entry?.file_name();
            found.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    fn pack(&self, key: Digest) -> PathBuf {
        self.root.join("packs").join(key.to_string())
    }

    fn generation(&self, number: u64) -> PathBuf {
        self.root.join("generations").join(format!("{number:010}"))
    }
}

impl Store for Folder {
    fn missing(&self, objects: &[ObjectRef]) -> Result<Vec<Digest>, StoreError> {
        let there = |object: &&ObjectRef| {
            fs::metadata(self.pack(object.key)).is_ok_and(|found| found.len() == object.bytes)
        };
        let missing = objects.iter().filter(|object| !there(object));
        Ok(missing.map(|object| object.key).collect())
    }

    fn object(&self, object: &ObjectRef) -> Result<Vec<u8>, StoreError> {
        read(&self.pack(object.key), object.bytes, "a pack")
    }

    fn put_object(&self, key: Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.pack(key);
        if path.exists() {
            return Ok(());
        }
        write(&path, bytes).map_err(|error| away(&error))
    }

    fn manifest(&self, generation: u64) -> Result<Vec<u8>, StoreError> {
        read(
            &self.generation(generation),
            MAX_MANIFEST as u64,
            "a manifest",
        )
    }

    fn commit(&self, generation: u64, manifest: &[u8]) -> Result<(), StoreError> {
        let newest = self
            .generations()
            .map_err(|error| away(&error))?
            .first()
            .copied();
        if generation != newest.unwrap_or_default() + 1 {
            return Err(StoreError::Conflict(format!(
                "generation {generation} cannot follow {}",
                newest.unwrap_or_default()
            )));
        }
        let named = domain::state::Manifest::read(manifest)
            .map_err(|damage| StoreError::Refused(damage.to_string()))?;
        let objects: Vec<_> = named.packs.iter().chain([&named.index]).copied().collect();
        let missing = self.missing(&objects)?;
        if !missing.is_empty() {
            return Err(StoreError::MissingPacks(missing));
        }
        write(&self.generation(generation), manifest).map_err(|error| away(&error))
    }
}

fn away(error: &io::Error) -> StoreError {
    StoreError::Away(error.to_string())
}

fn read(path: &Path, limit: u64, what: &str) -> Result<Vec<u8>, StoreError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::Absent(what.to_owned()),
        _ => away(&error),
    })?;
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| away(&error))?;
    Ok(bytes)
}

/// A file that is there whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = path.with_extension("part");
    let mut file = File::create(&next)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&next, path)
}
