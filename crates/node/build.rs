//! Link settings of the addon.

fn main() {
    napi_build::setup();
    // Node closes an addon's library when the last worker that loaded it ends. Finalizers and, later, a signal handler
    // may still point into it then, so the library stays.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
