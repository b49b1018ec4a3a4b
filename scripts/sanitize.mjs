// Runs the tests of the Rust crates under sanitizers, which find what only goes wrong by chance: all of them under the one for addresses, those
// with threads under the one for data races. That one needs a standard library that was compiled for it, so the sources of the
// toolchain (rust-src).
//
//   node scripts/sanitize.mjs [--addon]    the addon in Node instead, under the sanitizer for addresses
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/run.mjs'
import { countCargo, runCargo } from './lib/rust-tests.mjs'
import { testSanitizedAddon } from './lib/sanitized-addon.mjs'
import { Tally } from './lib/tally.mjs'

const target = 'x86_64-unknown-linux-gnu'
const core = ['--package=mmap-io-core', '--all-features']
const guard = ['--package=mmap-io-guard']
const withThreads = ['stress', 'views', 'atomics', 'locking', 'flush_policy']

const sum = new Tally()
if (process.platform !== 'linux' || process.arch !== 'x64') {
  skip('addresses and races', `this is not ${target}`)
} else if (process.argv.includes('--addon')) {
  const tally = await testSanitizedAddon(target, environment('address'))
  if (tally === undefined) skip('the addon', 'GCC has no libasan here')
  else sum.add(tally)
} else {
  await test('address', [...core, '--tests'])
  await test('address', [...guard, '--tests'])
  if (hasSources()) {
    await test('thread', [...core, '-Zbuild-std', '--lib', ...withThreads.map((name) => `--test=${name}`)])
    await test('thread', [...guard, '-Zbuild-std', '--test=threads'])
  } else skip('races', 'rustup cannot add rust-src')
}
sum.conclude()

async function test(sanitizer, which) {
  console.log(`\n== ${sanitizer} sanitizer, ${which[0]}`)
  const tally = new Tally()
  const options = ['--locked', '--no-fail-fast', `--target=${target}`]
  await runCargo(tally, ['test', ...options, ...which], countCargo, environment(sanitizer))
  console.log(`-- ${tally.passed} passed and ${tally.failed} failed under the ${sanitizer} sanitizer`)
  sum.add(tally)
}

function environment(sanitizer) {
  return {
    // Signals are the guard's business, and that of a test which shows what happens without it. What is registered with it lives for ever.
    ASAN_OPTIONS: 'handle_sigbus=0',
    LSAN_OPTIONS: `suppressions=${join(root, 'crates/guard/tests/leaks.txt')}`,
    TSAN_OPTIONS: `handle_sigbus=0:suppressions=${join(root, 'crates/guard/tests/races.txt')}`,
    CARGO_PROFILE_DEV_DEBUG: 'line-tables-only',
    CARGO_TARGET_DIR: join(root, 'target', 'sanitize'),
    RUSTC_BOOTSTRAP: '1', // sanitizers are for nightly compilers
    RUSTFLAGS: `-Zsanitizer=${sanitizer}`,
  }
}

function hasSources() {
  const sysroot = spawnSync('rustc', ['--print=sysroot'], { cwd: root, encoding: 'utf8' }).stdout.trim()
  const sources = join(sysroot, 'lib/rustlib/src/rust/library')
  return existsSync(sources) || spawnSync('rustup', ['component', 'add', 'rust-src'], { cwd: root, stdio: 'inherit' }).status === 0
}

function skip(what, reason) {
  console.log(`Skipped: ${what}: ${reason}`)
  sum.skipped += 1
}
