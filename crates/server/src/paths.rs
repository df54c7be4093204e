//! Which files a client may name, and where results lie.
//!
//! A name resolves to its canonical path, symbolic links followed, and must
//! then lie inside an allowed directory. A file outside and a file that does
//! not exist get the same answer, so nobody learns what else is on the disk.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use experiment::directory::EXPERIMENTS_DIR;

use crate::config::Settings;

/// Directory of uploaded BOM files under the data directory.
pub(crate) const BOMS: &str = "boms";

/// The directories of a server, canonical.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    data_dir: PathBuf,
    roots: Vec<PathBuf>,
    max_bytes: usize,
}

/// What a name leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Lookup {
    /// The file's content.
    Found(Vec<u8>),
    /// No such file, or none that the client may name.
    Missing,
    /// It is larger than the limit, bytes.
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

impl Paths {
    /// Finds the directories; the data directory is made when missing. The
    /// error names the one that cannot be used.
    pub(crate) fn open(settings: &Settings) -> Result<Paths, (PathBuf, std::io::Error)> {
        let whole = |path: &Path| path.canonicalize().map_err(|error| (path.to_owned(), error));
        std::fs::create_dir_all(&settings.data_dir).map_err(|error| (settings.data_dir.clone(), error))?;
        let data_dir = whole(&settings.data_dir)?;
        let mut roots = vec![data_dir.clone()];
        for root in &settings.bom_roots {
            roots.push(whole(root)?);
        }
        Ok(Paths { data_dir, roots, max_bytes: settings.limits.body_bytes })
    }

    /// Holds the store, results and uploads.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Uploaded BOM files.
    pub(crate) fn boms_dir(&self) -> PathBuf {
        self.data_dir.join(BOMS)
    }

    /// All results.
    pub(crate) fn experiments_dir(&self) -> PathBuf {
        self.data_dir.join(EXPERIMENTS_DIR)
    }

    /// The directory that a task's result names (`experiments/run_...`).
    pub(crate) fn experiment(&self, name: &str) -> Option<PathBuf> {
        let path = Path::new(name);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        (plain && path.starts_with(EXPERIMENTS_DIR)).then(|| self.data_dir.join(path))
    }

    /// Reads a file that a client named. Blocks.
    pub(crate) fn read(&self, name: &str) -> Lookup {
        if name.is_empty() || name.len() > 1024 || name.contains('\0') {
            return Lookup::Missing;
        }
        let on_disk = self.roots.iter().find_map(|root| {
            let path = root.join(name).canonicalize().ok()?;
            let inside = self.roots.iter().any(|allowed| path.starts_with(allowed));
            (inside && path.is_file()).then_some(path)
        });
        match on_disk {
            Some(path) => self.read_at(&path),
            None => match embedded(name) {
                Some(text) => Lookup::Found(text.as_bytes().to_vec()),
                None => Lookup::Missing,
            },
        }
    }

    /// Reads a file up to the limit, however long it has become meanwhile.
    fn read_at(&self, path: &Path) -> Lookup {
        let Ok(file) = File::open(path) else { return Lookup::Missing };
        let mut bytes = Vec::new();
        match file.take(self.max_bytes as u64 + 1).read_to_end(&mut bytes) {
            Ok(length) if length > self.max_bytes => Lookup::TooLarge { limit: self.max_bytes },
            Ok(_) => Lookup::Found(bytes),
            Err(_) => Lookup::Missing,
        }
    }
}

/// The example files that come with the program, found by the path they have
/// in its source.
fn embedded(name: &str) -> Option<&'static str> {
    model::examples::embedded_file(name.trim_start_matches("./"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> (tempfile::TempDir, Paths) {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        std::fs::create_dir(&data).expect("a directory");
        std::fs::write(data.join("a.json"), "inside").expect("a file");
        std::fs::write(dir.path().join("secret.json"), "outside").expect("a file");
        let mut settings = Settings { data_dir: data, ..Settings::default() };
        settings.limits.body_bytes = 10;
        let paths = Paths::open(&settings).expect("directories");
        (dir, paths)
    }

    #[test]
    fn files_inside_are_found_by_relative_and_absolute_name() {
        let (_dir, paths) = paths();
        let absolute = paths.data_dir().join("a.json");
        for name in ["a.json", "./a.json", "x/../a.json", absolute.to_str().expect("UTF-8")] {
            let expected =
                if name.starts_with("x/") { Lookup::Missing } else { Lookup::Found(b"inside".to_vec()) };
            assert_eq!(paths.read(name), expected, "{name}");
        }
    }

    #[test]
    fn outside_and_missing_look_the_same() {
        let (dir, paths) = paths();
        std::os::unix::fs::symlink(dir.path().join("secret.json"), paths.data_dir().join("link.json"))
            .expect("a link");
        std::os::unix::fs::symlink(dir.path(), paths.data_dir().join("up")).expect("a link");
        let absolute = dir.path().join("secret.json");
        for name in [
            "missing.json",
            "../secret.json",
            "link.json",
            "up/secret.json",
            absolute.to_str().expect("UTF-8"),
            "/etc/passwd",
            "",
            ".",
            "a\0b",
            "../../../../../../etc/passwd",
        ] {
            assert_eq!(paths.read(name), Lookup::Missing, "{name:?}");
        }
    }

    #[test]
    fn a_large_file_is_not_read_to_its_end() {
        let (_dir, paths) = paths();
        std::fs::write(paths.data_dir().join("large.json"), "12345678901").expect("a file");
        assert_eq!(paths.read("large.json"), Lookup::TooLarge { limit: 10 });
    }

    #[test]
    fn the_examples_are_found_unless_a_file_of_that_name_exists() {
        let (_dir, paths) = paths();
        assert!(matches!(paths.read("config/bom_example.json"), Lookup::Found(_)));
        assert!(matches!(paths.read("./config/system.yaml"), Lookup::Found(_)));
        std::fs::create_dir(paths.data_dir().join("config")).expect("a directory");
        std::fs::write(paths.data_dir().join("config/bom_example.json"), "mine").expect("a file");
        assert_eq!(paths.read("config/bom_example.json"), Lookup::Found(b"mine".to_vec()));
    }

    #[test]
    fn results_stay_under_experiments() {
        let (_dir, paths) = paths();
        assert!(paths.experiment("experiments/run_1").is_some());
        for name in ["experiments/../a", "/etc", "elsewhere/run_1", ""] {
            assert_eq!(paths.experiment(name), None, "{name}");
        }
    }

    #[test]
    fn the_directory_that_cannot_be_used_is_the_one_that_is_named() {
        let data = tempfile::tempdir().expect("a directory");
        let missing = data.path().join("missing");
        let settings = Settings {
            data_dir: data.path().to_owned(),
            bom_roots: vec![missing.clone()],
            ..Settings::default()
        };
        let (named, _) = Paths::open(&settings).expect_err("an error");
        assert_eq!(named, missing);
    }
}
