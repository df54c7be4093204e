use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::Error;

/// Writes a file so that a reader sees the old content or the new, never a
/// part: to a file beside it, to the disk, then under its name.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The process id keeps a worker that lost its task apart from the new one.
    let beside = path.with_file_name(format!(".{name}.{}{TEMPORARY}", std::process::id()));
    let written = File::create(&beside)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|source| {
        // The cause is in `source`; a leftover is removed by the next run.
        let _ = fs::remove_file(&beside);
        failed(source)
    })
}

/// Makes a directory and those above it.
pub(crate) fn make_directory(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Makes renames in the directory last beyond a power cut, where the system
/// can do that.
pub(crate) fn sync_directory(path: &Path) {
    if let Ok(directory) = File::open(path) {
        // Not all systems sync directories; the files themselves are synced.
        let _ = directory.sync_all();
    }
}

/// Removes what an interrupted write left.
pub(crate) fn remove_leftovers(dir: &Path) {
    remove_files(dir, |name| name.starts_with('.') && name.ends_with(TEMPORARY));
}

/// Removes the files whose names are told; what cannot be removed stays.
pub(crate) fn remove_files(dir: &Path, told: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(&told) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

const TEMPORARY: &str = ".tmp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("summary.json");
        write_atomically(&path, b"old and longer").expect("written");
        write_atomically(&path, b"new").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"new");
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_failed_write_names_the_file_and_leaves_the_old_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("occupied");
        fs::create_dir_all(path.join("inside")).expect("made");
        let error = write_atomically(&path, b"x").expect_err("a directory is in the way");
        assert!(error.to_string().contains("occupied"), "{error}");
        assert!(path.join("inside").is_dir());
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    }

    #[test]
    fn leftovers_of_a_killed_process_are_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join(".report.md.77.tmp"), "half").expect("written");
        fs::write(dir.path().join("report.md"), "whole").expect("written");
        remove_leftovers(dir.path());
        assert!(!dir.path().join(".report.md.77.tmp").exists());
        assert!(dir.path().join("report.md").exists());
    }
}
