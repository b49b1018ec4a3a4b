// Compiles and runs the tests of the published crate against ours, with all features. They come from cargo's cache: nothing of
// them is kept here. What is left out, and why, is told by the table under "Tests that are left out" in docs/differences.md.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

const VERSION = '1.1.0'
const FEATURES = ['advise', 'async', 'atomic', 'bytes', 'cow', 'hugepages', 'iterator', 'locking', 'watch']
const root = join(import.meta.dirname, '..')
const lock = join(import.meta.dirname, 'published-tests', 'Cargo.lock')
const folder = mkdtempSync(join(tmpdir(), 'mmap-io-published-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

function project(name, manifest) {
  const path = join(folder, name)
  mkdirSync(path)
  writeFileSync(join(path, 'lib.rs'), '')
  const head = `[package]\nname = "${name}"\nversion = "0.0.0"\nedition = "2021"\nautotests = false\n[lib]\npath = "lib.rs"\n[workspace]\n`
  writeFileSync(join(path, 'Cargo.toml'), head + manifest)
  return path
}

const cargo = (cwd, ...args) =>
  execFileSync('cargo', args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] })

// Cargo brings the published crate into its cache and tells where it is.
const probe = project('probe', `[dependencies]\nmmap-io = "=${VERSION}"\n`)
const { packages } = JSON.parse(cargo(probe, 'metadata', '--format-version', '1'))
const tests = join(dirname(packages.find(({ name }) => name === 'mmap-io').manifest_path), 'tests')

const [, table = ''] = readFileSync(join(root, 'docs/differences.md'), 'utf8').split('## Tests that are left out')
const excluded = new Set([...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name))
const names = readdirSync(tests).flatMap((file) => (file.endsWith('.rs') ? [basename(file, '.rs')] : []))
const unknown = [...excluded].filter((name) => !names.includes(name))
if (unknown.length > 0) throw new Error(`docs/differences.md leaves out tests that there are not: ${unknown}`)

const manifest = [
  '[features]',
  ...FEATURES.map((feature) => `${feature} = []`),
  '[dev-dependencies]',
  `mmap-io = { package = "mmap-io-core", path = ${JSON.stringify(join(root, 'crates/core'))}, features = ${JSON.stringify(FEATURES)} }`,
  'bytes = "1"',
  'libc = "0.2"',
  'proptest = { version = "1.5", default-features = false, features = ["std", "bit-set", "fork", "timeout"] }',
  'tempfile = "3"',
  'tokio = { version = "1", features = ["macros", "rt-multi-thread"] }',
  ...names
    .filter((name) => !excluded.has(name))
    .flatMap((name) => ['[[test]]', `name = "${name}"`, `path = ${JSON.stringify(join(tests, `${name}.rs`))}`]),
]
const published = project('published-tests', `${manifest.join('\n')}\n`)
if (existsSync(lock)) copyFileSync(lock, join(published, 'Cargo.lock'))

function runTests(...selection) {
  const { stdout, status } = spawnSync('cargo', ['test', '--no-fail-fast', '--features', FEATURES.join(), ...selection], {
    cwd: published,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { CARGO_TARGET_DIR: join(root, 'target/published-tests'), ...process.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.stdout.write(stdout)
  const results = [...stdout.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed/gm)]
  const sum = (index) => results.reduce((total, row) => total + Number(row[index]), 0)
  const failures = [...stdout.matchAll(/^test (\S+) \.\.\. FAILED$/gm)].map(([, name]) => name)
  return { ok: status === 0, passed: sum(1), failed: sum(2), failures }
}

let { ok, passed, failed, failures } = runTests()
if (!existsSync(lock)) copyFileSync(join(published, 'Cargo.lock'), lock)
// Some of these tests compare clocks, which a busy machine can upset: what failed has a second chance, with nothing beside it.
if (failures.length > 0 && failures.length === failed && failed <= 3) {
  console.log(`once more, alone: ${failures.join(', ')}`)
  const again = runTests('--', '--exact', '--test-threads=1', ...failures)
  ok = again.ok && again.passed >= failed // a name may stand in two files
  passed += failed - again.failed
  failed = again.failed
}
console.log(`the published crate's tests: ${names.length - excluded.size} files, ${excluded.size} left out`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = ok && passed > 0 && failed === 0 ? 0 : 1
