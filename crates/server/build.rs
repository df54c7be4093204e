//! The page is carried inside the program: a page that was built anew, with
//! files of other names, must find its way in.

fn main() {
    println!("cargo::rerun-if-changed=../../web/dist");
}
