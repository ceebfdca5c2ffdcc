//! An upstream of our own: a folder laid out as a simple index, with files made up for it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::wheel::Wheel;

/// The folder that a static server serves. The index of a package is `simple/NAME/`.
pub(crate) struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// Lays out an empty shelf in `folder`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder.join("simple"))?;
        fs::create_dir_all(folder.join("files"))?;
        Ok(Self { folder: folder.to_owned() })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds a package with an index of `versions` wheels that nobody is going to ask for.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn listed(&self, name: &str, versions: usize) -> anyhow::Result<()> {
        let lines = (0..versions).map(|minor| {
            let file = Wheel::file_name(name, &format!("1.{minor}.0"));
            let digest = hex::encode(Sha256::digest(file.as_bytes()));
            anchor(&file, &digest)
        });
        self.index(name, &lines.collect::<String>())
    }

    /// Adds a package with one wheel that is there, of about `bytes` bytes that do not compress.
    /// Gives the wheel's file name.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn stocked(&self, name: &str, bytes: usize) -> anyhow::Result<String> {
        let wheel = Wheel::new(name, "1.0.0", bytes);
        let path = self.folder.join("files").join(&wheel.file);
        let mut file =
            fs::File::create(&path).with_context(|| format!("making {}", path.display()))?;
        file.write_all(&wheel.bytes)?;
        let digest = hex::encode(Sha256::digest(&wheel.bytes));
        self.index(name, &anchor(&wheel.file, &digest))?;
        Ok(wheel.file)
    }

    fn index(&self, name: &str, anchors: &str) -> anyhow::Result<()> {
        let folder = self.folder.join("simple").join(name);
        fs::create_dir_all(&folder)?;
        let page = format!(
            "<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.0\">\
             <title>Links for {name}</title></head><body>\n<h1>Links for {name}</h1>\n{anchors}\
             </body></html>\n"
        );
        fs::write(folder.join("index.html"), page)?;
        self.list()
    }

    /// Writes the list of all packages, which some programs ask for before anything else.
    fn list(&self) -> anyhow::Result<()> {
        let simple = self.folder.join("simple");
        let mut page = "<!DOCTYPE html>\n<html><body>\n".to_owned();
        for entry in fs::read_dir(&simple)? {
            let entry = entry?;
            if entry.path().is_dir() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let _ = writeln!(page, "<a href=\"/simple/{name}/\">{name}</a><br/>");
            }
        }
        fs::write(simple.join("index.html"), page + "</body></html>\n")?;
        Ok(())
    }
}

fn anchor(file: &str, digest: &str) -> String {
    let mut line = String::new();
    let _ = writeln!(
        line,
        "<a href=\"/files/{file}#sha256={digest}\" data-requires-python=\"&gt;=3.9\">{file}</a><br/>"
    );
    line
}
