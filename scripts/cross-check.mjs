// Checks with clippy the code for Windows and macOS, tests included, on Linux. Nothing is linked, nothing runs. Skipped, with the
// reason, where the compiler cannot be had, and where nothing changed in Rust since the commit CI_BASE.
import { spawnSync } from 'node:child_process'
import { debianCargo, installDebianRust } from './lib/debian-rust.mjs'
import { root } from './lib/run.mjs'
import { Tally } from './lib/tally.mjs'

const targets = ['x86_64-pc-windows-gnu', 'aarch64-apple-darwin']
const sources = ['crates', 'Cargo.toml', 'Cargo.lock', 'clippy.toml', 'scripts/cross-check.mjs', 'scripts/lib/debian-rust.mjs']
const clippy = {
  RUSTC_WORKSPACE_WRAPPER: '/usr/bin/clippy-driver', // as `cargo clippy` does, whose name can belong to another toolchain
  // What the compiler warns of and what Cargo.toml denies. Other lints come and go with versions; those of the usual toolchain count.
  CLIPPY_ARGS: ['-Dwarnings', '-Aclippy::all', ''].join('__CLIPPY_HACKERY__'),
}

const sum = new Tally()
const reason = isUnchanged() ? `no Rust source changed since ${process.env.CI_BASE}` : await installDebianRust('rust-web-clippy')
if (reason) {
  console.log(`Skipped: ${reason}`)
  sum.skipped = targets.length
} else {
  for (const target of targets) {
    const { ok } = await debianCargo('check', target, ['--workspace', '--all-targets', '--all-features', '--keep-going'], clippy)
    console.log(`${ok ? '✔' : '✘'} ${target}`)
    sum[ok ? 'passed' : 'failed'] += 1
  }
}
sum.conclude()

function isUnchanged() {
  const base = process.env.CI_BASE
  return base ? spawnSync('git', ['diff', '--quiet', base, '--', ...sources], { cwd: root, stdio: 'ignore' }).status === 0 : false
}
