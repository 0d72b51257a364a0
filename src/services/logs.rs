//! Keeps the end of a server's output: a file up to a bound, and the one before it. Reads no line of it but the last.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use crate::kernel::shown_text;

/// Bytes after which a new file is begun; two of them are kept.
const BOUND: u64 = 512 * 1024;
/// How much of the last line is told.
const LAST_WORDS: usize = 300;

/// Copies a stream to a file until its end.
pub fn keep(pipe: impl AsyncRead + Unpin + Send + 'static, path: PathBuf) -> JoinHandle<io::Result<()>> {
    tokio::spawn(copy(pipe, path))
}

async fn copy(mut pipe: impl AsyncRead + Unpin, path: PathBuf) -> io::Result<()> {
    let mut file = open(&path).await?;
    let mut written = file.metadata().await?.len();
    let mut buffer = vec![0; 8 * 1024];
    loop {
        let read = pipe.read(&mut buffer).await?;
        if read == 0 {
            return file.flush().await;
        }
        if written > BOUND {
            file.flush().await?;
            tokio::fs::rename(&path, older(&path)).await?;
            (file, written) = (open(&path).await?, 0);
        }
        file.write_all(&buffer[..read]).await?;
        file.flush().await?;
        written += read as u64;
    }
}

async fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path).await
}

fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// The last line that says something, or why nobody can tell. Nothing was said where there is no file.
pub fn last_words(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => shown_text::last_words(&String::from_utf8_lossy(&bytes), LAST_WORDS),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => format!("(failed to read them: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_talkative_server_fills_no_disk() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("stderr.log");
        let long = "a line of words\n".repeat(200_000) + "the last words\n";
        let stream = std::io::Cursor::new(long.into_bytes());
        keep(stream, path.clone()).await.unwrap().unwrap();
        let sizes = [&path, &older(&path)].map(|p| std::fs::metadata(p).unwrap().len());
        assert!(sizes.iter().all(|size| *size <= BOUND + 8 * 1024), "{sizes:?}");
        assert_eq!(last_words(&path), "the last words");
    }

    #[test]
    fn words_that_cannot_be_read_are_not_taken_for_silence() {
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(last_words(&scratch.path().join("none.log")), "");
        let unreadable = last_words(scratch.path());
        assert!(unreadable.starts_with("(failed to read them: "), "{unreadable}");
    }
}
