//! Generates `src/gen` from the `.proto` files and fails if it had to change anything.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn proto_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            proto_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
}

#[test]
fn generated_code_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    proto_files(&root.join("tessera"), &mut files);
    files.sort();
    let descriptors = protox::compile(&files, [root]).unwrap();

    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gen");
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).unwrap();
    fs::write(fresh.join("descriptors.bin"), prost_bytes(&descriptors)).unwrap();
    tonic_prost_build::configure()
        .bytes(".")
        .emit_rerun_if_changed(false)
        .out_dir(&fresh)
        .compile_fds(descriptors)
        .unwrap();

    let mut stale = Vec::new();
    for entry in fs::read_dir(&fresh).unwrap() {
        let path = entry.unwrap().path();
        let committed = root.join("src/gen").join(path.file_name().unwrap());
        let new = fs::read(&path).unwrap();
        if fs::read(&committed).ok().as_deref() != Some(&new) {
            fs::write(&committed, &new).unwrap();
            stale.push(committed);
        }
    }
    assert!(stale.is_empty(), "rewritten from the .proto files; commit them: {stale:?}");
}

fn prost_bytes(message: &impl prost::Message) -> Vec<u8> {
    message.encode_to_vec()
}
